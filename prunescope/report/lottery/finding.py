"""The answers of `lottery` and `instability`: curves over densities, or over the steps at which copies part."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import error_text
from prunescope.report.common import console
from prunescope.report.common.asking import asks
from prunescope.report.common.costs import Cost, cost_of
from prunescope.report.common.figures import draw_picture, write_figures
from prunescope.report.common.finding import Finding
from prunescope.report.lottery import sentences
from prunescope.report.lottery.curves import barriers, lottery_errors
from prunescope.report.lottery.page import instability_page, lottery_page
from prunescope.runs.coordinates import Readings
from prunescope.studies.lottery.answers import InstabilityAnswer, LotteryAnswer, answer_instability, answer_lottery
from prunescope.studies.lottery.question import InstabilityQuestion, LotteryQuestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from prunescope.runs.session import Session
    from prunescope.studies.lottery.outcomes import Curve, Over, Row

LOTTERY_SCHEMA = 1
"""Raised when a key changes its meaning or goes; new keys do not raise it."""


@dataclass(frozen=True, kw_only=True, repr=False)
class LotteryFinding(Finding):
    """Down to which density each kind of pruned network matches the dense one."""

    answer: LotteryAnswer
    readings: Readings

    def lines(self) -> list[str]:
        """Return the finding in words, a line for each kind of network."""
        return sentences.of_lottery(self.answer.found)

    def table(self) -> RenderableType:
        """Return the errors of every kind of network at every density."""
        found = self.answer.found
        columns = ("network", "density", "test error", "± over seeds", "matches dense", "training error")
        dense = ("dense", "1", error_text(found.dense.mean), _spread(found.dense), "", "")
        return console.table(columns, [dense, *map(_row_of_network, found.rows)])

    def printed(self) -> RenderableType:
        """Return the sentences and the table."""
        return console.lines_and(self.lines(), self.table())

    def as_json(self) -> dict[str, Any]:
        """Return what `lottery --json` prints."""
        found, setting = self.answer.found, self.answer.setting
        return {
            "schema_version": LOTTERY_SCHEMA,
            "seeds": list(setting.pruning.seeds),
            "steps": setting.pruning.total,
            "steps_per_epoch": setting.steps_per_epoch,
            "dense": _over(found.dense),
            "rows": [_network_as_json(row) for row in found.rows],
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured."""
        return self.readings.rows()

    def page(self) -> str:
        """Return the report as one HTML document."""
        return lottery_page(self.answer.found, self.answer.setting.pruning)

    def figures(self, folder: Path) -> tuple[Path, ...]:
        """Write the curves as SVG and PNG into a folder; return the paths."""
        return write_figures(
            {"lottery": draw_picture(lambda paint: lottery_errors(self.answer.found, paint=paint))}, folder
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class InstabilityFinding(Finding):
    """From which step of training on copies of a network stay connected."""

    answer: InstabilityAnswer
    asked: InstabilityQuestion
    readings: Readings

    def lines(self) -> list[str]:
        """Return the finding in words, a line for the dense networks and one for the pruned."""
        return [sentences.of_curve(curve, self.asked.threshold) for curve in self.answer.curves]

    def table(self) -> RenderableType:
        """Return barriers and errors at every step."""
        columns = ("networks", "step", "barrier", "least", "greatest", "stable", "test error")
        rows = [row for curve in self.answer.curves for row in _rows_of_curve(curve, self.asked.threshold)]
        return console.table(columns, rows)

    def printed(self) -> RenderableType:
        """Return the sentences and the table."""
        return console.lines_and(self.lines(), self.table())

    def as_json(self) -> dict[str, Any]:
        """Return what `instability --json` prints."""
        setting = self.answer.setting
        return {
            "schema_version": LOTTERY_SCHEMA,
            "seeds": list(setting.pruning.seeds),
            "copies": self.asked.copies,
            "total_steps": setting.pruning.total,
            "steps_per_epoch": setting.steps_per_epoch,
            "split": self.asked.split,
            "threshold": self.asked.threshold,
            "dense_test_error": self.answer.dense,
            "curves": [asdict(curve) for curve in self.answer.curves],
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured."""
        return self.readings.rows()

    def page(self) -> str:
        """Return the report as one HTML document."""
        answer, threshold = self.answer, self.asked.threshold
        return instability_page(answer.curves, answer.setting.pruning, threshold=threshold, dense=answer.dense)

    def figures(self, folder: Path) -> tuple[Path, ...]:
        """Write the curves as SVG and PNG into a folder; return the paths."""
        answer, threshold = self.answer, self.asked.threshold
        drawn = draw_picture(lambda paint: barriers(answer.curves, threshold, answer.dense, paint=paint))
        return write_figures({"instability": drawn}, folder)


@asks(LotteryQuestion)
def lottery(question: LotteryQuestion, session: Session) -> LotteryFinding | Cost:
    """Prune in rounds with rewinding, and compare with controls. Controls: random masks and new initial weights.

    Each round prunes what the round before trained, goes back to a step of the dense training, and trains to the end
    again (Frankle and Carbin 2019). What is finished in the study folder is not computed again.
    """
    return find_lottery(question, session)


def find_lottery(question: LotteryQuestion, session: Session) -> LotteryFinding | Cost:
    """Answer a question in a session that is open."""
    answer = answer_lottery(question, session)
    if not isinstance(answer, LotteryAnswer):
        return cost_of(answer, session)
    return LotteryFinding(answer=answer, readings=Readings(runs=answer.probes, store=session.store))


@asks(InstabilityQuestion)
def instability(question: InstabilityQuestion, session: Session) -> InstabilityFinding | Cost:
    """Find the step from which training is stable to SGD noise. Copies from there end linearly connected.

    At each step the network is copied, the copies are trained to the end with other orders of examples, and the barrier
    on the line between them is measured (Frankle et al. 2020). What is finished is not computed again.
    """
    return find_instability(question, session)


def find_instability(question: InstabilityQuestion, session: Session) -> InstabilityFinding | Cost:
    """Answer a question in a session that is open."""
    answer = answer_instability(question, session)
    if not isinstance(answer, InstabilityAnswer):
        return cost_of(answer, session)
    readings = Readings(runs=answer.probes, store=session.store)
    return InstabilityFinding(answer=answer, asked=question, readings=readings)


def _row_of_network(row: Row) -> tuple[str, ...]:
    matching = "yes" if row.matching else "no"
    test, train = row.test, row.train
    return row.label, f"{row.density:.4g}", error_text(test.mean), _spread(test), matching, error_text(train.mean)


def _rows_of_curve(curve: Curve, threshold: float) -> list[tuple[str, ...]]:
    rows = []
    for number, step in enumerate(curve.steps):
        column = [row[number] for row in curve.barrier]
        stable = f"{sum(value < threshold for value in column)} of {len(column)}"
        error = fmean(row[number] for row in curve.error)
        shares = [error_text(value) for value in (fmean(column), min(column), max(column))]
        rows.append((curve.label, str(step), *shares, stable, error_text(error)))
    return rows


def _network_as_json(row: Row) -> dict[str, Any]:
    return {
        "step": row.step,
        "method": row.method,
        "control": row.control or None,
        "density": row.density,
        "test_error": _over(row.test),
        "train_error": _over(row.train),
        "matching": row.matching,
        "runs": list(row.runs),
    }


def _over(quantity: Over) -> dict[str, Any]:
    n = len(quantity.values)
    return {"mean": quantity.mean, "deviation": quantity.deviation, "n": n, "values": list(quantity.values)}


def _spread(quantity: Over) -> str:
    return "n/a: one seed" if quantity.deviation is None else error_text(quantity.deviation)
