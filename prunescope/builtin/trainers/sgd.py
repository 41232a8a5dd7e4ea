"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api import Citation, Trainer
from prunescope.builtin.trainers import fitting, together
from prunescope.builtin.trainers.options import (
    Augment,
    BatchSize,
    Compiling,
    DropFactor,
    Drops,
    Ema,
    Epochs,
    LabelSmoothing,
    LearningRate,
    MixupAlpha,
    Momentum,
    Nesterov,
    Precision,
    Shape,
    StartStep,
    StopStep,
    WarmupEpochs,
    WeightDecay,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn

    from prunescope.api import Data, Epoch, Mask


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
    start_step: StartStep = 0
    stop_step: StopStep = None
    ema: Ema = 0.0
    precision: Precision = "float32"
    compiling: Compiling = "no"

    citations = (
        Citation(
            key="sutskever2013importance",
            authors=("Sutskever, Ilya", "Martens, James", "Dahl, George", "Hinton, Geoffrey"),
            title="On the importance of initialization and momentum in deep learning",
            venue="International Conference on Machine Learning",
            year=2013,
            url="https://proceedings.mlr.press/v28/sutskever13.html",
        ),
    )

    def fit(self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int) -> Iterator[Epoch]:
        """Train or retrain with SGD."""
        from prunescope.training.gradient import plain

        return fitting.fit(
            self, model, data, optimizer=fitting.sgd_of(self, model), gradient=plain, mask=mask, seed=seed
        )

    def together(self, model: nn.Module, data: Data) -> int:
        """Return a few for tiny networks."""
        return together.most(self, model, data)

    def fit_together(
        self, models: Sequence[nn.Module], data: Data, *, masks: Sequence[Mask | None], seeds: Sequence[int]
    ) -> Iterator[tuple[Epoch, ...]]:
        """Train all as one grouped network."""
        from prunescope.engine.gradient import plain

        return together.fit(self, models, data, gradient=plain, masks=masks, seeds=seeds)

    def passes(self, *, train: int) -> float:
        """Every step goes forward and backward once."""
        return fitting.passes(self, train=train, per_image=3.0)
