"""The answer of `advise`: what to do with the temperature, and what that would change."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from prunescope.api import Advice, Regime
from prunescope.api.wording import points_interval, probability_text
from prunescope.report.common import console, words
from prunescope.report.common.asking import asks
from prunescope.report.common.costs import Cost
from prunescope.report.common.finding import Finding
from prunescope.runs.coordinates import Readings
from prunescope.studies.cases.advice_answer import AdviceAnswer, answer_advice
from prunescope.studies.cases.advice_plan import AdvicePlan
from prunescope.studies.cases.questions import AdviceQuestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from prunescope.runs.session import Session
    from prunescope.studies.cases.advising import Advised

MOVES = {
    Advice.RAISE: "raise the temperature",
    Advice.LOWER: "lower the temperature",
    Advice.KEEP: "keep the temperature",
    Advice.NONE: "no advice",
}

MEANING = "confidence: that replicas are poorly connected (I) or connected (II), not that the advice helps"

OF_DIRECTION = "confidence: that the better dense training lies on that side"

BESIDE_REGIME = f"{OF_DIRECTION}; the regime is judged by itself"


@dataclass(frozen=True, kw_only=True, repr=False)
class AdviceFinding(Finding):
    """Raise, lower or keep the temperature, at one value of the knob or at each."""

    answer: AdviceAnswer
    readings: Readings

    @property
    def silent(self) -> bool:
        """Whether the evidence suffices for no advice."""
        return self.answer.silent

    def words(self) -> str:
        """Return the advice alone; of several values a line each, value and advice."""
        advised = self.answer.advised
        return "\n".join(f"{a.value:g} {a.advice}" for a in advised) if len(advised) > 1 else str(advised[0].advice)

    def printed(self) -> RenderableType:
        """Return a headline and reasons for one value, a table for several."""
        answer, notes = self.answer, [f"note: {note}" for note in self.answer.notes]
        if len(answer.advised) == 1:
            reasons = [f"  {reason}" for reason in answer.advised[0].because]
            return console.lines_and([*notes, advice_headline(answer.advised[0], answer), *reasons])
        title = f"density {answer.density:g}, {answer.knob} from the hottest to the coldest:"
        columns = (answer.knob, "regime", "advice", "confidence", "to", "change of test error, 80 % interval")
        table = console.table(columns, list(map(_advice_row, answer.advised)))
        return console.lines_and([*notes, title], table, console.lines_and(_explanations(answer)))

    def as_json(self) -> dict[str, Any]:
        """Return what `advise --json` prints."""
        answer = self.answer
        return {
            "schema_version": 1,
            "density": answer.density,
            "knob": answer.knob,
            "advice": [{**asdict(advised), "value": _known(advised.value)} for advised in answer.advised],
            "notes": list(answer.notes),
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured."""
        return self.readings.rows()


@asks(AdviceQuestion)
def advise(question: AdviceQuestion, session: Session) -> AdviceFinding | Cost:
    """Find whether to raise, lower or keep the temperature before pruning to a density, which knob and by how much.

    Of a study the answer comes from its finished cells, with the change of test error to expect (Zhou et al. 2023,
    section 5.1). For a network it is bought within the budget, the cheapest evidence first: the model itself at this
    density, then one of its own snapshots, then a neighbour that is trained for it. A dry run measures nothing and
    returns what would be measured, with its cost.
    """
    return find_advice(question, session)


def find_advice(question: AdviceQuestion, session: Session) -> AdviceFinding | Cost:
    """Answer a question in a session that is open."""
    answer = answer_advice(question, session)
    if isinstance(answer, AdvicePlan):
        return _cost_of_plan(answer, session)
    return AdviceFinding(answer=answer, readings=Readings(runs=answer.probes, store=session.store))


def _cost_of_plan(plan: AdvicePlan, session: Session) -> Cost:
    about = {
        "measured": list(plan.measured),
        "left_out": list(plan.left_out),
        "assumptions": list(plan.assumed),
        "trainings": plan.trainings,
    }
    return Cost(estimate=plan.estimate, slots=session.executor.instance.slots(), about=about)


def advice_headline(advised: Advised, answer: AdviceAnswer) -> str:
    """Return the advice as a sentence."""
    of = words.SURE_OF[Regime(advised.regime)] if _names_a_side(advised.regime) and advised.hotter is None else ""
    sure = (
        ""
        if advised.confidence is None
        else f", confidence {probability_text(advised.confidence)}{f' that {of}' if of else ''}"
    )
    move = "" if advised.to is None else f": {answer.knob} {advised.value:g} -> {advised.to:g}"
    change = "" if advised.change is None else f"; expected change of test error {_change(advised)}"
    return f"{MOVES[advised.advice]} for density {answer.density:g}{move} (regime {advised.regime}{sure}){change}"


def _explanations(answer: AdviceAnswer) -> list[str]:
    """Return what the confidence is of, and for every abstention why, and what would decide."""
    silent = [advised for advised in answer.advised if advised.advice is Advice.NONE]
    meaning = [MEANING] if any(advised.confidence is not None for advised in answer.advised) else []
    if any(advised.hotter is not None for advised in answer.advised):
        meaning = [BESIDE_REGIME if any(_names_a_side(advised.regime) for advised in answer.advised) else OF_DIRECTION]
    return [*meaning, *(f"no advice at {answer.knob} {one.value:g}: {one.because[0]}" for one in silent)]


def _names_a_side(regime: str) -> bool:
    """Whether a regime was resolved."""
    return regime in {*Regime} and bool(words.SURE_OF[Regime(regime)])


def _advice_row(advised: Advised) -> tuple[str, ...]:
    return (
        f"{advised.value:g}",
        advised.regime,
        str(advised.advice),
        "n/a" if advised.confidence is None else probability_text(advised.confidence),
        "-" if advised.to is None else f"{advised.to:g}",
        _change(advised),
    )


def _change(advised: Advised) -> str:
    change = advised.change
    if change is None:
        return "n/a"
    return f"{points_interval(change.mean, change.low, change.high)}, n = {change.n}"


def _known(value: float) -> float | None:
    """Return a number, or None where it is NaN: the value of a knob that the checkpoint does not have."""
    return None if isnan(value) else value
