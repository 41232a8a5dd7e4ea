"""The answer of `report`: a phase diagram, and what it shows of the three regimes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from prunescope.api.wording import count_text, verb_text
from prunescope.report.common import console
from prunescope.report.common.asking import asks
from prunescope.report.common.finding import Finding
from prunescope.runs.coordinates import COLUMNS, Readings
from prunescope.studies.phase.diagram import Quantity
from prunescope.studies.phase.question import ReportQuestion
from prunescope.studies.phase.reporting import Reported, answer_report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from prunescope.report.common.figures import Picture
    from prunescope.runs.session import Session
    from prunescope.studies.phase.findings import Findings


@dataclass(frozen=True, kw_only=True, repr=False)
class PhaseReport(Finding):
    """Regimes over temperature and density, their boundary, the paper's claims tested, the regret of each choice."""

    answer: Reported
    readings: Readings | None
    """None for a table."""
    path: Path
    """The study's folder, or the table."""

    @property
    def findings(self) -> Findings:
        """The diagram, and all that was computed from it."""
        return self.answer.findings

    def lines(self) -> Sequence[str]:
        """Return the main result and every answer."""
        from prunescope.report.phase import sentences

        made = self.answer.made
        missing = (
            f"{made.finished} of {count_text(made.of, 'step')} {verb_text(made.finished, 'are')} finished; "
            f"missing cells are blank"
        )
        answers = [f"- {answer.question} {answer.text}" for answer in sentences.answers(self.findings)]
        return [
            *self.answer.notes,
            *([missing] if made.finished < made.of else []),
            sentences.phase_headline(self.findings),
            *answers,
        ]

    def printed(self) -> RenderableType:
        """Return the main result and every answer."""
        return console.lines_and(self.lines())

    def as_json(self) -> dict[str, Any]:
        """Return what `report --json` prints."""
        from prunescope.report.phase.tables import phase_as_json

        return phase_as_json(self.findings, self.answer.made)

    def to_csv(self) -> str:
        """Return a line per cell, as `report --csv` prints it; `report` reads it again."""
        from prunescope.report.phase.tables import phase_as_csv

        return phase_as_csv(self.findings)

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured; of a table one per number in it."""
        return list(_rows_of_table(self.findings)) if self.readings is None else self.readings.rows()

    def page(self) -> str:
        """Return the report as one HTML document."""
        from prunescope.report.phase.page import phase_page

        return phase_page(self.findings, self.answer.made, drawn=self._pictures)

    def write_figures(self, folder: str | Path) -> Path:
        """Write every picture as SVG and PNG into a folder; return it."""
        from prunescope.report.common.figures import write_figures

        write_figures(self._pictures, Path(folder))
        return Path(folder)

    def _repr_html_(self) -> str:
        """Return the main result and the map of regimes."""
        from markupsafe import escape

        from prunescope.report.common import svg
        from prunescope.report.phase import pictures, sentences

        drawn = [svg.on_white(self._pictures[name].svg) for name in (pictures.REGIMES,) if name in self._pictures]
        shown = "".join(text[text.index("<svg") :] for text in drawn)
        return f"<p>{escape(sentences.phase_headline(self.findings))}</p>{shown}"

    @cached_property
    def _pictures(self) -> Mapping[str, Picture]:
        """The pictures, drawn once for the page and the files."""
        from prunescope.report.phase.pictures import draw

        return draw(self.findings)


@asks(ReportQuestion)
def report(question: ReportQuestion, session: Session) -> PhaseReport:
    """Draw a study's phase diagram and find what it shows of the three regimes."""
    return find_report(question, session)


def find_report(question: ReportQuestion, session: Session) -> PhaseReport:
    """Answer a question in a session that is open."""
    answer = answer_report(question, session)
    readings = Readings(runs=answer.probes, store=session.store) if answer.probes else None
    return PhaseReport(answer=answer, readings=readings, path=question.path)


def _rows_of_table(findings: Findings) -> Iterator[dict[str, Any]]:
    diagram = findings.diagram
    for (value, density), cell in diagram.cells.items():
        for sample in cell.samples:
            for quantity in get_args(Quantity):
                for number in getattr(sample, quantity):
                    row = dict.fromkeys(COLUMNS) | {diagram.knob: value, "density": density, "dense_seed": sample.seed}
                    yield row | {"reading": quantity, "value": number}
