"""A phase diagram to a person and to a program: one-file HTML with its pictures, JSON, CSV, figures as files.

report = assemble(findings, made)
Path("study.html").write_text(phase_page(report), encoding="utf-8")
"""

from prunescope.report.common.figures import write_figures
from prunescope.report.phase.page import phase_page
from prunescope.report.phase.pictures import draw
from prunescope.report.phase.tables import phase_as_csv, phase_as_json
from prunescope.studies.phase.provenance import StudyProvenance, read_provenance

__all__ = ["StudyProvenance", "draw", "phase_as_csv", "phase_as_json", "phase_page", "read_provenance", "write_figures"]
