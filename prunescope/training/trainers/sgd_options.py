"""What trainers by SGD share: their options, and how these are used."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api import Trainer
from prunescope.training.trainers import fitting, rates, together
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
    Nesterov,
    Precision,
    ScheduleShape,
    StartStep,
    StopStep,
    WarmupEpochs,
    WeightDecay,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import nn

    from prunescope.api import Data, Epoch, Mask, StateKeeper
    from prunescope.training.trainers.step_gradients import StepGradients


@dataclass(frozen=True, kw_only=True)
class SgdOptions(Trainer):
    """A trainer whose steps are those of SGD with momentum, whatever gradient they take."""

    epochs: Epochs = 80
    learning_rate: LearningRate = 0.1
    momentum: Momentum = 0.9
    weight_decay: WeightDecay = 1e-4
    batch_size: BatchSize = 64
    schedule: ScheduleShape = "multistep"
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
    compiling: Compiling = "auto"
    accumulate: Accumulate = 1

    @abstractmethod
    def gradients(self, mask: Mask | None) -> StepGradients:
        """Return the gradient of a step: of one network under its mask, and of several as one grouped network."""

    def fit(self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int) -> Iterator[Epoch]:
        """Train or retrain."""
        return self.fit_resumable(model, data, mask=mask, seed=seed, keeper=None)

    def fit_resumable(
        self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int, keeper: StateKeeper | None
    ) -> Iterator[Epoch]:
        """Save the state and resume from it."""
        return fitting.fit_by_options(
            self,
            model,
            data,
            optimizer=fitting.sgd_of(self, model),
            gradient=self.gradients(mask).alone,
            mask=mask,
            seed=seed,
            keeper=keeper,
        )

    def fit_together(
        self, models: Sequence[nn.Module], data: Data, *, masks: Sequence[Mask | None], seeds: Sequence[int]
    ) -> Iterator[tuple[Epoch, ...]]:
        """Train all as one grouped network."""
        return self.fit_together_resumable(models, data, masks=masks, seeds=seeds, keeper=None)

    def fit_together_resumable(
        self,
        models: Sequence[nn.Module],
        data: Data,
        *,
        masks: Sequence[Mask | None],
        seeds: Sequence[int],
        keeper: StateKeeper | None,
    ) -> Iterator[tuple[Epoch, ...]]:
        """Save the state of all and resume from it."""
        gradient = self.gradients(None).grouped
        return together.fit_group(self, models, data, gradient=gradient, masks=masks, seeds=seeds, keeper=keeper)

    def drop_epochs(self) -> tuple[float, ...]:
        """Return the drops of a multistep schedule."""
        return rates.drop_epochs(self)

    def held_rate(self, *, total: int) -> Mapping[str, object]:
        """Return the last rate of a schedule that does not end at zero."""
        return rates.held_rate(self, learning_rate=self.learning_rate, total=total)

    def together(self, model: nn.Module, data: Data) -> int:
        """Return a few for tiny networks."""
        return together.most(self, model, data)
