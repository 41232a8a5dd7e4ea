"""The answer of `warn`: whether a reading's fluctuations announce a transition."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from prunescope.report.common import console
from prunescope.report.common.asking import asks
from prunescope.report.common.finding import Finding
from prunescope.studies.phase.warning import EarlyWarnings, answer_warning
from prunescope.studies.phase.warning_question import WarningQuestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope_earlywarning.indicators import Indicator
    from rich.console import RenderableType

    from prunescope.runs.session import Session
    from prunescope.studies.phase.warning import JudgedSeries

WARNING_COLUMNS = ("series", "places", "tested by", "variance: tau", "p", "autocorrelation: tau", "p", "verdict")


@dataclass(frozen=True, kw_only=True, repr=False)
class WarningFinding(Finding):
    """A verdict for each series of a reading along an axis: a hint, not proof."""

    answer: EarlyWarnings

    def words(self) -> str:
        """Return a line for each series: its verdict and its name."""
        return "\n".join(f"{one.judged.verdict}\t{one.series.name}" for one in self.answer.found)

    def printed(self) -> RenderableType:
        """Return the verdicts as a table, notes, and what no verdict should be shown without."""
        found = self.answer.found
        notes = dict.fromkeys(f"note: {note}" for one in found for note in one.judged.notes)
        caveats = [f"caveat: {caveat}" for caveat in self.answer.caveats]
        table = console.table(WARNING_COLUMNS, list(map(_warning_row, found)))
        return console.lines_and((), table, console.lines_and([*notes, *caveats]))

    def as_json(self) -> dict[str, Any]:
        """Return what `warn --json` prints."""
        answer = self.answer
        return {
            "schema_version": 1,
            "study": answer.study,
            "axis": answer.axis,
            "reading": answer.reading,
            "reverse": answer.reverse,
            **answer.test,
            "series": [{"series": asdict(one.series), **asdict(one.judged)} for one in answer.found],
            "caveats": list(answer.caveats),
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number of every series: its place on the axis, and the number of its replica or pair."""
        return tuple(
            {"series": one.series.name, self.answer.axis: place, "number": number, "value": value}
            | {"reading": self.answer.reading}
            for one in self.answer.found
            for place, values in zip(one.series.places, one.series.values, strict=True)
            for number, value in enumerate(values, start=1)
        )


@asks(WarningQuestion)
def warn(question: WarningQuestion, session: Session) -> WarningFinding:
    """Test for critical slowing down along an axis of a study: rising variance and autocorrelation of a reading.

    Requires prunescope-earlywarning. Series of 20 places or more are tested in rolling windows against surrogates,
    shorter ones by the spread of replicas at each place. A rise is a hint, not proof.
    """
    return find_warning(question, session)


def find_warning(question: WarningQuestion, session: Session) -> WarningFinding:
    """Answer a question in a session that is open."""
    return WarningFinding(answer=answer_warning(question, session))


def _warning_row(one: JudgedSeries) -> tuple[str, ...]:
    judged = one.judged
    numbers = [text for indicator in (judged.variance, judged.autocorrelation) for text in _numbers(indicator)]
    return (one.series.name, str(len(one.series.places)), judged.method, *numbers, judged.verdict)


def _numbers(indicator: Indicator | None) -> tuple[str, str]:
    return ("n/a", "n/a") if indicator is None else (f"{indicator.tau:+.2f}", f"{indicator.p_value:.3f}")
