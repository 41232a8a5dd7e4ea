"""The optimisers of timm by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Citation, Option, Trainer
from prunescope.builtin.trainers import fitting
from prunescope.builtin.trainers.options import (
    Augment,
    BatchSize,
    DropFactor,
    Drops,
    Epochs,
    LabelSmoothing,
    LearningRate,
    MixupAlpha,
    Momentum,
    Shape,
    WarmupEpochs,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from prunescope.api import Data, Epoch, Mask


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

    citations = (
        Citation(
            key="wightman2019timm",
            authors=("Wightman, Ross",),
            title="PyTorch Image Models",
            venue="GitHub",
            year=2019,
            url="https://github.com/huggingface/pytorch-image-models",
        ),
    )

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
        return fitting.fit(self, model, data, optimizer=optimizer, gradient=plain, mask=mask, seed=seed)
