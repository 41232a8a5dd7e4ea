"""What the statistics say of one reading along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from prunescope.api.errors import EvidenceError, UsageError
from prunescope_earlywarning.spread import spread_of_replicas
from prunescope_earlywarning.surrogates import Null
from prunescope_earlywarning.windows import MIN_POINTS, early_warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope_earlywarning.indicators import Indicator

CAVEATS = (
    "a rising trend is a hint, not proof: growing noise gives one without any bifurcation (Boettiger et al. 2013)",
    "transitions driven by noise or by a jump of the driver come without warning: no trend does not mean safe",
    "series picked because they ended in a transition rise by that choice alone (Boettiger & Hastings 2012)",
    "window and bandwidth were chosen, not estimated: see whether the verdict holds for others",
)


@dataclass(frozen=True, kw_only=True)
class TrendTest:
    """The choices of the test."""

    window: float = 0.5
    """Of the rolling statistics, as a share of the series."""
    bandwidth: float = 0.1
    """Of the trend taken out, as a share of the series."""
    null: Null = "ar1"
    surrogates: int = 500
    level: float = 0.05
    """Largest p-value that counts as a rise."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.null not in get_args(Null):
            raise UsageError(f"the surrogates are {self.null!r}, wanted ar1 or phase", fix="use ar1")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the statistics say of a series."""

    method: Literal["rolling windows", "spread of replicas", "none"]
    verdict: str
    """A verdict of `early_warning`; "variance alone" or "none" of the spread; "undecided"."""
    variance: Indicator | None = None
    autocorrelation: Indicator | None = None
    notes: tuple[str, ...] = ()


def judge(places: Sequence[float], values: Sequence[Sequence[float]], test: TrendTest) -> Judged:
    """Test a series: in rolling windows where it has MIN_POINTS places or more, else by the spread of its replicas.

    values: at each place, one or several. A series that cannot be tested is judged "undecided", with the reason.

    >>> judge([1, 2, 3], [[0.5], [0.6], [0.7]], TrendTest()).verdict
    'undecided'
    """
    try:
        return _rolling(places, values, test) if len(values) >= MIN_POINTS else _spread(values, test)
    except EvidenceError as error:
        return Judged(method="none", verdict="undecided", notes=(error.message,))


def _rolling(places: Sequence[float], values: Sequence[Sequence[float]], test: TrendTest) -> Judged:
    found = early_warning(
        [float(np.mean(each)) for each in values],
        window=test.window,
        bandwidth=test.bandwidth,
        null=test.null,
        count=test.surrogates,
        level=test.level,
        seed=test.seed,
    )
    return Judged(
        method="rolling windows",
        verdict=found.verdict,
        variance=found.variance,
        autocorrelation=found.autocorrelation,
        notes=() if _even(places) else ("the places are not evenly spaced, and were taken as if they were",),
    )


def _spread(values: Sequence[Sequence[float]], test: TrendTest) -> Judged:
    found = spread_of_replicas(values, count=max(test.surrogates, 1000), level=test.level, seed=test.seed)
    return Judged(
        method="spread of replicas",
        verdict="variance alone" if found.rises else "none",
        variance=found.variance,
        notes=("autocorrelation cannot be had from so few places; pairs of replicas are not quite independent",),
    )


def _even(places: Sequence[float]) -> bool:
    steps = [b - a for a, b in pairwise(places)]
    return max(steps) - min(steps) <= 1e-6 * max(map(abs, steps))
