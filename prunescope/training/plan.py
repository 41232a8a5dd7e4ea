"""What a network is trained on and for how long, and what an epoch of it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from prunescope.training.batches import steps_per_epoch
from prunescope.training.schedule import scheduler, step_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor, nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR

    from prunescope.api import Data
    from prunescope.training.batches import Batches
    from prunescope.training.schedule import Schedule

Parts = tuple[tuple["Tensor", "Tensor"], ...]
"""Images and targets of each model."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a network is trained on, and for how long."""

    data: Data
    schedule: Schedule
    batches: Batches
    seeds: Sequence[int]
    """Of each model: its order and augmentation."""
    stack: Callable[[Parts], tuple[Tensor, Tensor]]
    """Put the batches of the models side by side."""

    @property
    def steps(self) -> int:
        """Return the optimiser steps of an epoch."""
        return steps_per_epoch(len(self.data.train), self.batches.size)

    @property
    def taken(self) -> range:
        """Return the optimiser steps to take."""
        return step_span(self.schedule, steps_per_epoch=self.steps)

    @property
    def of(self) -> int:
        """Return the number of the last epoch."""
        return -(-self.taken.stop // self.steps)

    def rates(self, optimizer: Optimizer) -> LambdaLR:
        """Return the learning rates of the steps to take."""
        return scheduler(optimizer, self.schedule, steps_per_epoch=self.steps)


@dataclass(frozen=True, kw_only=True)
class Done:
    """A finished epoch."""

    number: int
    learning_rate: float
    """Of the last step."""
    losses: Sequence[float]
    """Mean over the images, of each model."""
    errors: Sequence[float]
    """Mean error over the images, of each model, fraction in [0, 1]."""

    def finite(self, weights: Iterable[nn.Parameter]) -> bool:
        """Return whether all losses and weights are finite."""
        norms = torch.stack([weight.detach().float().norm() for weight in weights])
        total = sum(self.losses) + float(norms.sum())
        return total - total == 0  # not for infinity and NaN


def done(number: int, rate: float, losses: Tensor, wrong: Tensor, sizes: Sequence[int]) -> Done:
    """Return the epoch of these steps; the one moment of it that waits for the device.

    losses, wrong: of each step and model, (steps, K), means and sums; sizes: the images of each step.
    """
    weights = torch.tensor(sizes, dtype=torch.float64)
    columns = losses.cpu().double().T.contiguous()
    means = [float((column * weights).sum() / weights.sum()) for column in columns]
    errors = [total / sum(sizes) for total in wrong.cpu().double().sum(0).tolist()]
    return Done(number=number, learning_rate=rate, losses=means, errors=errors)
