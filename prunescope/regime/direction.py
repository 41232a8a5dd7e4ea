"""Which way to move the temperature at one density, from a column of measured cells; and how often that is right.

Source: Zhou, Yang, Chang, Mahoney, "A Three-regime Model of Network Pruning", ICML 2023, section 5.1 (Algorithm 1).
Pure: numbers in, advice out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api import Advice
from prunescope.temperature import HOTTER

if TYPE_CHECKING:
    from collections.abc import Sequence

EPSILON = 0.10
"""LMC below -epsilon is Regime I; middle of what separates it in figure 2 of the paper."""

CKA_GAP = 0.002
"""Within this of the best connected CKA of the column is Regime II-B."""


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
    """How often the advice led towards the column's optimum."""

    right: int
    of: int
    """Cells whose error exceeds their column's optimum by more than the tolerance."""

    @property
    def share(self) -> float:
        """The fraction of the counted cells; NaN where none counts."""
        return self.right / self.of if self.of else float("nan")


def hottest_first(values: Sequence[float], *, knob: str) -> list[float]:
    """Return the values of a knob from the hottest to the coldest.

    >>> hottest_first([40, 10, 80], knob="epochs"), hottest_first([0.1, 0.4], knob="learning_rate")
    ([10, 40, 80], [0.4, 0.1])
    """
    return sorted(values, key=lambda value: -HOTTER[knob] * value)


def towards(here: float, there: float, *, knob: str) -> Advice:
    """Return whether going from one value of a knob to another raises or lowers the temperature.

    >>> str(towards(80, 40, knob="epochs")), str(towards(0.1, 0.4, knob="rho")), str(towards(16, 16, knob="batch_size"))
    ('raise', 'raise', 'keep')
    """
    if here == there:
        return Advice.KEEP
    return Advice.RAISE if HOTTER[knob] * (there - here) > 0 else Advice.LOWER


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
    columns: Sequence[Sequence[Point]],
    *,
    knob: str,
    tolerance: float,
    epsilon: float = EPSILON,
    gap: float = CKA_GAP,
) -> Score:
    """Return how often the advice is right in the cells more than `tolerance` off their column's optimum.

    columns: the cells of one density each; every cell needs its test error.
    """
    right = of = 0
    for column in columns:
        for point, wanted in targets(column, knob=knob, tolerance=tolerance):
            of += 1
            right += direction(column, point, knob=knob, epsilon=epsilon, gap=gap) is wanted
    return Score(right=right, of=of)


def targets(column: Sequence[Point], *, knob: str, tolerance: float) -> list[tuple[Point, Advice]]:
    """Return the cells more than `tolerance` off the optimum of their column, each with the way to the optimum."""
    best_error, best = min(((_error(point), point) for point in column), key=lambda pair: pair[0])
    off = [point for point in column if _error(point) - best_error > tolerance]
    return [(point, towards(point.value, best.value, knob=knob)) for point in off]


def _error(point: Point) -> float:
    if point.test_error is None:
        raise ValueError(f"the test error at {point.value:g} is unknown")
    return point.test_error
