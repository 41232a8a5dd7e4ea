"""A report as Markdown, as pull requests and job summaries show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.wording import count_text
from prunescope.report.common import formatting, words
from prunescope.report.common.markdown import escape_markdown, markdown_code, markdown_table
from prunescope.report.diagnosis.terminal import confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prunescope.report.common.view import Headline, Report, Row


def diagnosis_markdown(report: Report) -> str:
    """Return verdict, evidence, warnings and the next command as GitHub-flavoured Markdown."""
    return "\n\n".join(_sections(report)) + "\n"


def _sections(report: Report) -> Iterator[str]:
    yield f"## prunescope: {escape_markdown(report.title)}"
    yield f"**{escape_markdown(words.headline(report.verdicts, report.dense_votes))}**"
    yield markdown_table(("density", "regime", "advice", "confidence"), [_verdict_row(one) for one in report.verdicts])
    columns = ("reading", *(column.label for column in report.columns))
    rows = [_evidence_cells(row) for row in report.evidence]
    yield _folded("Evidence", markdown_table(columns, rows))
    if report.warnings:
        yield _folded(count_text(len(report.warnings), "warning"), _listed(report.warnings))
    for command in report.commands:
        code = markdown_code([" ".join(line) for line in command.lines])
        yield f"Next: {escape_markdown(command.why)}\n\n{code}"
    yield f"Diagnosis `{report.id}`, {formatting.duration_text(report.seconds)} of computing."


def _verdict_row(verdict: Headline) -> tuple[str, ...]:
    regime = f"{words.REGIME_SHAPES[verdict.regime]} {words.REGIMES[verdict.regime]}"
    return verdict.label, regime, f"{words.ARROWS[verdict.advice]} {words.ADVICE[verdict.advice]}", confidence(verdict)


def _evidence_cells(row: Row) -> tuple[str, ...]:
    return row.label, *(formatting.cell(cell, row.style, row.unit, brief=True) for cell in row.cells)


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def _listed(lines: tuple[str, ...]) -> str:
    return "\n".join(f"- {escape_markdown(line)}" for line in lines)
