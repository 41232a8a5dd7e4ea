"""The answer of `diagnose`: verdicts with their evidence, or the weights alone where there were no data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import count_text
from prunescope.report.common import console
from prunescope.report.common.asking import asks
from prunescope.report.common.costs import Cost
from prunescope.report.common.finding import Finding
from prunescope.studies.diagnosis.diagnose import Diagnosed, DiagnosisCost, answer_diagnosis
from prunescope.studies.diagnosis.question import DiagnosisQuestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from prunescope.report.common.view import Report
    from prunescope.runs.files.runfile import Verdict
    from prunescope.runs.session import Session
    from prunescope.studies.diagnosis.plan import AtDensity
    from prunescope.studies.diagnosis.weights_alone import WeightsAlone

ALWAYS = ("optimizer", "learning_rate", "weight_decay", "batch_size", "schedule")
"""Options of a trainer that a plan names even where they are its defaults."""

NEXT = "data would add errors, the Hessian, and the regime at each density: --data SPEC"


@dataclass(frozen=True, kw_only=True, repr=False)
class DiagnosisFinding(Finding):
    """Regime and advice for one network at each density, and what they rest on."""

    run: str
    """The id of the diagnosis."""
    study: Path
    verdicts: tuple[Verdict, ...]
    """One for each density, and one for the dense network where a rule voted on it."""
    view: Report
    """Everything that the report shows."""
    readings: tuple[Mapping[str, Any], ...]
    """See `Finding.rows`."""

    def printed(self) -> RenderableType:
        """Return the verdict, the evidence as a table, and the warnings."""
        from prunescope.report.diagnosis.terminal import terminal

        return terminal(self.view)

    def as_json(self) -> dict[str, Any]:
        """Return what `diagnose --json` prints."""
        from prunescope.report.diagnosis.as_json import diagnosis_as_json

        return diagnosis_as_json(self.view)

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured."""
        return self.readings

    def page(self) -> str:
        """Return the report as one HTML document."""
        from prunescope.report.diagnosis.html import diagnosis_page

        return diagnosis_page(self.view)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Return the report as Markdown for pull requests, and write it to `path` where one is given."""
        from prunescope.report.common.markdown import write_markdown
        from prunescope.report.diagnosis.markdown import diagnosis_markdown

        return write_markdown(diagnosis_markdown(self.view), path)

    def _repr_html_(self) -> str:
        """Return the card that heads the report."""
        from prunescope.report.diagnosis.html import card

        return card(self.view)


@dataclass(frozen=True, kw_only=True, repr=False)
class WeightsFinding(Finding):
    """What the weights alone show: no verdict."""

    found: WeightsAlone

    @property
    def run(self) -> str:
        """The id of the run that holds the weights."""
        return self.found.run

    def printed(self) -> RenderableType:
        """Return the densities of the layers, and the readings of probes that need no data."""
        from rich.console import Group
        from rich.text import Text

        from prunescope.report.common.readings import reading_table

        rows = [(one.name, f"{one.weights:,}", f"{one.kept / one.weights:.4g}") for one in self.found.layers]
        table = console.table(("layer", "weights", "density"), rows)
        readings = [reading_table(self.found.readings, width=100)] if self.found.readings else []
        return Group(*map(Text, self._lines()), table, *readings)

    def as_json(self) -> dict[str, Any]:
        """Return parameters, layers and readings."""
        from prunescope.runs.files.runfile import reading_as_json

        found = self.found
        readings = {
            probe: {name: reading_as_json(one) for name, one in named.items()}
            for probe, named in found.readings.items()
        }
        known = {"schema_version": 1, "level": 0, "run": found.run, "parameters": found.parameters}
        layers = [asdict(layer) for layer in found.layers]
        return known | {"facts": dict(found.facts), "layers": layers, "readings": readings, "next": NEXT}

    def _lines(self) -> list[str]:
        found = self.found
        weights, kept = sum(layer.weights for layer in found.layers), sum(layer.kept for layer in found.layers)
        density = f"density {kept / weights:.4g}" if weights else "density n/a: no convolutions"
        density += ", mask found" if found.masked else ", no mask"
        return [
            f"no verdict: weights alone (level 0) do not show how {found.run} prunes",
            f"next: {NEXT}",
            f"{found.network}: {count_text(found.parameters, 'parameter')}, {weights:,} prunable, {density}",
            *(f"note: {note}" for note in found.facts.get("notes", ())),
        ]


@asks(DiagnosisQuestion)
def diagnose(question: DiagnosisQuestion, session: Session) -> DiagnosisFinding | WeightsFinding | Cost:
    """Find in which regime a network's pruned versions are, and whether to raise or lower its temperature.

    Copies of the network are pruned to each density, a few replicas of each are retrained briefly and measured, and a
    rule judges the readings (Zhou et al. 2023). What is finished in the study folder is not computed again.
    """
    return find_diagnosis(question, session)


def find_diagnosis(question: DiagnosisQuestion, session: Session) -> DiagnosisFinding | WeightsFinding | Cost:
    """Answer a question in a session that is open."""
    answer = answer_diagnosis(question, session)
    if isinstance(answer, Diagnosed):
        return show_diagnosis(answer.run, answer.session, notes=answer.notes)
    if isinstance(answer, DiagnosisCost):
        slots = answer.executor.instance.slots()
        return Cost(estimate=answer.estimate, slots=slots, about=_about(answer), reported=("weights",))
    return WeightsFinding(found=answer)


def show_diagnosis(run: str, session: Session, *, notes: Sequence[str] = ()) -> DiagnosisFinding:
    """Return a finished diagnosis; notes: what had to be assumed when it was made."""
    from prunescope.report.diagnosis.assemble import assemble
    from prunescope.runs import coordinates

    view = assemble(session, run, notes=notes)
    return DiagnosisFinding(
        run=run,
        study=session.store.study,
        verdicts=session.read(run).verdicts,
        view=view,
        readings=tuple(coordinates.read_rows([taken.run for taken in view.taken], session.store)),
    )


def _about(cost: DiagnosisCost) -> dict[str, Any]:
    """Return what a dry run reports of the plan: network, weights, data, densities, replicas, retraining, probes."""
    found = {**_about_inputs(cost), "densities": [step.density for step in cost.steps.pruned]}
    for step in cost.steps.pruned[:1]:
        found["replicas"] = len(step.retrainings)
        found |= _about_retraining(step)
        if step.retrainings:
            found["probes_of_replicas"] = [recipe.plugin for recipe in step.probes]
        pruned = step.pruned_probes if step.retrainings else (*step.probes, *step.pruned_probes)
        found["probes_of_the_pruned_model"] = [recipe.plugin for recipe in pruned]
    dense = [recipe.plugin for recipe in cost.steps.dense.probes]
    return found | {"probes_of_the_dense_model": dense, "assumptions": list(cost.notes)}


def _about_retraining(step: AtDensity) -> dict[str, Any]:
    """Return how the replicas are retrained, or the siblings where there are none; {} where nothing is."""
    from prunescope.plugins import registry
    from prunescope.plugins.options import all_options

    brief = [recipe for one in step.siblings for recipe in one.retrainings]
    first = next(iter((*step.retrainings, *brief)), None)
    if first is None:
        return {}
    trainer = registry.make("trainers", first.plugin, first.options)
    usual = {name: value for name, value in all_options(trainer.instance).items() if name in ALWAYS}
    options = [f"{name}={value}" for name, value in sorted((usual | dict(trainer.given)).items())]
    members = [f"{name} {value:g}" for one in step.siblings for name, value in one.knobs.items()]
    siblings = {} if step.retrainings else {"siblings": members}
    known = {"retrain_with": trainer.plugin.name, "retrain_epochs": trainer.instance.length()}
    return siblings | known | {"retrain_options": options}


def _about_inputs(cost: DiagnosisCost) -> dict[str, Any]:
    """Return what a dry run reports of the network, of the weights that were chosen, and of the data."""
    model, data = cost.facts["model"], cost.data
    return {
        "network": f"{model['name']} with {count_text(model['num_classes'], 'class')}",
        "weights": list(cost.facts.get("notes", ())),
        "data": f"{data.name}: {len(data.train):,} training and {count_text(len(data.test), 'test image')}, "
        f"{count_text(data.num_classes, 'class')}, {'x'.join(map(str, data.image_size)) or 'no'} pixels",
        "prunable": cost.prunable.describe(),
    }
