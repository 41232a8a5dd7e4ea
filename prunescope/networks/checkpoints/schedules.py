"""Learning-rate schedules of timm's and others' arguments, in the words of prunescope's trainers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.networks.models import JSON

SCHEDULES = {
    "cosine": "cosine",
    "cosineannealinglr": "cosine",
    "step": "multistep",
    "steplr": "multistep",
    "multistep": "multistep",
    "multisteplr": "multistep",
    "constant": "constant",
    "none": "constant",
}
"""Names in training programs -> ours."""


def schedule_of(settings: Mapping[str, Any]) -> tuple[dict[str, JSON], tuple[str, ...]]:
    """Return schedule and drop_factor where known, and a note on a schedule of another kind.

    >>> schedule_of({"sched": "step", "decay_rate": 0.1})
    ({'schedule': 'multistep', 'drop_factor': 0.1}, ())
    """
    names = [name for name in ("sched", "scheduler", "lr_scheduler", "schedule") if settings.get(name) is not None]
    theirs = settings[names[0]] if names else None
    if not isinstance(theirs, str):
        return {}, ()
    ours = SCHEDULES.get(theirs.lower() or "none")
    if ours is None:
        return {}, (f"trained with the schedule '{theirs}', which prunescope's trainers do not support",)
    found: dict[str, JSON] = {"schedule": ours}
    rate = settings.get("decay_rate", settings.get("gamma"))
    if ours == "multistep" and isinstance(rate, int | float) and 0 < rate < 1:
        found["drop_factor"] = float(rate)
    return found, ()


def drops_of(
    settings: Mapping[str, Any], schedule: Mapping[str, JSON], *, planned: int | None, done: int | None
) -> list[JSON] | None:
    """Return when the rate fell, as fractions of the epochs done; None where that is not known.

    >>> drops_of({"sched": "step", "decay_epochs": 30}, {"schedule": "multistep"}, planned=90, done=90)
    [0.333333, 0.666667]
    """
    if schedule.get("schedule") != "multistep" or not planned or not done:
        return None
    epochs = _milestones(settings, planned)
    if epochs is None:
        return None
    return [round(epoch / done, 6) for epoch in epochs if 0 < epoch < done]


def _milestones(settings: Mapping[str, Any], planned: int) -> list[float] | None:
    """Return the epochs at which the rate falls."""
    stated = settings.get("decay_milestones") if str(settings.get("sched")).lower() == "multistep" else None
    stated = stated if stated is not None else settings.get("milestones")
    if isinstance(stated, list | tuple) and all(isinstance(epoch, int | float) for epoch in stated):
        return sorted(float(epoch) for epoch in stated)
    every = settings.get("decay_epochs", settings.get("step_size"))
    if isinstance(every, int | float) and every > 0:
        return [every * count for count in range(1, int(planned / every) + 1)]
    return None
