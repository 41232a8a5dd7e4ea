"""A budget of trainings or of minutes, and what is left of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

from prunescope.api.errors import UsageError


@dataclass(kw_only=True)
class Purse:
    """What is left of the budget: trainings, or seconds since the command began."""

    runs: int | None
    seconds: float | None
    spent: int = 0
    """Trainings."""
    planned: float = 0.0
    """Seconds that steps of a dry run would take."""
    started: float = field(default_factory=monotonic)

    def allows(self, runs: int, seconds: float) -> bool:
        """Whether so many trainings, estimated to take so long, are still within the budget."""
        if self.runs is not None:
            return self.spent + runs <= self.runs
        return self.seconds is None or monotonic() - self.started + self.planned + seconds <= self.seconds


def purse(budget: str | int) -> Purse:
    """Return the budget that a number or a text means.

    >>> purse(12).runs, purse("12").runs, purse("10min").seconds
    (12, 12, 600.0)
    """
    number, minutes, _ = str(budget).partition("min")
    try:
        if minutes:
            return Purse(runs=None, seconds=60 * float(number))
        return Purse(runs=int(number), seconds=None)
    except ValueError as error:
        raise UsageError(f"--budget got {budget!r}", fix="it requires trainings (12) or minutes (10min)") from error
