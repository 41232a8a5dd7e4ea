"""What a diagnosis says, to a person and to a program: terminal, one-file HTML, JSON.

report = assemble(store, diagnose_id)
console.print(terminal(report))
Path("verdict.html").write_text(html(report), encoding="utf-8")
json.dumps(as_json(report))
"""

from prunescope.report.diagnosis.as_json import as_json
from prunescope.report.diagnosis.assemble import assemble
from prunescope.report.diagnosis.html import html
from prunescope.report.diagnosis.terminal import terminal

__all__ = ["as_json", "assemble", "html", "terminal"]
