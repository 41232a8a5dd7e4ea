"""From the question of a report to the findings of a phase diagram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.errors import EvidenceError, UsageError
from prunescope.regimes import chosen
from prunescope.runs.place import STUDY_FILE
from prunescope.runs.soundness import blaming_damage, read_sound
from prunescope.studies.grid import studyfolder
from prunescope.studies.imported.study import is_imported, read_imported
from prunescope.studies.phase import from_imported, from_study, from_table
from prunescope.studies.phase.findings import find_phases
from prunescope.studies.phase.provenance import StudyProvenance, read_provenance

if TYPE_CHECKING:
    from prunescope.runs.session import Session
    from prunescope.studies.phase.diagram import PhaseDiagram
    from prunescope.studies.phase.findings import Findings
    from prunescope.studies.phase.question import ReportQuestion


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A phase diagram, judged."""

    findings: Findings
    made: StudyProvenance
    """How its numbers were made; empty for a table."""
    probes: tuple[str, ...] = ()
    """The runs that measured; () for a table."""
    problems: tuple[str, ...] = ()
    """Results that are damaged and left out, a sentence each."""
    notes: tuple[str, ...] = ()
    """Of imported results: whose they are, and the level of evidence."""


@dataclass(frozen=True, kw_only=True)
class _Source:
    diagram: PhaseDiagram
    made: StudyProvenance
    network: str | None = None
    """None where a table does not have it."""
    probes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def answer_report(question: ReportQuestion, session: Session) -> Reported:
    """Read a study or a table, and judge every cell.

    Raises:
        UsageError: there is no study.
        EvidenceError: no probe is finished.
    """
    if question.is_table:
        source = _of_table(question)
    else:
        source = (_of_imported if is_imported(question.path) else _of_study)(question, session)
    if not any(cell.samples for cell in source.diagram.cells.values()):
        with blaming_damage(source.problems):
            raise EvidenceError(
                f"{question.path} has no finished probe yet", fix=f"run: prunescope sweep {question.path}"
            )
    rule = chosen.rule(question.rule, question.rule_options, question.rules, network=source.network)
    findings = find_phases(source.diagram, rule.instance)
    return Reported(
        findings=findings, made=source.made, probes=source.probes, problems=source.problems, notes=source.notes
    )


def _of_table(question: ReportQuestion) -> _Source:
    return _Source(diagram=from_table.read_table(question.path), made=StudyProvenance())


def _of_imported(question: ReportQuestion, session: Session) -> _Source:
    study, problems = read_sound(read_imported, session)
    return _Source(
        diagram=from_imported.draw_imported(study, name=question.path.name),
        made=from_imported.describe_imported(study),
        network=study.settings.get("model"),
        probes=tuple(cell.run for cell in (*study.dense, *study.cells)),
        problems=problems,
        notes=(study.source, study.evidence),
    )


def _of_study(question: ReportQuestion, session: Session) -> _Source:
    path = question.path
    if not (path / STUDY_FILE).is_file():
        raise UsageError(
            f"{path} is not a study: it has no {STUDY_FILE}",
            fix="give the folder that `prunescope sweep` or `results import` printed, or a CSV table of cells",
        )
    grid = studyfolder.load_grid(path, trust=session.store.trust)
    (diagram, seconds, sound), problems = read_sound(
        lambda sound: (*from_study.read_timed(grid, sound), sound), session
    )
    return _Source(
        diagram=diagram,
        made=read_provenance(grid, sound, rule=question.rule, known=seconds),
        network=grid.study.model,
        probes=tuple(dict.fromkeys(probe.id for cell in grid.cells for probe in cell.probes)),
        problems=problems,
    )
