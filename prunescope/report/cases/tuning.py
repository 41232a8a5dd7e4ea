"""The answer of `tune`: the value of a knob for each density, and what was tried on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import cka_text, error_or_absent, lmc_text, percent, points_text
from prunescope.report.common import console
from prunescope.report.common.asking import asks
from prunescope.report.common.finding import Finding
from prunescope.runs.coordinates import Readings
from prunescope.studies.cases.questions import TuningQuestion
from prunescope.studies.cases.tuning_answer import TuningAnswer, answer_tuning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from prunescope.runs.session import Session
    from prunescope.studies.cases.measured import MeasuredModel
    from prunescope.studies.cases.tuning_answer import TunedDensity


@dataclass(frozen=True, kw_only=True, repr=False)
class TuningFinding(Finding):
    """The value of a knob for each density."""

    answer: TuningAnswer
    readings: Readings

    @property
    def values(self) -> dict[float, float]:
        """Density -> the value of the knob."""
        return {one.density: one.tuned.value for one in self.answer.found}

    def words(self) -> str:
        """Return the values, a line for each density."""
        return "\n".join(f"{value:g}" for value in self.values.values())

    def printed(self) -> RenderableType:
        """Return what was looked at, and a table of the values found."""
        found, knob = self.answer.found, self.answer.knob
        looked = [_look(model, one, knob) for one in found for model in one.tuned.looked]
        table = console.table(("density", knob, "runs", "of the grid's", "regret"), list(map(_tuning_row, found)))
        poor = any(not one.tuned.connected for one in found)
        note = (
            ["note: at some density no value has LMC >= -epsilon: the one of the largest LMC is reported"]
            if poor
            else []
        )
        return console.lines_and(looked, table, console.lines_and(note))

    def as_json(self) -> dict[str, Any]:
        """Return what `tune --json` prints."""
        return {
            "schema_version": 1,
            "knob": self.answer.knob,
            "found": [_density_as_json(one) for one in self.answer.found],
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured."""
        return self.readings.rows()


@asks(TuningQuestion)
def tune(question: TuningQuestion, session: Session) -> TuningFinding:
    """Find the value of a temperature-like knob for each density, with fewer runs than the grid.

    Every look is a dense seed of a value with two replicas, taken where it is expected to lower the least test error
    most, by a posterior of all values. With search="regime", by="cka" or full the values are searched from the hottest
    to the coldest: what is colder than a poorly connected model is not tried (Zhou et al. 2023, section 5.3), and the
    best are confirmed on the other dense seeds. What a sweep of the same study finished is not run again, but counted.
    """
    return find_tuning(question, session)


def find_tuning(question: TuningQuestion, session: Session) -> TuningFinding:
    """Answer a question in a session that is open."""
    answer = answer_tuning(question, session)
    return TuningFinding(answer=answer, readings=Readings(runs=answer.probes, store=session.store))


def _look(model: MeasuredModel, one: TunedDensity, knob: str) -> str:
    error = error_or_absent(model.test_error)
    cka = "n/a" if model.cka is None else cka_text(model.cka)
    mark = "*" if model.value == one.tuned.value else " "
    straddled = ", LMC undecided" if model.value in one.tuned.straddled else ""
    place = f"density {one.density:g}, {knob} {model.value:g}"
    return f"{mark} {place}: LMC {lmc_text(model.lmc)}, CKA {cka}, test error {error}{straddled}"


def _tuning_row(one: TunedDensity) -> tuple[str, ...]:
    share = f"{percent(one.tuned.runs / one.grid_runs)} of {one.grid_runs}"
    regret = "n/a: the grid is not complete" if one.regret is None else f"{points_text(one.regret)} points"
    return f"{one.density:g}", f"{one.tuned.value:g}", str(one.tuned.runs), share, regret


def _density_as_json(one: TunedDensity) -> dict[str, Any]:
    return {
        "density": one.density,
        "value": one.tuned.value,
        "connected": one.tuned.connected,
        "runs": one.tuned.runs,
        "grid_runs": one.grid_runs,
        "regret": one.regret,
        "straddled": list(one.tuned.straddled),
        "looked": [
            {"value": m.value, "lmc": m.lmc, "cka": m.cka, "test_error": m.test_error} for m in one.tuned.looked
        ],
    }
