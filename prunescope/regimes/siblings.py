"""Which way to move the temperature, from dense networks of one training at several temperatures, pruned and compared.

Each member of the family is pruned to the density in question and retrained briefly, a few replicas each. What is
compared is the training error of the replicas: no labels of the test set are spent. Wide steps (about half, about
double) are compared, because neighbours that lie close differ less than replicas do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.errors import EvidenceError
from prunescope.api.knobs import KNOBS
from prunescope.regimes.least import pool_spread, share_of_least
from prunescope.regimes.selection import last_before

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COVERAGE = 0.80
"""Of the interval of a gain."""


@dataclass(frozen=True, kw_only=True)
class Sibling:
    """One dense network of a family, pruned to the density in question and retrained briefly."""

    value: float
    """Of the knob."""
    errors: tuple[float, ...]
    """Training error of each replica, fraction in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How much lower the error of another member is than that of the one in question."""

    towards: float
    """Value of the knob."""
    mean: float
    """Fraction; negative where the other is worse."""
    low: float
    high: float
    """Ends of the central 80 % interval."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How probable it is that the best of the family lies here, on the hotter side, or on the colder side."""

    here: float
    hotter: float
    colder: float
    """They add up to 1; 0 for a side on which no member was measured."""
    gain_hotter: Gain | None
    gain_colder: Gain | None
    """Towards the member of that side that is most probably its best; None where none was measured."""
    spread: float
    """Pooled standard deviation of a replica's error, fraction."""
    freedom: float
    """Its degrees of freedom."""

    @property
    def both_sides(self) -> bool:
        """Whether members were measured on both sides: only then can staying be advised."""
        return self.gain_hotter is not None and self.gain_colder is not None

    @property
    def direction(self) -> float:
        """Probability that the better side is the hotter one.

        With both sides measured: given that the best is not here. With one, errors are taken to have one valley along
        the knob: a measured side that is worse makes the other the better one.
        """
        if self.gain_colder is None:
            return self.hotter
        if self.gain_hotter is None:
            return 1 - self.colder
        away = self.hotter + self.colder
        return self.hotter / away if away > 0 else 0.5


def choose_siblings(values: Iterable[float], here: float, *, knob: str, drop: float | None = None) -> tuple[float, ...]:
    """Return which members of a family to compare, hottest first: here, about half, about double, and before the drop.

    On either side the member nearest to half and to double the value, by their ratio; so a side that has members has at
    least one. drop: epoch of the first drop of the learning rate, where the members are snapshots of one run: the
    last member at or before it is compared too.

    >>> choose_siblings([10, 20, 40, 60, 80, 100, 160], 80, knob="epochs", drop=60)
    (40, 60, 80, 160)
    >>> choose_siblings([10, 70, 80], 80, knob="epochs")
    (70, 80)
    """
    known = sorted(set(values))
    below, above = [value for value in known if value < here], [value for value in known if value > here]
    chosen = {here}
    if below:
        chosen.add(min(below, key=lambda value: _distance(value, here / 2)))
    if above:
        chosen.add(min(above, key=lambda value: _distance(value, here * 2)))
    if drop is not None and (last := last_before(known, drop=drop)) is not None:
        chosen.add(last)
    return tuple(sorted(chosen, key=lambda value: -KNOBS[knob].hotter * value))


def _distance(value: float, wanted: float) -> float:
    """Return the logarithm of the ratio; the difference where a value is zero, farther than any ratio."""
    if value > 0 and wanted > 0:
        return abs(math.log(value / wanted))
    return 1e6 + abs(value - wanted)


def compare_siblings(here: Sibling, others: Sequence[Sibling], *, knob: str) -> Comparison:
    """Return the posterior of where the best of the family lies.

    A member's error is ē_i + s t_ν / √n_i (`pool_spread`), and who is the least follows from `share_of_least`. The
    order of members and replicas does not matter. Unit: fraction in [0, 1].

    Raises EvidenceError where there is nothing to compare with, or a member has no replica.

    >>> found = compare_siblings(
    ...     Sibling(value=160, errors=(0.20, 0.21)),
    ...     [Sibling(value=80, errors=(0.15, 0.14)), Sibling(value=320, errors=(0.25, 0.26))],
    ...     knob="epochs",
    ... )
    >>> round(found.direction, 2), round(found.here, 2), found.gain_hotter.towards, round(found.gain_hotter.mean, 3)
    (1.0, 0.0, 80, 0.06)
    """
    members = [here, *others]
    if not others or not all(one.errors for one in members):
        raise EvidenceError("a family requires two members with replicas", fix="add another dense network of it")
    means = np.array([np.mean(one.errors) for one in members])
    counts = np.array([len(one.errors) for one in members], dtype=np.float64)
    errors = [one.errors for one in members]
    spread, freedom = pool_spread(errors)
    best = share_of_least(errors)
    sides = np.array([KNOBS[knob].hotter * np.sign(one.value - here.value) for one in members])

    def gain(side: int) -> Gain | None:
        places = np.flatnonzero(sides == side)
        if not len(places):
            return None
        place = int(places[best[places].argmax()])
        error = spread * math.sqrt(1 / counts[0] + 1 / counts[place])
        return _gain(members[place].value, float(means[0] - means[place]), error, freedom)

    hotter, colder = (float(best[sides == side].sum()) for side in (1, -1))
    return Comparison(
        here=float(best[sides == 0].sum()),
        hotter=hotter,
        colder=colder,
        gain_hotter=gain(1),
        gain_colder=gain(-1),
        spread=spread,
        freedom=freedom,
    )


def _gain(towards: float, mean: float, error: float, freedom: float) -> Gain:
    from scipy.special import stdtrit

    half = error * float(stdtrit(freedom, (1 + COVERAGE) / 2))
    return Gain(towards=towards, mean=mean, low=mean - half, high=mean + half)
