"""What steps would cost, to a person and to a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import count_text
from prunescope.report.common import console
from prunescope.report.common.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from prunescope.runs.scheduling.cost import CostEstimate
    from prunescope.runs.session import Session

LEAST_SECONDS = 45
"""Below this, starting the workers takes longer than the work."""

COST_COLUMNS = ("step", "plugin", "runs", "images", "time on one worker")


def in_words(estimate: CostEstimate, slots: int) -> str:
    """Return an estimate as a line; `slots` jobs run at a time."""
    seconds = estimate.seconds / slots
    took = f"about {console.duration(seconds)}" if seconds > LEAST_SECONDS else "less than a minute"
    return (
        f"{took}, {count_text(estimate.steps, 'step')}, {count_text(estimate.passes, 'image pass')}, "
        f"{console.size(estimate.bytes)} on disk"
    )


def cost_of(estimate: CostEstimate, session: Session) -> Cost:
    """Return the finding of a dry run."""
    return Cost(estimate=estimate, slots=session.executor.instance.slots())


@dataclass(frozen=True, kw_only=True, repr=False)
class Cost(Finding):
    """What a question would take: nothing of it was run."""

    estimate: CostEstimate
    slots: int
    """Jobs that run at a time."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What else is known of the plan, for a person and in the JSON."""
    reported: tuple[str, ...] = ()
    """Of these, what a person has read already, when the network was opened."""

    @property
    def seconds(self) -> float:
        """By the clock, with all slots at work."""
        return self.estimate.seconds / self.slots

    def printed(self) -> RenderableType:
        """Return the lines of the plan and a table of its steps."""
        from rich.console import Group
        from rich.text import Text

        return Group(*map(Text, self.lines()), self.table())

    def lines(self) -> list[str]:
        """Return the plan in words, a line each."""
        found = [
            f"{name.replace('_', ' ')}: {_join(what) if isinstance(what, list) else what}"
            for name, what in self.about.items()
            if what != [] and name not in self.reported
        ]
        return [*found, f"with {count_text(self.slots, 'worker')}: {console.duration(self.seconds)}; nothing was run"]

    def table(self) -> RenderableType:
        """Return a line per kind of step, and their sum."""
        found = self.estimate
        rows = [
            (row.step, row.plugin, str(row.count), f"{row.passes:,.0f}", console.duration(row.seconds))
            for row in found.by_step
        ]
        rows.append(("all", "", str(found.steps), f"{found.passes:,.0f}", console.duration(found.seconds)))
        return console.table(COST_COLUMNS, rows)

    def as_json(self) -> dict[str, Any]:
        """Return steps, passes, seconds and bytes."""
        found = self.estimate
        known = {"steps": found.steps, "passes": found.passes, "seconds": self.seconds, "bytes": found.bytes}
        return {"schema_version": 1, "dry_run": {**self.about, **known}}


def _join(parts: Sequence[object]) -> str:
    """Join words by commas, sentences that have commas themselves by semicolons.

    >>> _join([0.1, 0.5]), _join(["read, too", "used"])
    ('0.1, 0.5', 'read, too; used')
    """
    texts = list(map(str, parts))
    return ("; " if any("," in text for text in texts) else ", ").join(texts)
