"""The optimisers and schedulers of timm by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Option, Trainer
from prunescope.training.trainers import fitting, rates
from prunescope.training.trainers.options import (
    Accumulate,
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
    Precision,
    ScheduleShape,
    StartStep,
    StopStep,
    WarmupEpochs,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import nn

    from prunescope.api import Data, Epoch, Mask, StateKeeper
    from prunescope.training.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Timm(Trainer):
    """Any optimiser and scheduler of timm by name. The default is AdamW."""

    optimizer: Annotated[str, Option("the optimiser, by its name in timm")] = "adamw"
    epochs: Epochs = 80
    learning_rate: LearningRate = 1e-3
    momentum: Momentum = 0.9
    weight_decay: Annotated[float, Option("weight decay, not on norms and biases", minimum=0)] = 0.05
    batch_size: BatchSize = 64
    schedule: ScheduleShape = "cosine"
    drops: Drops = (0.5, 0.75)
    drop_factor: DropFactor = 0.1
    warmup_epochs: WarmupEpochs = 0.0
    label_smoothing: LabelSmoothing = 0.0
    mixup: MixupAlpha = 0.0
    augment: Augment = True
    start_step: StartStep = 0
    stop_step: StopStep = None
    ema: Ema = 0.0
    precision: Precision = "float32"
    compiling: Compiling = "auto"
    accumulate: Accumulate = 1
    scheduler: Annotated[
        str | None,
        Option("timm's scheduler by name instead of schedule: cosine, tanh, poly, step, multistep; none: schedule"),
    ] = None

    citations = ("wightman2019timm",)

    def fit(self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int) -> Iterator[Epoch]:
        """Train or retrain with an optimiser of timm."""
        return self.fit_resumable(model, data, mask=mask, seed=seed, keeper=None)

    def fit_resumable(
        self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int, keeper: StateKeeper | None
    ) -> Iterator[Epoch]:
        """Save the state and resume from it."""
        from prunescope.training.gradient import plain
        from prunescope.training.optimizers import by_name

        optimizer = by_name(
            model,
            self.optimizer,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )
        schedule = self._schedule(len(data.train))
        return fitting.fit_by_options(
            self,
            model,
            data,
            optimizer=optimizer,
            gradient=plain,
            mask=mask,
            seed=seed,
            schedule=schedule,
            keeper=keeper,
        )

    def drop_epochs(self) -> tuple[float, ...]:
        """Return the drops of a multistep schedule; a scheduler of timm's has its own."""
        return () if self.scheduler else rates.drop_epochs(self)

    def held_rate(self, *, total: int) -> Mapping[str, object]:
        """Return the last rate of a schedule that does not end at zero; a scheduler of timm's does."""
        return {} if self.scheduler else rates.held_rate(self, learning_rate=self.learning_rate, total=total)

    def passes(self, *, train: int) -> float:
        """Every step goes forward and backward once."""
        return fitting.images_sent(self, train=train, per_image=3.0)

    def _schedule(self, images: int) -> Schedule:
        from dataclasses import replace

        from prunescope.training import timm_rates
        from prunescope.training.batches import steps_per_epoch

        chosen = fitting.schedule_of(self)
        if self.scheduler is None:
            return chosen
        rates = timm_rates.rates(self.scheduler, chosen, steps_per_epoch=steps_per_epoch(images, self.batch_size))
        return replace(chosen, given=lambda step: rates[min(step, len(rates) - 1)])
