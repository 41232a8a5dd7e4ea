"""The answer of `compare`: pruners side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import count_text
from prunescope.plugins.citations import cited
from prunescope.report.common import console
from prunescope.report.common.asking import asks
from prunescope.report.common.costs import Cost, cost_of
from prunescope.report.common.finding import Finding
from prunescope.report.comparison import page, tables
from prunescope.runs.coordinates import Readings
from prunescope.runs.credits import credited_methods
from prunescope.studies.comparison.answer import Compared, answer_comparison
from prunescope.studies.comparison.question import ComparisonQuestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison(Finding):
    """Accuracy, compression and speed-up of every pruner at every density."""

    answer: Compared
    asked: ComparisonQuestion
    readings: Readings

    @property
    def missing(self) -> list[tuple[str, float]]:
        """The pruners and densities of which some seed is not measured."""
        return self.answer.found.missing

    def lines(self) -> list[str]:
        """Return which pruner is best at the lowest density, and whether something is missing."""
        lost = f"{len(self.missing)} of the table's cells are not complete; the same command runs them again"
        return [page.comparison_headline(self.answer.found), *([lost] if self.missing else [])]

    def table(self) -> RenderableType:
        """Return a line for the dense models and one for every density and pruner."""
        return console.table(tables.COMPARISON_COLUMNS, tables.comparison_rows(self.answer.found))

    def printed(self) -> RenderableType:
        """Return the best pruner and the table."""
        return console.lines_and(self.lines(), self.table())

    def as_json(self) -> dict[str, Any]:
        """Return what `compare --json` prints."""
        return tables.comparison_as_json(
            self.answer.found, {"made": self._facts(), "versions": dict(self.answer.versions)}
        )

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured."""
        return self.readings.rows()

    def page(self) -> str:
        """Return the report as one HTML document."""
        answer = self.answer
        citations = [one.text for one in cited(credited_methods(answer.layout.recipes))]
        return page.comparison_page(answer.found, facts=self._facts(), versions=answer.versions, citations=citations)

    def _facts(self) -> dict[str, str]:
        study, batches = self.answer.layout.study, self.asked.limit_batches
        of_model = ", ".join(f"{name} {value}" for name, value in study.model_options.items())
        return {
            "network": f"{study.model} ({of_model})" if of_model else study.model,
            "data": study.data + (f", {count_text(batches, 'batch')}" if batches else ""),
            "training": _choice(study.train.plugin, study.train.options),
            "retraining": _choice(study.retrain.plugin, study.retrain.options),
            "pruners": "; ".join(self.answer.layout.grids),
            "densities": ", ".join(f"{density:g}" for density in sorted(study.densities, reverse=True)),
            "seeds": ", ".join(map(str, study.dense_seeds)),
        }


@asks(ComparisonQuestion)
def compare(question: ComparisonQuestion, session: Session) -> Comparison | Cost:
    """Prune and retrain by several pruners at several densities and seeds, as ShrinkBench asks (Blalock et al. 2020).

    Every seed trains one dense model; each pruner prunes it to each density, and it is retrained. The dense models and
    `random` are always among what is compared. What is finished in the study folder is not computed again.
    """
    return find_comparison(question, session)


def find_comparison(question: ComparisonQuestion, session: Session) -> Comparison | Cost:
    """Answer a question in a session that is open."""
    answer = answer_comparison(question, session)
    if not isinstance(answer, Compared):
        return cost_of(answer, session)
    probes = tuple(recipe.id for recipe in answer.layout.recipes if recipe.step == "probe")
    return Comparison(answer=answer, asked=question, readings=Readings(runs=probes, store=session.store))


def _choice(plugin: str, options: Mapping[str, Any]) -> str:
    return f"{plugin}: {', '.join(f'{name} {value}' for name, value in options.items())}"
