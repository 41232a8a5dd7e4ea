"""Case study 1: at one density, whether the temperature of dense training is to go up or down, and what that changes.

Source: Zhou et al. 2023, section 5.1, Algorithm 1. The rule judges each dense seed by itself, with the same seed's
other temperatures as neighbours; the seeds then vote with their confidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Advice
from prunescope.regimes.direction import hottest_first, towards
from prunescope.regimes.log_odds import CERTAINTY
from prunescope.regimes.siblings import choose_siblings
from prunescope.studies.cases.measured import TEST_ERROR, judge_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prunescope.api import Diagnosis, RegimeRule
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


@dataclass(frozen=True, kw_only=True)
class Advised:
    """What to do with the knob at `value`."""

    value: float
    regime: str
    """Of most seeds."""
    advice: Advice
    confidence: float | None
    """Mean over the dense seeds of the confidence of those that gave this advice; None where none had any. Where
    `hotter` is known, of the direction."""
    to: float | None
    """A measured value in that direction; None where the family ends or nothing is to change."""
    change: Change | None
    """None where the neighbour was not measured."""
    because: tuple[str, ...]
    hotter: float | None = None
    """Probability that a hotter dense training is the better one, given that this is not: mean over the dense seeds."""
    regime_probability: float | None = None
    """Mean over the dense seeds; None where it is not known."""


def advise_model(
    models: Sequence[MeasuredModel],
    *,
    value: float,
    knob: str,
    rule: RegimeRule,
    first_drop: float | None = None,
    certainty: float = CERTAINTY,
) -> Advised:
    """Return which way to move the knob from `value`, NaN where it is unknown.

    A step whose measured change of the test error is for the worse is not advised.

    models: every measured dense model at one density, one per value and seed. first_drop: epochs of the dense training
    after which its learning rate first fell. Raises ValueError where none of the models has the value.
    """
    here = [model for model in models if model.value == value or (math.isnan(value) and math.isnan(model.value))]
    if not here:
        raise ValueError(f"no model was measured at {knob} {value:g}")
    verdicts = [
        judge_model(rule, model, _others(models, model), knob=knob, first_drop=first_drop, certainty=certainty)
        for model in here
    ]
    advice = _vote(verdicts)
    agreeing = [verdict for verdict in verdicts if verdict.advice is advice]
    known = [verdict.confidence for verdict in agreeing if verdict.confidence is not None]
    to = _target(models, value, advice, knob=knob, drop=first_drop)
    moved = None if to is None else change(models, value, to)
    because = agreeing[0].because
    if len(verdicts) > 1:
        because = (*because, f"{len(agreeing)} of {len(verdicts)} dense seeds advise {advice}")
    if moved is not None and moved.mean > 0:
        reason = f"{advice} is the probable direction, but the step to {knob} {to:g} was measured and is not better"
        because, advice, to = (reason, *because), Advice.NONE, None
    return Advised(
        value=value,
        regime=str(agreeing[0].regime or "n/a"),
        advice=advice,
        confidence=sum(known) / len(verdicts) if known else None,
        to=to,
        change=moved if to is not None else None,
        because=because,
        hotter=_mean([verdict.hotter for verdict in verdicts]),
        regime_probability=_mean([verdict.regime_probability for verdict in verdicts]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _target(
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


def _others(models: Sequence[MeasuredModel], here: MeasuredModel) -> list[MeasuredModel]:
    return [model for model in models if model.seed == here.seed and model.name != here.name]


def _vote(verdicts: Sequence[Diagnosis]) -> Advice:
    """Return the advice with the greatest sum of confidences; an abstention weighs little."""
    weights: dict[Advice, float] = {}
    for verdict in verdicts:
        abstains = verdict.advice is Advice.NONE
        weight = 0.0 if abstains else 0.5 if verdict.confidence is None else verdict.confidence
        weights[verdict.advice] = weights.get(verdict.advice, 0.0) + weight
    return max(weights, key=lambda advice: weights[advice])


def _errors(models: Sequence[MeasuredModel], value: float, seed: int) -> np.ndarray:
    found = [model.array(TEST_ERROR) for model in models if model.value == value and model.seed == seed]
    return found[0] if found else np.zeros(0)


def _welch(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the standard error of the mean over seeds of the difference of two means over replicas."""
    variance = sum(_of_mean(before) ** 2 + _of_mean(after) ** 2 for before, after in pairs)
    return math.sqrt(variance) / len(pairs)


def _of_mean(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else 0.0
