"""Options that trainers share, and what the training loop reads of them."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from prunescope.api import Option

Epochs = Annotated[int, Option("passes over the training data", minimum=1)]
LearningRate = Annotated[float, Option("initial learning rate", minimum=0)]
Momentum = Annotated[float, Option("momentum of SGD", minimum=0, maximum=1)]
WeightDecay = Annotated[float, Option("weight decay, on all parameters", minimum=0)]
BatchSize = Annotated[int, Option("images per step", minimum=1)]
ScheduleShape = Annotated[Literal["multistep", "cosine", "constant"], Option("schedule of the learning rate")]
Drops = Annotated[
    tuple[float, ...], Option("multistep: times of the drops, as fractions of the epochs", minimum=0, maximum=1)
]
DropFactor = Annotated[float, Option("multistep: factor of the rate at a drop", minimum=0, maximum=1)]
WarmupEpochs = Annotated[float, Option("epochs of linear warm-up of the rate", minimum=0)]
Nesterov = Annotated[bool, Option("Nesterov's momentum")]
LabelSmoothing = Annotated[float, Option("label smoothing", minimum=0, maximum=1)]
MixupAlpha = Annotated[float, Option("alpha of MixUp's Beta distribution; 0: no MixUp", minimum=0)]
Augment = Annotated[bool, Option("augment the training images by the data set's augmentation")]
StartStep = Annotated[int, Option("first step of the schedule: training begins there, with momentum zero", minimum=0)]
StopStep = Annotated[int | None, Option("step of the schedule at which training ends; none: the last", minimum=0)]
Ema = Annotated[
    float,
    Option(
        "decay of a moving average of the weights, which replaces the stored weights; 0: none", minimum=0, maximum=1
    ),
]
Precision = Annotated[
    Literal["float32", "tf32", "bf16"], Option("arithmetic of the training steps; all but float32 require a GPU")
]
Accumulate = Annotated[
    int,
    Option("parts of a batch, processed one after the other: less memory, the same step", minimum=1),
]
Compiling = Annotated[
    Literal["auto", "no", "capture", "yes", "cuda-graphs"],
    Option(
        "auto: on a GPU a step is captured once and repeated as one CUDA graph, where it can be; capture: on a CPU too,"
        " as a list of operations; no: step by step; yes, cuda-graphs: torch.compile, in minutes"
    ),
]


class MomentumOptions(Protocol):
    """What `training.optimizers.sgd` reads of a trainer."""

    @property
    def learning_rate(self) -> LearningRate:
        """Return the learning rate before it falls."""

    @property
    def momentum(self) -> Momentum:
        """Return the momentum."""

    @property
    def weight_decay(self) -> WeightDecay:
        """Return the weight decay."""

    @property
    def nesterov(self) -> Nesterov:
        """Return whether the momentum is Nesterov's."""


class ScheduleOptions(Protocol):
    """What `training.schedule.Schedule` reads of a trainer."""

    @property
    def epochs(self) -> Epochs:
        """Return the epochs of the whole schedule."""

    @property
    def schedule(self) -> ScheduleShape:
        """Return how the learning rate moves."""

    @property
    def drops(self) -> Drops:
        """Return where it falls, as fractions of the epochs."""

    @property
    def drop_factor(self) -> DropFactor:
        """Return what it is multiplied by at a drop."""

    @property
    def warmup_epochs(self) -> WarmupEpochs:
        """Return the epochs over which it first rises."""

    @property
    def start_step(self) -> StartStep:
        """Return the first step that is trained."""

    @property
    def stop_step(self) -> StopStep:
        """Return the step before which training ends; None: the last."""

    def stages(self) -> tuple[int, ...]:
        """Return the epochs at which a cycle ends; (): one cycle."""


class BatchOptions(Protocol):
    """What `training.batches.Batches` reads of a trainer."""

    @property
    def batch_size(self) -> BatchSize:
        """Return the images per step."""

    @property
    def augment(self) -> Augment:
        """Return whether images are augmented."""

    @property
    def mixup(self) -> MixupAlpha:
        """Return alpha of MixUp; 0: no MixUp."""

    @property
    def label_smoothing(self) -> LabelSmoothing:
        """Return the label smoothing."""


class FittingOptions(ScheduleOptions, BatchOptions, Protocol):
    """What the training loop reads of a trainer."""

    @property
    def ema(self) -> Ema:
        """Return the decay of a moving average of the weights; 0: none."""

    @property
    def precision(self) -> Precision:
        """Return the arithmetic of the steps."""

    @property
    def compiling(self) -> Compiling:
        """Return whether steps are compiled."""

    @property
    def accumulate(self) -> Accumulate:
        """Return in how many parts the gradient of a batch is taken."""


class TogetherOptions(FittingOptions, MomentumOptions, Protocol):
    """What the training of several models at once reads of a trainer."""
