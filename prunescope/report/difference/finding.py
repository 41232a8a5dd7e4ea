"""The answer of `diff`: verdicts and readings on both sides, and whether the pruned networks are worse."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import count_text, lmc_text, points_text
from prunescope.report.common import console, formatting
from prunescope.report.common.asking import asks
from prunescope.report.common.finding import Finding
from prunescope.report.common.markdown import escape_markdown, markdown_table, write_markdown
from prunescope.studies.difference.answer import ERROR, answer_difference
from prunescope.studies.difference.question import DifferenceQuestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from prunescope.runs.session import Session
    from prunescope.studies.difference.answer import ChangedReading, Difference

VERDICT_COLUMNS = ("place", "before", "after", "")

CHANGE_COLUMNS = ("place", "reading", "before", "after", "change", "")


@dataclass(frozen=True, kw_only=True, repr=False)
class DifferenceFinding(Finding):
    """What changed from one diagnosis or study to another."""

    found: Difference

    @property
    def worse(self) -> bool:
        """Whether a test error grew clearly."""
        return bool(self.found.worse)

    def printed(self) -> RenderableType:
        """Return verdicts and readings that changed, as tables."""
        verdicts = console.table(VERDICT_COLUMNS, self._verdicts())
        readings = console.table(CHANGE_COLUMNS, self._changes())
        tables = ([verdicts] if self.found.verdicts else []) + [readings]
        return console.lines_and([f"{self.found.before} -> {self.found.after}", self._summary()], *tables)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Return the same as Markdown for pull requests, and write it to `path` where one is given."""
        parts = [f"## prunescope diff: {escape_markdown(f'{self.found.before} → {self.found.after}')}"]
        parts.append(f"**{escape_markdown(self._summary())}**")
        if self.found.verdicts:
            parts.append(markdown_table(VERDICT_COLUMNS, self._verdicts()))
        parts.append(markdown_table(CHANGE_COLUMNS, self._changes()))
        return write_markdown("\n\n".join(parts) + "\n", path)

    def as_json(self) -> dict[str, Any]:
        """Return everything that was compared."""
        found = self.found
        return {
            "schema_version": 1,
            "before": found.before,
            "after": found.after,
            "worse": self.worse,
            "verdicts": [asdict(one) for one in found.verdicts],
            "readings": [{**asdict(one), "change": one.change, "clear": one.clear} for one in found.readings],
            "only_before": [asdict(place) for place in found.only_before],
            "only_after": [asdict(place) for place in found.only_after],
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per reading on both sides."""
        return tuple({**asdict(one), "change": one.change, "clear": one.clear} for one in self.found.readings)

    def _summary(self) -> str:
        if self.worse:
            worst = max(self.found.worse, key=lambda one: one.change)
            change = points_text(worst.change, signed=True)
            return f"worse: test error {change} points at {worst.where} ({count_text(len(self.found.worse), 'place')})"
        clear = sum(one.clear for one in self.found.readings)
        return f"not worse: no test error grew clearly; {clear} of {len(self.found.readings)} readings changed clearly"

    def _verdicts(self) -> list[tuple[str, ...]]:
        return [
            (one.where, one.before, one.after, "changed" if one.before != one.after else "")
            for one in self.found.verdicts
        ]

    def _changes(self) -> list[tuple[str, ...]]:
        found = self.found.readings
        shown = [one for one in found if one.clear and one.change] or [one for one in found if one.reading == ERROR]
        return [self._change(one) for one in shown or found[:1]]

    def _change(self, one: ChangedReading) -> tuple[str, ...]:
        style = formatting.style_of(one.reading)
        before, after = (formatting.value_text(value, style) for value in (one.before, one.after))
        change = _change_text(one.change) if style == "plain" else lmc_text(one.change)
        numbers = before, after, change
        return one.where, one.reading, *numbers, "worse" if one in self.found.worse else ""


def _change_text(change: float) -> str:
    """Write a change with its sign, in four digits however small it is.

    >>> _change_text(3.69e-4), _change_text(-0.5), _change_text(0.0)
    ('+3.69e−4', '−0.5', '0')
    """
    return f"{'+' if change > 0 else ''}{formatting.number(change)}"


@asks(DifferenceQuestion)
def diff(question: DifferenceQuestion, session: Session) -> DifferenceFinding:
    """Compare two diagnoses, or two studies: verdicts, readings, and whether the pruned networks are worse."""
    return find_difference(question, session)


def find_difference(question: DifferenceQuestion, session: Session) -> DifferenceFinding:
    """Answer a question in a session that is open."""
    return DifferenceFinding(found=answer_difference(question, session))
