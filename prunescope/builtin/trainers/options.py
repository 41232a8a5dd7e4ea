"""Options that trainers share."""

from __future__ import annotations

from typing import Annotated, Literal

from prunescope.api import Option

Epochs = Annotated[int, Option("passes over the training data", minimum=1)]
LearningRate = Annotated[float, Option("learning rate, before it falls", minimum=0)]
Momentum = Annotated[float, Option("momentum of SGD", minimum=0, maximum=1)]
WeightDecay = Annotated[float, Option("weight decay, on all parameters", minimum=0)]
BatchSize = Annotated[int, Option("images per step", minimum=1)]
Shape = Annotated[Literal["multistep", "cosine", "constant"], Option("how the learning rate moves")]
Drops = Annotated[
    tuple[float, ...], Option("multistep: where the rate falls, as fractions of the epochs", minimum=0, maximum=1)
]
DropFactor = Annotated[float, Option("multistep: what the rate is multiplied by at a drop", minimum=0, maximum=1)]
WarmupEpochs = Annotated[float, Option("epochs over which the rate first rises linearly", minimum=0)]
Nesterov = Annotated[bool, Option("Nesterov's momentum")]
LabelSmoothing = Annotated[float, Option("label smoothing", minimum=0, maximum=1)]
MixupAlpha = Annotated[float, Option("alpha of MixUp's Beta distribution; 0: no MixUp", minimum=0)]
Augment = Annotated[bool, Option("augment the training images as the data set asks")]
StartStep = Annotated[
    int, Option("steps of the schedule that lie behind: training begins after them, with momentum zero", minimum=0)
]
StopStep = Annotated[int | None, Option("steps of the schedule after which training ends; none: all", minimum=0)]
Ema = Annotated[
    float,
    Option("decay of a moving average of the weights, which is what is kept then; 0: none", minimum=0, maximum=1),
]
Precision = Annotated[
    Literal["float32", "tf32", "bf16"], Option("arithmetic of the training steps; all but float32 need a GPU")
]
Compiling = Annotated[
    Literal["no", "yes", "cuda-graphs"],
    Option("whether steps are compiled (torch.compile); cuda-graphs: for small networks on a GPU"),
]
