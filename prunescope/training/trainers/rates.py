"""The learning rate by the options of a trainer: where it falls, and its last value."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prunescope.training.trainers.options import ScheduleOptions


def drop_epochs(options: ScheduleOptions) -> tuple[float, ...]:
    """Return the epochs after which the rate falls by the drop factor, rising; () for other schedules."""
    if options.schedule != "multistep":
        return ()
    return tuple(sorted(float(max(1, round(fraction * options.epochs))) for fraction in options.drops))


def held_rate(options: ScheduleOptions, *, learning_rate: float, total: int) -> dict[str, object]:
    """Return the options that hold the rate of the schedule's last step; {} where it ends at zero.

    Source: Renda et al. 2020, section 2: fine-tuning trains on at the last learning rate of the original training.
    learning_rate: before it falls. total: steps of the whole schedule.
    """
    from prunescope.training.schedule import Schedule, rate_factor

    if options.schedule not in ("multistep", "constant"):
        return {}
    whole = Schedule(
        epochs=options.epochs, shape=options.schedule, drops=options.drops, drop_factor=options.drop_factor
    )
    factor = rate_factor(whole, total - 1, steps_per_epoch=total // options.epochs)
    return {"schedule": "constant", "learning_rate": learning_rate * factor, "warmup_epochs": 0.0}
