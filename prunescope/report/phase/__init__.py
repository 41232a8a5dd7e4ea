"""A phase diagram to a person and to a program: one-file HTML with its pictures, JSON, CSV, figures as files.

report = assemble(findings, made)
Path("study.html").write_text(html(report), encoding="utf-8")
"""

from prunescope.report.common.figures import write_figures
from prunescope.report.phase.page import html
from prunescope.report.phase.pictures import draw
from prunescope.report.phase.tables import as_csv, as_json
from prunescope.studies.phase.provenance import Made, of_study

__all__ = ["Made", "as_csv", "as_json", "draw", "html", "of_study", "write_figures"]
