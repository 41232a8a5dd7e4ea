"""What is reported of cells whose replicas have not learned: no barrier can show there, so they lie on no side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.knobs import knob_words
from prunescope.report.common import formatting
from prunescope.report.common.words import either

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prunescope.studies.phase.findings import Findings


def everywhere(findings: Findings) -> bool:
    """Whether replicas have learned in no cell that was judged."""
    return bool(findings.verdicts) and findings.unlearned.keys() >= findings.verdicts.keys()


def blank_column(findings: Findings, density: float) -> str:
    """Say that nothing was learned at a density; empty where something was."""
    judged = [cell for cell in findings.verdicts if cell[1] == density]
    lost = [findings.unlearned[cell] for cell in judged if cell in findings.unlearned]
    if not lost or len(lost) < len(judged):
        return ""
    return f"replicas have not learned (their training error is {span(lost)}), so no barrier is measurable"


def places(findings: Findings, density: float) -> str:
    """Name the values of the knob at which nothing was learned at a density; empty where there is none."""
    values = [value for value in findings.diagram.values if (value, density) in findings.unlearned]
    knob = findings.diagram.knob
    texts = [formatting.number(value) for value in values]
    return f"{knob_words(knob)} {either(texts, 'and')}" if texts else ""


def span(errors: Iterable[float]) -> str:
    """Write the range of errors.

    >>> span([0.82, 0.894]), span([0.9])
    ('82–89 %', '90 %')
    """
    whole = sorted({round(100 * error) for error in errors})
    return f"{whole[0]} %" if len(whole) == 1 else f"{whole[0]}–{whole[-1]} %"
