"""From two sides to what changed, and whether the pruned networks are worse."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.studies.difference.sides import Place, Side, read_side

if TYPE_CHECKING:
    from prunescope.runs.session import Session
    from prunescope.studies.difference.question import DifferenceQuestion

ERROR = "errors/test_error"


@dataclass(frozen=True, kw_only=True)
class ChangedReading:
    """A reading on both sides, means over replicas or pairs."""

    where: str
    reading: str
    before: float
    after: float
    stderr: float | None
    """Of the difference, from the spread over replicas or pairs; None with a single value on a side."""

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before

    @property
    def clear(self) -> bool:
        """Whether the change is more than twice its standard error; of single values, whether there is any."""
        return abs(self.change) > 2 * (self.stderr or 0.0)


@dataclass(frozen=True, kw_only=True)
class ChangedVerdict:
    """The verdicts at one density; "n/a" where a side has none."""

    where: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What changed from one side to the other."""

    before: str
    after: str
    verdicts: tuple[ChangedVerdict, ...]
    """All of them, changed or not."""
    readings: tuple[ChangedReading, ...]
    """What both sides measured."""
    only_before: tuple[Place, ...]
    only_after: tuple[Place, ...]
    worse: tuple[ChangedReading, ...]
    """Test errors that grew by more than the points asked, clearly."""
    problems: tuple[str, ...] = ()
    """What is wrong with damaged files of the studies, which are left out."""


def answer_difference(question: DifferenceQuestion, session: Session) -> Difference:
    """Compare two diagnoses, or two studies; UsageError where they have no place in common."""
    if question.points < 0:
        raise UsageError(f"--points got {question.points:g}", fix="it requires a number from 0")
    before, after = (read_side(given, session) for given in (question.before, question.after))
    readings = tuple(_changed(place, before, after) for place in before.values if place in after.values)
    if not readings:
        raise UsageError(
            f"{before.name} and {after.name} have no reading at one place in common",
            fix="compare diagnoses at the same densities, or studies of the same knobs",
        )
    where = dict.fromkeys([*before.verdicts, *after.verdicts])
    return Difference(
        before=before.name,
        after=after.name,
        verdicts=tuple(
            ChangedVerdict(where=one, before=before.verdicts.get(one, "n/a"), after=after.verdicts.get(one, "n/a"))
            for one in where
        ),
        readings=readings,
        only_before=tuple(place for place in before.values if place not in after.values),
        only_after=tuple(place for place in after.values if place not in before.values),
        worse=tuple(
            one for one in readings if one.reading == ERROR and one.clear and one.change > question.points / 100
        ),
        problems=(*before.problems, *after.problems),
    )


def _changed(place: Place, before: Side, after: Side) -> ChangedReading:
    import numpy as np

    sides = [np.asarray(side.values[place]) for side in (before, after)]
    known = all(len(side) > 1 for side in sides)
    variance = sum(float(side.var(ddof=1)) / len(side) for side in sides) if known else None
    return ChangedReading(
        where=place.where,
        reading=place.reading,
        before=float(sides[0].mean()),
        after=float(sides[1].mean()),
        stderr=None if variance is None else sqrt(variance),
    )
