"""The answer of `fit_budget`: a density, the curve of errors, and what the networks take."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.api.wording import error_text
from prunescope.report.common import console
from prunescope.report.common.asking import asks
from prunescope.report.common.finding import Finding
from prunescope.studies.budget.question import BudgetQuestion
from prunescope.studies.budget.searching import answer_budget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from prunescope.runs.session import Session
    from prunescope.runs.timing import ForwardTime
    from prunescope.studies.budget.measuring import PrunedError, PrunedSize
    from prunescope.studies.budget.searching import FittedBudget


@dataclass(frozen=True, kw_only=True, repr=False)
class BudgetFinding(Finding):
    """The density that a budget admits, and everything that was measured on the way."""

    found: FittedBudget
    session: Session = field(repr=False)

    @property
    def density(self) -> float | None:
        """The density; None where no density tried holds the budget."""
        return self.found.density

    @property
    def run(self) -> str:
        """The replica of lowest training loss at that density; UsageError where none was retrained."""
        if self.found.run is None:
            raise UsageError("no pruned network holds the budget", fix="print the finding: it says why")
        return self.found.run

    @property
    def study(self) -> Path:
        """The study folder."""
        return self.session.store.study

    def printed(self) -> RenderableType:
        """Return the density, why, and tables of errors and sizes."""
        found = self.found
        first = "no density" if found.density is None else f"density {found.density:.4g}"
        told = [f"{first}: {found.reason}"]
        if found.density is not None and found.fails is not None:
            told.append(f"the next density tried, {found.fails:.4g}, does not hold it")
        curve = console.table(
            ("density", "test error", "95 % interval", "replicas"), list(map(_error_row, found.errors))
        )
        time = "time in onnxruntime" if found.runtime == "onnx" else "time"
        sizes = console.table(("density", "network", "bytes", time, "spread"), list(map(_size_row, found.sizes)))
        rest = [sizes, console.lines_and([f"note: {note}" for note in found.notes])]
        return console.lines_and([*told, *self._of_dense()], *([curve] if found.errors else []), *rest)

    def as_json(self) -> dict[str, Any]:
        """Return the density, the bracket, the curve and the sizes."""
        found = self.found
        return {
            "schema_version": 1,
            "density": found.density,
            "fails_at": found.fails,
            "reason": found.reason,
            "run": found.run,
            "budget": asdict(found.budget),
            "dense_error": found.dense_error,
            "device": found.device,
            "runtime": found.runtime,
            "errors": [asdict(one) for one in found.errors],
            "sizes": [asdict(one) for one in found.sizes],
            "notes": list(found.notes),
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured on the replicas."""
        from prunescope.runs import coordinates

        runs = {run for one in self.found.errors for run in one.runs}
        probes = [
            run_id
            for run_id in self.session.store.ids()
            if run_id.startswith("probe-") and runs & set(self.session.store.read(run_id, only=()).recipe.inputs)
        ]
        return tuple(coordinates.read_rows(probes, self.session.store))

    def _of_dense(self) -> list[str]:
        error = self.found.dense_error
        return [] if error is None else [f"the dense network: {error_text(error)} test error"]


@asks(BudgetQuestion)
def fit_budget(question: BudgetQuestion, session: Session) -> BudgetFinding:
    """Find the density that a budget of test error, latency or bytes admits.

    Densities are bisected: of time and storage the largest that holds them, of error the smallest, after brief
    retraining of several replicas. Steps that a diagnosis finished in the same study are not run again.
    """
    return find_budget(question, session)


def find_budget(question: BudgetQuestion, session: Session) -> BudgetFinding:
    """Answer a question in a session that is open."""
    return BudgetFinding(found=answer_budget(question, session), session=session)


def _error_row(one: PrunedError) -> tuple[str, ...]:
    low, high = one.interval
    return (
        f"{one.density:.4g}",
        error_text(one.mean),
        f"{error_text(max(low, 0))} to {error_text(min(high, 1))}",
        str(len(one.errors)),
    )


def _size_row(one: PrunedSize) -> tuple[str, ...]:
    kind = "dense" if one.density == 1 else "compact" if one.compact else "mask"
    return f"{one.density:.4g}", kind, f"{one.bytes:,}", *_time_cells(one.latency)


def _time_cells(time: ForwardTime | None) -> tuple[str, str]:
    if time is None:
        return "n/a", "n/a"
    return f"{1000 * time.median:.3g} ms", f"{1000 * time.spread:.2g} ms"
