"""Which way to move the temperature at one density, from a column of measured cells; and how often that is right.

Source: Zhou, Yang, Chang, Mahoney, "A Three-regime Model of Network Pruning", ICML 2023, section 5.1 (Algorithm 1).
Pure: numbers in, advice out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api import Advice
from prunescope.api.knobs import KNOBS
from prunescope.regimes.thresholds import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

EPSILON = PUBLISHED.epsilon
"""LMC below -epsilon is Regime I; middle of what separates it in figure 2 of the paper."""

CKA_GAP = 0.002
"""Within this of the best connected CKA of the column is Regime II-B."""

MARGIN = 0.004
"""Cells whose test error is within this of the best at their density do not count for directions."""

TIE = 1e-9
"""Test errors within this of the least are equally good."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One temperature at one density; readings are means over replicas."""

    value: float
    """Of the knob."""
    lmc: float
    cka: float | None
    test_error: float | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """How often advice was right at one density, among the cells off their column's optimum."""

    density: float
    right: int
    wrong: int
    """Advice to go the other way, or to stay."""
    abstained: int

    @property
    def cells(self) -> int:
        """Number of cells that count."""
        return self.right + self.wrong + self.abstained


def hottest_first(values: Iterable[float], *, knob: str) -> list[float]:
    """Return the values of a knob from the hottest to the coldest.

    >>> hottest_first([40, 10, 80], knob="epochs"), hottest_first([0.1, 0.4], knob="learning_rate")
    ([10, 40, 80], [0.4, 0.1])
    """
    return sorted(values, key=lambda value: -KNOBS[knob].hotter * value)


def towards(here: float, there: float, *, knob: str) -> Advice:
    """Return whether going from one value of a knob to another raises or lowers the temperature.

    >>> str(towards(80, 40, knob="epochs")), str(towards(0.1, 0.4, knob="rho")), str(towards(16, 16, knob="batch_size"))
    ('raise', 'raise', 'keep')
    """
    if here == there:
        return Advice.KEEP
    return Advice.RAISE if KNOBS[knob].hotter * (there - here) > 0 else Advice.LOWER


def direction(
    column: Sequence[Point], point: Point, *, knob: str, epsilon: float = EPSILON, gap: float = CKA_GAP
) -> Advice:
    """Return which way to move from `point`, given the other temperatures at the same density.

    Poorly connected (LMC < -epsilon): raise. Connected: keep within `gap` of the best connected CKA, else towards it;
    lower where CKA is unknown.

    >>> hot, cold = Point(value=40, lmc=-0.03, cka=0.94), Point(value=160, lmc=-0.64, cka=0.90)
    >>> str(direction([hot, cold], cold, knob="epochs")), str(direction([hot, cold], hot, knob="epochs"))
    ('raise', 'keep')
    """
    if point.lmc < -epsilon:
        return Advice.RAISE
    known = [(rival.cka, rival) for rival in column if rival.lmc >= -epsilon and rival.cka is not None]
    if point.cka is None or not known:
        return Advice.LOWER
    best_cka, best = max(known, key=lambda pair: pair[0])
    return Advice.KEEP if point.cka >= best_cka - gap else towards(point.value, best.value, knob=knob)


def score(
    errors: Mapping[float, float],
    *,
    density: float,
    knob: str,
    tolerance: float,
    advice: Callable[[float], Advice],
) -> Score:
    """Return how often the advice is right in the cells more than `tolerance` off their column's optimum.

    errors: value of the knob -> test error, at one density. advice: what is advised at a value; NONE abstains.
    """
    given = [(advice(value), ways) for value, ways in targets(errors, knob=knob, tolerance=tolerance).items()]
    abstained = sum(one is Advice.NONE for one, _ in given)
    right = sum(one in ways for one, ways in given)
    return Score(density=density, right=right, wrong=len(given) - right - abstained, abstained=abstained)


def targets(errors: Mapping[float, float], *, knob: str, tolerance: float) -> dict[float, frozenset[Advice]]:
    """Return the values more than `tolerance` off the optimum of their column, each with the ways to an optimum.

    errors: value of the knob -> test error, at one density. Where equal optima lie on both sides, either way is right.

    >>> found = targets({10: 0.15, 40: 0.10, 80: 0.102, 160: 0.12}, knob="epochs", tolerance=0.004)
    >>> {value: sorted(ways) for value, ways in found.items()}
    {10: [<Advice.LOWER: 'lower'>], 160: [<Advice.RAISE: 'raise'>]}
    """
    least = min(errors.values(), default=0.0)
    best = [value for value, error in errors.items() if error - least <= TIE]
    off = [value for value, error in errors.items() if error - least > tolerance]
    return {value: frozenset(towards(value, there, knob=knob) for there in best) - {Advice.KEEP} for value in off}
