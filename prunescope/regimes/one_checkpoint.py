"""What one checkpoint shows of its temperature, without another to compare with.

How much of what the loss of training fell came before the learning rate first dropped: where it had long stopped by
then, and fell with the rate, the noise of the steps was what kept it up, and a colder training gets below it; where it
fell before as after, the steps were too small or too few, and a hotter one gets further. A network that answers no
better than at random shows nothing of the kind: its loss did not fall.
"""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from prunescope.regimes.learning import LEARNED, is_better_than_chance

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from prunescope.api import Reading

LEAST_EPOCHS = 8
"""A first phase of fewer epochs is too short to be divided into quarters."""

COURSE_KNOBS = ("batch_size", "learning_rate", "weight_decay")
"""Knobs along which the course of a training was measured to point to the better side. It points to the noise of the
steps: along the radius of sharpness-aware minimisation it was wrong wherever it was sure."""

DENSE_ERROR, DENSE_CHANCE = "dense/train_error", "dense/train_chance"
"""Training error of the dense network, and that of the best answer that is the same for all images."""


def measure_progress(losses: Sequence[float], drop: float) -> float | None:
    """Return the share of the fall of the training loss that came before the first drop of its learning rate.

    Formula: b / (|b| + |a|), b = L₂ − L₄, a = L₄ − L_end: mean losses of the second and of the last quarter of the
    epochs before the drop, and of as many epochs at the end of the training; in [−1, 1], 0: it had stopped. The first
    quarter, where every training falls, does not count. The share depends on neither the unit of the loss nor its
    floor: labels that are wrong add the same to all three.
    losses: of every epoch in order. drop: epochs after which the rate first fell. None is returned where these are
    fewer than 8, the training ended less than a quarter of them after the drop, or a loss that counts is not finite.

    >>> measure_progress([1.0] * 12, drop=8), measure_progress([8, 7, 6, 5, 4, 3, 2, 1, 0.5, 0.5], drop=8)
    (0.0, 0.8)
    >>> measure_progress([1.0] * 8, drop=8) is None
    True
    """
    epochs = int(drop)
    quarter = epochs // 4
    if epochs < LEAST_EPOCHS or len(losses) < epochs + quarter:
        return None
    second, last, end = losses[quarter : epochs // 2], losses[epochs - quarter : epochs], losses[-quarter:]
    if not all(math.isfinite(loss) for loss in (*second, *last, *end)):
        return None
    before, after = fmean(second) - fmean(last), fmean(last) - fmean(end)
    return before / (abs(before) + abs(after)) if before or after else 0.0


def has_course(knob: str | None, knobs: Collection[str]) -> bool:
    """Return whether the course of a training says which way a knob is to be moved; None: the knob is not known.

    knobs: the settings that the training has.

    >>> has_course("rho", ("rho",)), has_course(None, ("rho",)), has_course(None, ("batch_size",))
    (False, False, True)
    """
    return knob in COURSE_KNOBS if knob is not None else "rho" not in knobs


def has_fallen(readings: Mapping[str, Reading], *, learned: float = LEARNED) -> bool:
    """Return whether a dense network errs less than about as often as one answer for all: its loss has fallen.

    Where one of the two errors is not among the readings, it counts as fallen. learned: 1 is satisfied with anything.
    """
    if learned >= 1 or DENSE_ERROR not in readings or DENSE_CHANCE not in readings:
        return True
    error, chance = (float(np.mean(readings[name].value)) for name in (DENSE_ERROR, DENSE_CHANCE))
    return is_better_than_chance(error, chance)
