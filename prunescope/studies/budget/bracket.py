"""Bisection over densities, continuous or of a list, for what holds from some density on or up to one."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, kw_only=True)
class Bracket:
    """Where a property of the density changes."""

    holds: float | None
    """The outermost density tried at which it holds; None: at none."""
    fails: float | None
    """The next density tried at which it does not; None: it holds at all."""


def smallest_holding(
    holds: Callable[[float], bool], *, least: float, most: float, tries: int, known: Sequence[float] = ()
) -> Bracket:
    """Return the bracket of the smallest density at which `holds` is true, given that it is from some density on.

    The bracket is halved `tries` times on a logarithmic scale; of the densities `known`, where there are any, all are
    admitted and nothing else. `most` and `least` are tried first.

    >>> found = smallest_holding(lambda density: density >= 0.2, least=0.01, most=1.0, tries=8)
    >>> round(found.fails, 3), round(found.holds, 3)
    (0.198, 0.202)
    >>> smallest_holding(lambda density: density >= 0.3, least=0.01, most=1.0, tries=8, known=[0.25, 0.5, 0.75, 1.0])
    Bracket(holds=0.5, fails=0.25)
    """
    return _bisect(holds, outer=most, inner=least, tries=tries, known=sorted(known))


def largest_holding(
    holds: Callable[[float], bool], *, least: float, most: float, tries: int, known: Sequence[float] = ()
) -> Bracket:
    """Return the bracket of the largest density at which `holds` is true, given that it is up to some density.

    >>> found = largest_holding(lambda density: density <= 0.2, least=0.01, most=1.0, tries=8)
    >>> round(found.holds, 3), round(found.fails, 3)
    (0.198, 0.202)
    """
    return _bisect(holds, outer=least, inner=most, tries=tries, known=sorted(known, reverse=True))


def _bisect(
    holds: Callable[[float], bool], *, outer: float, inner: float, tries: int, known: Sequence[float]
) -> Bracket:
    """Bisect between `outer`, where it holds if anywhere, and `inner`; `known` is ordered from inner to outer."""
    low, high = min(outer, inner), max(outer, inner)
    places = [density for density in known if low <= density <= high]
    if known:
        return _of_list(holds, places)
    if not holds(outer):
        return Bracket(holds=None, fails=outer)
    if holds(inner):
        return Bracket(holds=inner, fails=None)
    good, bad = outer, inner
    for _ in range(tries):
        middle = sqrt(good * bad)
        good, bad = (middle, bad) if holds(middle) else (good, middle)
    return Bracket(holds=good, fails=bad)


def _of_list(holds: Callable[[float], bool], places: Sequence[float]) -> Bracket:
    """Return the bracket among densities from the one at which it holds last to the one at which it holds first."""
    bad, good = -1, len(places)
    while good - bad > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if holds(places[middle]) else (good, middle)
    return Bracket(
        holds=places[good] if good < len(places) else None,
        fails=places[bad] if bad >= 0 else None,
    )
