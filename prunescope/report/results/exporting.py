"""The answer of `export`: a network that another library loads."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import count_text
from prunescope.report.common.asking import asks
from prunescope.report.results.model_card import write_model_card
from prunescope.report.steps.lines import LinesFinding
from prunescope.studies.results.exporting import ExportQuestion, answer_export

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from prunescope.runs.session import Session
    from prunescope.studies.results.exporting import CardSubject, ExportedNetwork


@dataclass(frozen=True, kw_only=True, repr=False)
class Export(LinesFinding):
    """A network in a file of another library, or in a folder."""

    found: ExportedNetwork
    to: str
    """The format."""

    @property
    def run(self) -> str:
        """The run that was exported."""
        return self.found.run

    @property
    def path(self) -> Path:
        """The file or folder."""
        return self.found.path

    def lines(self) -> Sequence[str]:
        """Return what was written, how it is loaded, and that it was."""
        found = self.found
        size = "the compact network, " if found.compact else ""
        checked = "" if isnan(found.difference) else f"; loaded back, outputs differ by {found.difference:.2g}"
        return [
            f"{found.run} as {self.to}: {size}{count_text(found.parameters, 'parameter')}{checked}",
            f"load it: {found.load}",
            *(f"note: {note}" for note in found.notes),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return what was written, and the difference of the outputs where it was loaded back."""
        found = self.found
        return {
            "schema_version": 1,
            "run": found.run,
            "to": self.to,
            "path": str(found.path),
            "load": found.load,
            "difference": None if isnan(found.difference) else found.difference,
            "parameters": found.parameters,
            "compact": found.compact,
            "notes": list(found.notes),
        }


@asks(ExportQuestion)
def export(question: ExportQuestion, session: Session) -> Export:
    """Write a network for another library, load it back there, and compare the outputs."""
    return find_export(question, session)


def find_export(question: ExportQuestion, session: Session) -> Export:
    """Answer a question in a session that is open."""
    return Export(found=answer_export(question, session, documents=_documents), to=question.to)


def _documents(subject: CardSubject, session: Session) -> Mapping[str, str]:
    return {"README.md": write_model_card(subject, session)}
