"""A step of the knob: where to go from one value in an advised direction, and what that changes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Advice
from prunescope.regimes.direction import hottest_first, towards
from prunescope.regimes.siblings import choose_siblings
from prunescope.studies.cases.measured import TEST_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prunescope.studies.cases.measured import MeasuredModel

LEVEL = 0.8
"""Of the interval of an expected change."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What moving the knob does to the test error of the pruned model, as a fraction."""

    mean: float
    """Negative: better."""
    low: float
    high: float
    """Central 80 % interval."""
    n: int
    """Replicas behind it, on both sides."""


def find_target(
    models: Sequence[MeasuredModel], value: float, advice: Advice, *, knob: str, drop: float | None
) -> float | None:
    """Return where to go in the advised direction; None where the family ends.

    Of the next value, about half or double, and the last before the drop, the one with the least test error; the next
    one where errors are not known.
    """
    known = {model.value for model in models if not math.isnan(model.value)}
    nearest = neighbour(known, value, advice, knob=knob)
    if nearest is None:
        return None
    wide = choose_siblings([*known, value], value, knob=knob, drop=drop if knob == "epochs" else None)
    side = {nearest, *(one for one in wide if towards(value, one, knob=knob) is advice)}
    changes = {one: found for one in sorted(side) if (found := change(models, value, one)) is not None}
    return min(changes, key=lambda one: changes[one].mean) if changes else nearest


def neighbour(values: Iterable[float], value: float, advice: Advice, *, knob: str) -> float | None:
    """Return the next value in the advised direction, None where there is none.

    >>> epochs = [10, 40, 80]
    >>> neighbour(epochs, 40, Advice.RAISE, knob="epochs"), neighbour(epochs, 80, Advice.LOWER, knob="epochs")
    (10, None)
    """
    if advice not in (Advice.RAISE, Advice.LOWER) or math.isnan(value):
        return None
    order = hottest_first(sorted({known for known in values if not math.isnan(known)}), knob=knob)
    place = order.index(value) + (-1 if advice is Advice.RAISE else 1)
    return order[place] if 0 <= place < len(order) else None


def change(models: Sequence[MeasuredModel], value: float, to: float) -> Change | None:
    """Return the change of test error between two values of the knob; None where either has none.

    The standard error is Welch's over all replicas, or the one over the dense seeds' differences where that is larger.
    """
    seeds = sorted({model.seed for model in models})
    pairs = [(_errors(models, value, seed), _errors(models, to, seed)) for seed in seeds]
    pairs = [pair for pair in pairs if pair[0].size and pair[1].size]
    if not pairs:
        return None
    differences = np.array([after.mean() - before.mean() for before, after in pairs])
    stderr = max(_welch(pairs), _of_mean(differences))
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * stderr
    mean = float(differences.mean())
    return Change(mean=mean, low=mean - half, high=mean + half, n=sum(a.size + b.size for a, b in pairs))


def _errors(models: Sequence[MeasuredModel], value: float, seed: int) -> np.ndarray:
    found = next((model for model in models if model.value == value and model.seed == seed), None)
    return np.zeros(0) if found is None else found.array(TEST_ERROR)


def _welch(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the standard error of the mean over seeds of the difference of two means over replicas."""
    variance = sum(_of_mean(before) ** 2 + _of_mean(after) ** 2 for before, after in pairs)
    return math.sqrt(variance) / len(pairs)


def _of_mean(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else 0.0
