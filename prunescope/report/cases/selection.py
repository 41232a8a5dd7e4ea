"""The answer of `select`: which network to prune, and what plainer rules would choose."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import cka_text, error_or_absent, lmc_text
from prunescope.report.common import console
from prunescope.report.common.asking import asks
from prunescope.report.common.costs import Cost, cost_of
from prunescope.report.common.finding import Finding
from prunescope.runs.coordinates import Readings
from prunescope.runs.place import STUDY
from prunescope.studies.cases.questions import SelectionQuestion
from prunescope.studies.cases.selection_answer import Selected, answer_selection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from prunescope.regimes.selection import Choice
    from prunescope.runs.session import Session
    from prunescope.studies.cases.measured import MeasuredModel


@dataclass(frozen=True, kw_only=True, repr=False)
class SelectionFinding(Finding):
    """The network to prune, among several."""

    answer: Selected
    asked: SelectionQuestion
    readings: Readings

    @property
    def run(self) -> str:
        """The run or snapshot that is chosen."""
        return self.answer.run

    def printed(self) -> RenderableType:
        """Return the choice, what every network reads, what every rule chooses, and the next command."""
        chosen, asked = self.answer.choices[0], self.asked
        first = f"prune {chosen.member}, at density {asked.density:g}: {chosen.because} ({chosen.rule})"
        models = console.table(
            ("model", "LMC", "CKA", "test error", "before pruning"), list(map(_row_of_model, self.answer.models))
        )
        rules = console.table(("rule", "chooses", "regret", "because"), list(map(_row_of_choice, self.answer.choices)))
        where = "" if asked.folder == STUDY else f" --study {asked.folder}"
        brief = "regret is computed after the compressed retraining; with --full after the full one"
        following = f"next: prunescope prune {asked.pruner} {self.run} --density {asked.density:g}{where}"
        last = [*([] if asked.full else [brief]), following]
        return console.lines_and([first], models, rules, console.lines_and(last))

    def as_json(self) -> dict[str, Any]:
        """Return what `select --json` prints."""
        answer = self.answer
        return {
            "schema_version": 1,
            "density": answer.models[0].density,
            "epsilon": answer.epsilon,
            "chosen": self.run,
            "models": [{**asdict(one.member()), "run": answer.references[one.name]} for one in answer.models],
            "choices": [asdict(choice) for choice in answer.choices],
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured."""
        return self.readings.rows()


@asks(SelectionQuestion)
def select(question: SelectionQuestion, session: Session) -> SelectionFinding | Cost:
    """Choose which of several dense networks to prune: connected after pruning, then the best.

    Every network is pruned, retrained as the first one was trained (on a compressed schedule), and measured. Algorithm
    2 of Zhou et al. (2023) takes the least test error among those with LMC >= -epsilon, Algorithm 2.1 the highest CKA.
    """
    return find_selection(question, session)


def find_selection(question: SelectionQuestion, session: Session) -> SelectionFinding | Cost:
    """Answer a question in a session that is open."""
    answer = answer_selection(question, session)
    if not isinstance(answer, Selected):
        return cost_of(answer, session)
    readings = Readings(runs=answer.probes, store=session.store)
    return SelectionFinding(answer=answer, asked=question, readings=readings)


def _row_of_model(model: MeasuredModel) -> tuple[str, ...]:
    return (
        model.name,
        lmc_text(model.lmc),
        "n/a" if model.cka is None else cka_text(model.cka),
        error_or_absent(model.test_error)
        + (f", full {error_or_absent(model.final_error)}" if model.final_error is not None else ""),
        error_or_absent(model.dense_error),
    )


def _row_of_choice(choice: Choice) -> tuple[str, ...]:
    return choice.rule, choice.member or "-", error_or_absent(choice.regret), choice.because
