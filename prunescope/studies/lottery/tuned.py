"""The options of fine-tuning: the last learning rate of a schedule, held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from prunescope.api import Trainer


def final_rate(trainer: Trainer, *, total: int) -> dict[str, Any]:
    """Return the options that hold the learning rate of the schedule's last step.

    Source: Renda et al. 2020, section 2: fine-tuning trains on at the last learning rate of the original training.
    total: steps of the whole schedule.

    Raises:
        UsageError: the schedule falls to zero, or the trainer does not say what it is.
    """
    shape = getattr(trainer, "schedule", None)
    if shape not in ("multistep", "constant") or getattr(trainer, "scheduler", None) is not None:
        raise UsageError(
            f"fine-tuning holds the last learning rate, and the schedule {shape or 'of this trainer'!r} ends at zero",
            fix="train with schedule=multistep, or leave out the method fine-tune",
        )
    from prunescope.training.schedule import Schedule, rate_factor

    known: Any = trainer
    whole = Schedule(epochs=known.epochs, shape=shape, drops=known.drops, drop_factor=known.drop_factor)
    factor = rate_factor(whole, total - 1, steps_per_epoch=total // known.epochs)
    return {"schedule": "constant", "learning_rate": known.learning_rate * factor, "warmup_epochs": 0.0}
