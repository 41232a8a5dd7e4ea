"""The answer of `map`: which dense network loses least when it is pruned, at every density, without retraining."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.knobs import KNOBS
from prunescope.api.wording import count_text, error_text, points_text
from prunescope.regimes.log_odds import load_calibration
from prunescope.report.common import console, formatting
from prunescope.report.common.asking import asks
from prunescope.report.common.costs import Cost, cost_of
from prunescope.report.common.finding import Finding
from prunescope.runs.coordinates import Readings
from prunescope.studies.mapping.answer import DENSE, Mapped, answer_map
from prunescope.studies.mapping.question import MapQuestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from prunescope.runs.session import Session
    from prunescope.studies.mapping.answer import MappedNetwork

ABOUT = "training error of the pruned networks, BatchNorm re-estimated, no retraining; * least of its density"


@dataclass(frozen=True, kw_only=True, repr=False)
class MapFinding(Finding):
    """Dense networks x densities."""

    answer: Mapped
    readings: Readings

    def printed(self) -> RenderableType:
        """Return the map, and how far it can be trusted."""
        columns = ("network", *("dense" if one == DENSE else f"{one:g}" for one in self.answer.densities))
        rows = [self._row(one) for one in self.answer.networks]
        return console.lines_and([ABOUT], console.table(columns, rows), console.lines_and([trust_in_maps()]))

    def as_json(self) -> dict[str, Any]:
        """Return what `map --json` prints."""
        answer = self.answer
        return {
            "schema_version": 1,
            "knob": answer.knob,
            "densities": list(answer.densities),
            "networks": [
                {"run": one.reference, "value": one.value, "errors": [one.errors[each] for each in answer.densities]}
                for one in answer.networks
            ],
            "least": {f"{density:g}": answer.least(density).reference for density in answer.densities},
            "trust": trust_in_maps(),
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured."""
        return self.readings.rows()

    def _row(self, one: MappedNetwork) -> tuple[str, ...]:
        name = one.reference if one.value is None else f"{self._knob_at(one.value)} ({one.reference})"
        cells = (
            f"{error_text(one.errors[density])}{'*' if self.answer.least(density) is one else ' '}"
            for density in self.answer.densities
        )
        return (name, *cells)

    def _knob_at(self, value: float) -> str:
        return KNOBS[self.answer.knob or "epochs"].at(formatting.number(value))


def trust_in_maps() -> str:
    """Return how far the studies of the calibration say that the map can be trusted, in a sentence."""
    found = load_calibration().map
    if found is None:
        return "no study says how far this can be trusted: prunescope select retrains briefly and compares"
    return (
        f"in {count_text(found.studies, 'study')} the network with the least error here was, once retrained, "
        f"{points_text(found.regret)} points worse than the best on average; one chosen after brief retraining "
        f"{points_text(found.brief)}, a random one {points_text(found.random)}: prunescope select retrains briefly"
    )


@asks(MapQuestion)
def map(question: MapQuestion, session: Session) -> MapFinding | Cost:  # noqa: A001 - the command's name
    """Prune every network to every density and measure its training error, BatchNorm re-estimated, not retrained.

    With one network alone the snapshots of its run are mapped too, or the numbered checkpoints beside its file.
    """
    return find_map(question, session)


def find_map(question: MapQuestion, session: Session) -> MapFinding | Cost:
    """Answer a question in a session that is open."""
    answer = answer_map(question, session)
    if not isinstance(answer, Mapped):
        return cost_of(answer, session)
    return MapFinding(answer=answer, readings=Readings(runs=answer.probes, store=session.store))
