"""Trainers of the core: SGD, sharpness-aware minimisation, and timm's optimisers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from prunescope.api import Option, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn
    from torch.optim import SGD, Optimizer

    from prunescope.api import Data, Epoch, Mask
    from prunescope.training.gradient import Gradient

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


@dataclass(frozen=True, kw_only=True)
class Sgd(Trainer):
    """SGD with momentum; the defaults are the paper's recipe at half its epochs."""

    epochs: Epochs = 80
    learning_rate: LearningRate = 0.1
    momentum: Momentum = 0.9
    weight_decay: WeightDecay = 1e-4
    batch_size: BatchSize = 64
    schedule: Shape = "multistep"
    drops: Drops = (0.5, 0.75)
    drop_factor: DropFactor = 0.1
    warmup_epochs: WarmupEpochs = 0.0
    nesterov: Nesterov = False
    label_smoothing: LabelSmoothing = 0.0
    mixup: MixupAlpha = 0.0
    augment: Augment = True

    def fit(self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int) -> Iterator[Epoch]:
        """Train or retrain with SGD."""
        from prunescope.training.gradient import plain

        return _fit(self, model, data, optimizer=_sgd(self, model), gradient=plain, mask=mask, seed=seed)


@dataclass(frozen=True, kw_only=True)
class Sam(Trainer):
    """Sharpness-aware minimisation: SGD on the gradient at the worst point nearby (Foret 2021)."""

    epochs: Epochs = 80
    learning_rate: LearningRate = 0.1
    momentum: Momentum = 0.9
    weight_decay: WeightDecay = 1e-4
    batch_size: BatchSize = 64
    schedule: Shape = "multistep"
    drops: Drops = (0.5, 0.75)
    drop_factor: DropFactor = 0.1
    warmup_epochs: WarmupEpochs = 0.0
    nesterov: Nesterov = False
    label_smoothing: LabelSmoothing = 0.0
    mixup: MixupAlpha = 0.0
    augment: Augment = True
    rho: Annotated[float, Option("radius of the neighbourhood", minimum=0)] = 0.05
    adaptive: Annotated[bool, Option("scale the neighbourhood with each weight (Kwon 2021)")] = False

    def fit(self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int) -> Iterator[Epoch]:
        """Train or retrain with SAM."""
        from functools import partial

        from prunescope.training.gradient import sharpness_aware

        gradient = partial(sharpness_aware, rho=self.rho, adaptive=self.adaptive, mask=mask)
        return _fit(self, model, data, optimizer=_sgd(self, model), gradient=gradient, mask=mask, seed=seed)

    def passes(self, *, train: int) -> float:
        """Every step goes forward and backward twice."""
        return 6.0 * self.epochs * train


@dataclass(frozen=True, kw_only=True)
class Timm(Trainer):
    """Any optimiser of timm by its name; the defaults train with AdamW."""

    optimizer: Annotated[str, Option("the optimiser, by its name in timm")] = "adamw"
    epochs: Epochs = 80
    learning_rate: LearningRate = 1e-3
    momentum: Momentum = 0.9
    weight_decay: Annotated[float, Option("weight decay, not on norms and biases", minimum=0)] = 0.05
    batch_size: BatchSize = 64
    schedule: Shape = "cosine"
    drops: Drops = (0.5, 0.75)
    drop_factor: DropFactor = 0.1
    warmup_epochs: WarmupEpochs = 0.0
    label_smoothing: LabelSmoothing = 0.0
    mixup: MixupAlpha = 0.0
    augment: Augment = True

    def fit(self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int) -> Iterator[Epoch]:
        """Train or retrain with an optimiser of timm."""
        from prunescope.training.gradient import plain
        from prunescope.training.optimizers import by_name

        optimizer = by_name(
            model,
            self.optimizer,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )
        return _fit(self, model, data, optimizer=optimizer, gradient=plain, mask=mask, seed=seed)


def _sgd(options: Sgd | Sam, model: nn.Module) -> SGD:
    from prunescope.training.optimizers import sgd

    return sgd(
        model,
        learning_rate=options.learning_rate,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
        nesterov=options.nesterov,
    )


def _fit(
    options: Sgd | Sam | Timm,
    model: nn.Module,
    data: Data,
    *,
    optimizer: Optimizer,
    gradient: Callable[[nn.Module], Gradient],
    mask: Mask | None,
    seed: int,
) -> Iterator[Epoch]:
    from prunescope.training import batches, loop, schedule

    return loop.fit(
        model,
        data,
        optimizer=optimizer,
        gradient=gradient,
        schedule=schedule.Schedule(
            epochs=options.epochs,
            shape=options.schedule,
            drops=options.drops,
            drop_factor=options.drop_factor,
            warmup_epochs=options.warmup_epochs,
        ),
        batches=batches.Batches(
            size=options.batch_size,
            augment=options.augment,
            mixup=options.mixup,
            label_smoothing=options.label_smoothing,
        ),
        mask=mask,
        seed=seed,
    )
