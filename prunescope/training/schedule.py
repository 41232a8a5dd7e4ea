"""Learning rates over a training run."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from torch.optim.lr_scheduler import LambdaLR

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Callable

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
    ends: tuple[int, ...] = ()
    """Epochs at which a cycle ends, rising to `epochs`; each cycle is a whole schedule of its own. (): one cycle."""
    start_step: int = 0
    """Optimiser steps that lie behind when training begins."""
    stop_step: int | None = None
    """Optimiser steps after which it ends; None: all."""
    given: Callable[[int], float] | None = None
    """The factor of every step, instead of `shape`."""


def rate_factor(schedule: Schedule, step: int, *, steps_per_epoch: int) -> float:
    """Return the learning rate of one optimiser step, counted from 0, as a multiple of the base rate.

    multistep: drop_factor ** (number of drops that lie behind, at whole epochs; Zhou et al. 2023, section 3.1);
    cosine: (1 + cos(pi * step / steps)) / 2 (Loshchilov and Hutter 2017, equation 5, one cycle down to 0);
    constant: 1. The first W = warmup_epochs * steps_per_epoch steps are multiplied by (step + 1) / W. With `ends` all
    of this holds within each cycle, and the rate restarts after it (Portes et al. 2022).

    >>> schedule = Schedule(epochs=8)
    >>> [rate_factor(schedule, epoch, steps_per_epoch=1) for epoch in (0, 3, 4, 5)]
    [1.0, 1.0, 0.1, 0.1]
    >>> cyclic = Schedule(epochs=8, ends=(4, 8))
    >>> [rate_factor(cyclic, epoch, steps_per_epoch=1) for epoch in (0, 2, 4, 6)]
    [1.0, 0.1, 1.0, 0.1]
    """
    if schedule.given is not None:
        return schedule.given(step)
    if schedule.ends:
        cycle, before = _cycle(schedule, step // steps_per_epoch)
        return rate_factor(cycle, step - before * steps_per_epoch, steps_per_epoch=steps_per_epoch)
    warmup = round(schedule.warmup_epochs * steps_per_epoch)
    rising = min(1.0, (step + 1) / warmup) if warmup else 1.0
    if schedule.shape == "multistep":
        falls = sorted(max(1, round(fraction * schedule.epochs)) for fraction in schedule.drops)
        return rising * schedule.drop_factor ** bisect_right(falls, step // steps_per_epoch)
    if schedule.shape == "cosine":
        return rising * (1 + math.cos(math.pi * min(1.0, step / (schedule.epochs * steps_per_epoch)))) / 2
    return rising


def _cycle(schedule: Schedule, epoch: int) -> tuple[Schedule, int]:
    """Return the cycle an epoch (from 0) lies in as a schedule, and the epochs before it; the last never ends."""
    number = min(bisect_right(schedule.ends, epoch), len(schedule.ends) - 1)
    before = schedule.ends[number - 1] if number else 0
    return replace(schedule, epochs=schedule.ends[number] - before, ends=()), before


def step_span(schedule: Schedule, *, steps_per_epoch: int) -> range:
    """Return the optimiser steps of the schedule that are to be taken.

    >>> step_span(Schedule(epochs=8, start_step=10, stop_step=30), steps_per_epoch=5)
    range(10, 30)

    Raises:
        UsageError: the steps are not in order, or more than the schedule has.
    """
    total = schedule.epochs * steps_per_epoch
    stop = total if schedule.stop_step is None else schedule.stop_step
    if not 0 <= schedule.start_step <= stop <= total:
        raise UsageError(
            f"training from step {schedule.start_step} to step {stop} is not part of a schedule of "
            f"{count_text(total, 'step')} "
            f"({count_text(schedule.epochs, 'epoch')} of {steps_per_epoch})",
            fix="choose start_step <= stop_step, both at most all steps, or train for more epochs",
        )
    return range(schedule.start_step, stop)


def scheduler(optimizer: Optimizer, schedule: Schedule, *, steps_per_epoch: int) -> LambdaLR:
    """Return a scheduler to step once per optimiser step, from the schedule's first step on.

    Raises:
        UsageError: a drop lies outside (0, 1], or the warm-up is longer than the training.
    """
    outside = [fraction for fraction in schedule.drops if not 0 < fraction <= 1]
    if outside:
        raise UsageError(
            f"drops has {outside[0]:g}, wanted fractions of the epochs in (0, 1]",
            fix="the paper's drops at epochs 80 and 120 of 160 are 0.5,0.75",
        )
    longest = schedule.ends[0] if schedule.ends else schedule.epochs
    if schedule.warmup_epochs > longest:
        what = "first cycle" if schedule.ends else "training"
        raise UsageError(
            f"warmup_epochs is {schedule.warmup_epochs:g}, wanted at most the {count_text(longest, 'epoch')} of "
            f"the {what}",
            fix="shorten the warm-up or train for more epochs",
        )
    first = schedule.start_step
    return LambdaLR(optimizer, lambda step: rate_factor(schedule, first + step, steps_per_epoch=steps_per_epoch))
