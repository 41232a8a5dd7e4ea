"""Learning rates of timm's schedulers by name, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from timm.scheduler.scheduler_factory import create_scheduler_v2

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from prunescope.training.schedule import Schedule

KNOWN = ("cosine", "tanh", "poly", "step", "multistep")
"""Those of every timm we work with; a newer one may have more."""

DECAY = 0.2
"""Share of the training at whose end the rate falls, for those that stay constant first (wsd, rsqrt)."""


def rates(name: str, schedule: Schedule, *, steps_per_epoch: int) -> tuple[float, ...]:
    """Return the learning rate of every step under the scheduler that timm calls `name`, as multiples of the base rate.

    It runs over all epochs of `schedule` once, down to 0, warmed up linearly from 0. multistep falls by drop_factor at
    the drops, step again and again after as many epochs as the first drop has; drop_factor is the power of poly.

    >>> from prunescope.training.schedule import Schedule
    >>> [round(rate, 2) for rate in rates("tanh", Schedule(epochs=5), steps_per_epoch=1)]
    [1.0, 1.0, 1.0, 0.88, 0.12]

    Raises:
        UsageError: timm has no such scheduler, or one that needs more than the number of the step (plateau).
    """
    steps = schedule.epochs * steps_per_epoch
    drops = sorted(max(1, round(fraction * schedule.epochs)) * steps_per_epoch for fraction in schedule.drops)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    try:
        made, _ = create_scheduler_v2(
            optimizer,
            sched=name,
            num_epochs=steps,
            decay_epochs=(drops or [steps])[0] if name == "step" else round(DECAY * steps),
            decay_milestones=drops,
            decay_rate=schedule.drop_factor,
            warmup_epochs=round(schedule.warmup_epochs * steps_per_epoch),
            warmup_lr=0.0,
        )
    except Exception as error:  # timm has no error class of its own
        raise _unknown(name, str(error)) from error
    if made is None or name == "plateau":
        raise _unknown(
            name,
            "it requires a reading after every epoch" if made is not None else "it does not change the learning rate",
        )
    found = []
    for step in range(steps):
        made.step(step)
        found.append(float(optimizer.param_groups[0]["lr"]))
    return tuple(found)


def _unknown(name: str, reason: str) -> UsageError:
    return UsageError(
        f"timm's scheduler '{name}' cannot be used: {reason}", fix=f"name one of: {', '.join(KNOWN)}, or leave it out"
    )
