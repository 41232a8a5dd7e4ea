"""A diagnosis for a person and for a program: terminal, one-file HTML, JSON.

report = assemble(session, diagnose_id)
console.print(terminal(report))
Path("verdict.html").write_text(diagnosis_page(report), encoding="utf-8")
json.dumps(diagnosis_as_json(report))
"""

from prunescope.report.diagnosis.as_json import diagnosis_as_json
from prunescope.report.diagnosis.assemble import assemble
from prunescope.report.diagnosis.html import diagnosis_page
from prunescope.report.diagnosis.terminal import terminal

__all__ = ["assemble", "diagnosis_as_json", "diagnosis_page", "terminal"]
