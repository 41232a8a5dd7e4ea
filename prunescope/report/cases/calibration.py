"""The answer of `calibrate`: fitted thresholds, and how often they are right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import count_text, percent
from prunescope.regimes import packs
from prunescope.report.common import console
from prunescope.report.common.asking import asks
from prunescope.report.common.finding import Finding
from prunescope.runs.files.whole import write_whole
from prunescope.studies.cases.calibrating import FEW_CELLS
from prunescope.studies.cases.calibration_answer import Calibrated, answer_calibration
from prunescope.studies.cases.questions import CalibrationQuestion

if TYPE_CHECKING:
    from rich.console import RenderableType

    from prunescope.runs.session import Session
    from prunescope.studies.cases.calibrating import Interval


@dataclass(frozen=True, kw_only=True, repr=False)
class CalibrationFinding(Finding):
    """Thresholds that were fitted to studies: a pack that `diagnose` takes as its rules."""

    answer: Calibrated

    def printed(self) -> RenderableType:
        """Return the thresholds with their intervals, and how often they are right."""
        table = console.table(("threshold", "value", "80 % interval"), self._thresholds())
        return console.lines_and((), table, console.lines_and([*self._of_cells(), *self._of_dense_models()]))

    def as_json(self) -> dict[str, Any]:
        """Return the pack, which is what `calibrate --json` prints."""
        found: dict[str, Any] = json.loads(packs.dump(self.answer.pack))
        return found

    def write(self, path: str | Path) -> Path:
        """Write the pack to a file, which `diagnose` takes: rules=path; return it."""
        write_whole(Path(path), packs.dump(self.answer.pack))
        return Path(path)

    def _thresholds(self) -> list[tuple[str, str, str]]:
        fit, tree = self.answer.fit, self.answer.tree
        found = [("epsilon", *_interval(fit.epsilon)), ("cka_gap", *_interval(fit.cka_gap))]
        if tree is not None:
            found.append(("md-tree a: training error", *_interval(tree.train_error)))
            found += [("md-tree b: connectivity", *_interval(tree.connectivity))] if tree.connectivity else []
            found.append(("md-tree c: ln trace", *_interval(tree.log_trace)))
        return found

    def _of_cells(self) -> list[str]:
        fit = self.answer.fit
        free = "note: no optimum lies at a hotter value: the fit has no upper bound for epsilon"
        right = (
            f"the advice is right in {percent(fit.accuracy)} of {count_text(fit.cells, 'cell')}, in "
            f"{percent(fit.held_out)} when "
            f"left out, with the paper's thresholds in {percent(fit.plain)}"
        )
        few = (
            f"warning: the fit rests on {count_text(fit.cells, 'cell')}, fewer than {FEW_CELLS}: its accuracy is "
            f"uncertain by "
            f"about {percent(1.96 * sqrt(0.8 * 0.2 / fit.cells))}; fit larger studies before you rely on the pack"
        )
        return [
            *([few] if fit.cells < FEW_CELLS else []),
            (
                f"LMC < -epsilon shows whether the best is hotter in {percent(fit.gate)} of "
                f"{count_text(fit.cells, 'cell')}"
            ),
            right,
            *([] if fit.raised else [free]),
        ]

    def _of_dense_models(self) -> list[str]:
        tree = self.answer.tree
        if tree is None:
            return [f"note: md-tree keeps its public thresholds: {self.answer.why_no_tree}"]
        right = (
            f"md-tree is right for {percent(tree.accuracy)} of {tree.cells} dense models, {percent(tree.held_out)} "
            f"when left out, with the public thresholds for {percent(tree.plain)}"
        )
        if tree.too_low not in (0, tree.cells):
            return [right]
        side = "cold" if tree.too_low else "hot"
        free = f"note: every dense model except the best is too {side}: the fit bounds the thresholds on one side only"
        return [right, free]


@asks(CalibrationQuestion)
def calibrate(question: CalibrationQuestion, session: Session) -> CalibrationFinding:
    """Fit epsilon and the CKA gap to finished studies; `.write("rules.json")` keeps the pack that `diagnose` takes.

    The thresholds are those with which two things are right most often: that LMC shows whether the best test error of
    a density lies at a hotter value, and that the advice points towards it. Where the studies measured their dense
    models, the thresholds of the model-diagnostics tree are fitted too.
    """
    return find_calibration(question, session)


def find_calibration(question: CalibrationQuestion, session: Session) -> CalibrationFinding:
    """Answer a question in a session that is open."""
    return CalibrationFinding(answer=answer_calibration(question, session))


def _interval(found: Interval) -> tuple[str, str]:
    return f"{found.value:.4g}", f"{found.low:.4g} to {found.high:.4g}"
