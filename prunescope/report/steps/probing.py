"""The answer of `probe`: readings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.report.common.asking import asks
from prunescope.report.common.finding import TEXT_WIDTH, Finding
from prunescope.runs.files import runfile
from prunescope.studies.steps.probing import ProbingQuestion, answer_probing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from prunescope.api import Reading
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True, repr=False)
class Probing(Finding):
    """What one probe measured."""

    found: Run
    session: Session = field(repr=False)

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.found.id

    @property
    def study(self) -> Path:
        """The study folder."""
        return self.session.store.study

    @property
    def readings(self) -> Mapping[str, Reading]:
        """The readings of the probe by name."""
        return self.found.readings[self.found.recipe.plugin]

    def printed(self) -> RenderableType:
        """Return a table of the readings."""
        return self.table(width=TEXT_WIDTH)

    def table(self, *, width: int) -> RenderableType:
        """Return a table of the readings for so many columns."""
        from prunescope.report.common.readings import reading_table

        return reading_table(self.found.readings, width=width)

    def as_json(self) -> dict[str, Any]:
        """Return the run: recipe, provenance, readings."""
        return runfile.run_as_json(self.found)

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured."""
        from prunescope.runs import coordinates

        return tuple(coordinates.read_rows([self.run], self.session.store))


@asks(ProbingQuestion)
def probe(question: ProbingQuestion, session: Session) -> Probing:
    """Measure a network, or replicas of one, by one probe.

    >>> prunescope.probe([first, second], "lmc", data="digits")  # doctest: +SKIP
    """
    return find_probing(question, session)


def find_probing(question: ProbingQuestion, session: Session) -> Probing:
    """Answer a question in a session that is open."""
    return Probing(found=answer_probing(question, session), session=session)
