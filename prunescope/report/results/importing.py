"""The answer of `results import`: what became of another program's results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.knobs import knob_words
from prunescope.api.wording import count_text
from prunescope.report.common.asking import asks
from prunescope.report.steps.lines import LinesFinding
from prunescope.studies.imported.importing import ImportAnswer, answer_import
from prunescope.studies.imported.question import ImportQuestion

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prunescope.runs.session import Session

SHOWN = 10
"""Results that were left out, named one by one."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ImportFinding(LinesFinding):
    """Results of other programs, now runs of a study that `report`, `advise` and `calibrate` take."""

    answer: ImportAnswer

    @property
    def study(self) -> Path:
        """The study folder."""
        return self.answer.study

    @property
    def runs(self) -> tuple[str, ...]:
        """The ids of the runs, one for each dense network and density."""
        return self.answer.runs

    def lines(self) -> Sequence[str]:
        """Return what was imported, what it lacks, what was left out, and what may come next."""
        answer = self.answer
        pruned, dense = len(answer.runs) - answer.dense, count_text(answer.dense, "dense network")
        known = f", {answer.known} of them known before" if answer.known else ""
        axis = f", along {knob_words(answer.knob)}" if answer.knob else ", no knob of the dense training is known"
        return [
            f"{', '.join(answer.forms)}: {pruned} pruned and {dense}{known}{axis}",
            *(f"not measured: {name}" for name in answer.missing),
            *(f"note: {note}" for note in answer.notes),
            *(f"left out: {one}" for one in answer.left_out[:SHOWN]),
            *([f"left out: {len(answer.left_out) - SHOWN} more"] if len(answer.left_out) > SHOWN else []),
            f"next: {self._next()}",
        ]

    def as_json(self) -> dict[str, Any]:
        """Return what was imported, with the ids of all runs."""
        answer = self.answer
        return {
            "schema_version": 1,
            "study": str(answer.study),
            "formats": list(answer.forms),
            "runs": list(answer.runs),
            "dense": answer.dense,
            "known": answer.known,
            "knob": answer.knob,
            "missing": list(answer.missing),
            "notes": list(answer.notes),
            "left_out": list(answer.left_out),
        }

    def _next(self) -> str:
        if self.answer.dense == len(self.answer.runs):
            subject = self.answer.with_weights or "CHECKPOINT"
            return f"prunescope diagnose {subject} --data DATA --study {self.answer.study}"
        return f"prunescope report {self.answer.study}"


@asks(ImportQuestion)
def import_results(question: ImportQuestion, session: Session) -> ImportFinding:
    """Make a study of results that timm, open_lth, ShrinkBench or ThreeRegimePruning computed.

    `report`, `advise` and `calibrate` take the study. Numbers are those of the files: marked as imported, not verified.
    """
    return find_import(question, session)


def find_import(question: ImportQuestion, session: Session) -> ImportFinding:
    """Answer a question in a session that is open."""
    return ImportFinding(answer=answer_import(question, session))
