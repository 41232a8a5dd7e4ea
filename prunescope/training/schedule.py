"""Learning rates over a training run."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from torch.optim.lr_scheduler import LambdaLR

from prunescope.errors import UsageError

if TYPE_CHECKING:
    from torch.optim import Optimizer


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How the learning rate moves over `epochs` epochs; every length is a share of them, so that it compresses."""

    epochs: int
    shape: Literal["multistep", "cosine", "constant"] = "multistep"
    drops: tuple[float, ...] = (0.5, 0.75)
    """Where "multistep" falls, as fractions of the epochs: after round(fraction * epochs) epochs, one at least."""
    drop_factor: float = 0.1
    warmup_epochs: float = 0.0


def rate_factor(schedule: Schedule, step: int, *, steps_per_epoch: int) -> float:
    """Return the learning rate of one optimiser step, counted from 0, as a multiple of the base rate.

    multistep: drop_factor ** (number of drops that lie behind, at whole epochs; Zhou et al. 2023, section 3.1);
    cosine: (1 + cos(pi * step / steps)) / 2 (Loshchilov and Hutter 2017, equation 5, one cycle down to 0);
    constant: 1. The first W = warmup_epochs * steps_per_epoch steps are multiplied by (step + 1) / W.

    >>> schedule = Schedule(epochs=8)
    >>> [rate_factor(schedule, epoch, steps_per_epoch=1) for epoch in (0, 3, 4, 5)]
    [1.0, 1.0, 0.1, 0.1]
    """
    warmup = round(schedule.warmup_epochs * steps_per_epoch)
    rising = min(1.0, (step + 1) / warmup) if warmup else 1.0
    if schedule.shape == "multistep":
        falls = sorted(max(1, round(fraction * schedule.epochs)) for fraction in schedule.drops)
        return rising * schedule.drop_factor ** bisect_right(falls, step // steps_per_epoch)
    if schedule.shape == "cosine":
        return rising * (1 + math.cos(math.pi * min(1.0, step / (schedule.epochs * steps_per_epoch)))) / 2
    return rising


def scheduler(optimizer: Optimizer, schedule: Schedule, *, steps_per_epoch: int) -> LambdaLR:
    """Return a scheduler to step once per optimiser step.

    Raises:
        UsageError: a drop lies outside (0, 1], or the warm-up is longer than the training.
    """
    outside = [fraction for fraction in schedule.drops if not 0 < fraction <= 1]
    if outside:
        raise UsageError(
            f"drops has {outside[0]:g}, wanted fractions of the epochs in (0, 1]",
            fix="the paper's drops at epochs 80 and 120 of 160 are 0.5,0.75",
        )
    if schedule.warmup_epochs > schedule.epochs:
        raise UsageError(
            f"warmup_epochs is {schedule.warmup_epochs:g}, wanted at most the {schedule.epochs} epochs of the training",
            fix="shorten the warm-up or train for more epochs",
        )
    return LambdaLR(optimizer, lambda step: rate_factor(schedule, step, steps_per_epoch=steps_per_epoch))
