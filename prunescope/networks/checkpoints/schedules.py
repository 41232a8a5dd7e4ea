"""Learning-rate schedules of timm's and others' arguments, in the words of prunescope's trainers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.networks.models import JSON

MOST_DROPS = 1000

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


KEPT = ("lr_scheduler", "scheduler", "lr_schedulers", "scheduler_state_dict", "lr_scheduler_state_dict")
"""Where training programs save their scheduler's state."""


def of_scheduler(beside: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the state of a scheduler of torch holds, under the names of settings, and `last_epoch`: its calls.

    >>> of_scheduler({"scheduler": {"step_size": 30, "gamma": 0.1, "last_epoch": 90}})
    {'last_epoch': 90, 'scheduler': 'steplr', 'step_size': 30, 'gamma': 0.1}
    """
    states: Any = next((beside[key] for key in KEPT if isinstance(beside.get(key), dict | list)), {})
    state = states[0] if isinstance(states, list) and states else states
    if not isinstance(state, dict):
        return {}
    found: dict[str, Any] = {"last_epoch": state["last_epoch"]} if isinstance(state.get("last_epoch"), int) else {}
    if isinstance(state.get("step_size"), int):
        return {**found, "scheduler": "steplr", "step_size": state["step_size"], "gamma": state.get("gamma")}
    milestones = state.get("milestones")
    if isinstance(milestones, dict) and all(isinstance(epoch, int) for epoch in milestones):
        return {**found, "scheduler": "multisteplr", "milestones": sorted(milestones), "gamma": state.get("gamma")}
    return {**found, "scheduler": "cosineannealinglr"} if "T_max" in state else found


def schedule_settings(settings: Mapping[str, Any]) -> tuple[dict[str, JSON], tuple[str, ...]]:
    """Return schedule and drop_factor where known, and a note on a schedule of another kind.

    >>> schedule_settings({"sched": "step", "decay_rate": 0.1})
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
    rate = settings.get("decay_rate", settings.get("lr_gamma", settings.get("gamma")))
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
    every = settings.get("decay_epochs", settings.get("lr_step_size", settings.get("step_size")))
    if isinstance(every, int | float) and planned / MOST_DROPS < every < math.inf:
        # torchvision's references begin to count when the warm-up is over (torch's SequentialLR)
        start = settings.get("lr_warmup_epochs") if "lr_step_size" in settings else 0
        first = start if isinstance(start, int | float) else 0
        return [first + every * count for count in range(1, int(planned / every) + 1)]
    return None
