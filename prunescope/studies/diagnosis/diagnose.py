"""From the question of a diagnosis to its finished runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import PrunescopeError, UsageError
from prunescope.api.wording import count_text
from prunescope.plugins import options, registry
from prunescope.regimes import chosen
from prunescope.runs import pipeline
from prunescope.runs.dry import keep_nothing
from prunescope.runs.opening import inherited_source, listed, open_data, open_network, open_networks
from prunescope.runs.recipe import run_of
from prunescope.runs.seeing import describe_unheeded, exchanged
from prunescope.studies.diagnosis import course, family, plan, retraining, weights_alone, without_replicas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api import Data
    from prunescope.networks.layers import Prunable
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.scheduling.cost import CostEstimate
    from prunescope.runs.session import Session
    from prunescope.studies.diagnosis.family import Family
    from prunescope.studies.diagnosis.plan import DiagnosisPlan, DiagnosisSteps
    from prunescope.studies.diagnosis.question import DiagnosisQuestion
    from prunescope.studies.diagnosis.weights_alone import WeightsAlone


@dataclass(frozen=True, kw_only=True)
class Diagnosed:
    """A finished diagnosis."""

    run: str
    """The id of the diagnosis."""
    notes: tuple[str, ...]
    """What had to be assumed, and what was left out."""
    session: Session


@dataclass(frozen=True, kw_only=True)
class DiagnosisCost:
    """What a diagnosis would take."""

    steps: DiagnosisSteps
    estimate: CostEstimate
    executor: Loaded
    facts: Mapping[str, Any]
    """What is known of the dense network: its model, the settings of its training, how its file was read."""
    data: Data
    prunable: Prunable
    """What the pruner may prune."""
    notes: tuple[str, ...]
    """What had to be assumed."""


def answer_diagnosis(question: DiagnosisQuestion, session: Session) -> Diagnosed | DiagnosisCost | WeightsAlone:
    """Run what a diagnosis needs and is not finished; its cost where only that is asked, the weights without data."""
    without_replicas.check_replicas(question)
    densities = _densities(question)
    with keep_nothing(session, dry_run=question.dry_run) as opened:
        dense = _dense(question, opened)
        if question.level == 0 or (question.data is None and inherited_source(dense, opened) is None):
            values = retraining.probe_values(question.probe_options, question.probes)
            return weights_alone.look(dense[0], opened, probes=retraining.probes(question.probes, values))
        asked, notes = _plan(question, opened, dense=dense, densities=densities)
        from prunescope.data import sources

        steps = plan.lay_out_diagnosis(asked)
        estimate = opened.estimate(steps.recipes[:-1])
        if question.dry_run:
            return DiagnosisCost(
                steps=steps,
                estimate=estimate,
                executor=opened.executor,
                facts=opened.read(run_of(dense[0])).facts,
                data=sources.open_source(asked.data.to_json(), device="cpu", trust=opened.store.trust),
                prunable=_find_prunable(asked, opened),
                notes=notes,
            )
        if densities:
            opened.note(f"prunable: {_find_prunable(asked, opened).describe()}")
        if notes:
            opened.note(f"assumptions: {'; '.join(notes)}")
        try:
            opened.complete(steps.recipes[:-1])
        except PrunescopeError as error:
            steps, lost = _without_failed(asked, steps, opened, error)
            opened.note("; ".join(lost))
            notes = (*lost, *notes)
        run_id = pipeline.perform(steps.diagnosis, opened.store, device="cpu")
        return Diagnosed(run=run_id, notes=notes, session=opened)


def _densities(question: DiagnosisQuestion) -> tuple[float, ...]:
    """Return the densities to prune to: none for the single-checkpoint vote."""
    if question.level in (1, 2):
        return ()
    for density in question.densities:
        if not 0 < density < 1:
            raise UsageError(f"--density got {density:g}", fix="it requires a fraction: 0.1 keeps 10 %")
    return tuple(question.densities)


def _dense(question: DiagnosisQuestion, session: Session) -> tuple[str, ...]:
    """Return the runs of the dense model and of its other replicas, as many as the level uses."""
    networks = listed(question.networks)
    if question.level == 2 and len(networks) < 2:
        raise UsageError("--level 2 requires a second replica of the dense model", fix="name its checkpoint too")
    used = networks[:1] if question.level in (0, 1) else networks
    return open_networks(used, session, loading=question.loading, data=question.data)


def _plan(
    question: DiagnosisQuestion, session: Session, *, dense: tuple[str, ...], densities: tuple[float, ...]
) -> tuple[DiagnosisPlan, tuple[str, ...]]:
    """Return what the question asks of these networks, and what had to be assumed."""
    _check_unpruned(dense[0], session, densities)
    wanted = retraining.Asked(
        trainer=question.trainer, options=question.trainer_options, epochs=question.retrain_epochs
    )
    training = session.read(run_of(dense[0])).facts.get("training", {})
    retrained = retraining.retraining(training, wanted)
    related, lost = _family(question, session, dense[0]) if densities else (None, ())
    brief = retraining.retraining(training, replace(wanted, epochs=family.EPOCHS)) if related else None
    names, pruned_names = without_replicas.choose_probes(question)
    pairs = retraining.PAIR_PROBES if len(dense) > 1 else ()
    dense_names = (*retraining.DENSE_PROBES, *pairs, *question.probes)
    values = retraining.probe_values(question.probe_options, (*names, *pruned_names, *dense_names))
    network = _network(dense[0], session)
    data = open_data(question.data, dense, session, limit_batches=question.limit_batches)
    swapped = exchanged(data, dense[0], session)
    asked = plan.DiagnosisPlan(
        dense=dense,
        data=data,
        densities=densities,
        replicas=question.replicas,
        pruner=registry.make("pruners", question.pruner, question.pruner_options),
        trainer=retrained.trainer,
        replica_probes=retraining.probes(names, values),
        dense_probes=retraining.probes(dense_names, values),
        pruned_probes=retraining.probes(pruned_names, values),
        rule=_rule(question, network=network),
        dense_rule=chosen.dense_rule(question.rules, network=network),
        seed=question.seed,
        family=related,
        brief=brief.trainer if brief else None,
        map_probe=registry.make("probes", "errors", {"re_estimate": True}) if related else None,
        first_drop=family.first_drop([one.reference for one in related.members] if related else dense[:1], session),
        progress=course.measure_course(dense[0], session),
        knob=None if related else course.find_knob_of_snapshot(dense[0], session),
    )
    without_replicas.check_plan(asked)
    labels = (swapped,) if swapped else ()
    used = retrained if question.replicas else brief
    unheeded = describe_unheeded(dense[0], data, used.trainer, session) if used else ""
    assumed = (*used.notes, *((unheeded,) if unheeded else ())) if used else ()
    return asked, (*labels, *assumed, *without_replicas.find_unused(question), *lost) if densities else labels


def _family(question: DiagnosisQuestion, session: Session, reference: str) -> tuple[Family | None, tuple[str, ...]]:
    """Return the networks to compare with, named to whoever watches, and notes on those that were left out."""
    found, notes = family.find_family(
        reference,
        session,
        network=listed(question.networks)[0],
        asked=question.family,
        resolve=lambda one: open_network(one, session, loading=question.loading, data=question.data),
    )
    if found is not None:
        session.note(
            f"family: {found}, each retrained {count_text(family.REPLICAS, 'time')} for "
            f"{count_text(family.EPOCHS, 'epoch')}"
        )
    return found, notes


def _rule(question: DiagnosisQuestion, *, network: str | None) -> Loaded:
    """Return the rule that judges each density, with the certainty of the direction where it judges one."""
    name = without_replicas.choose_rule(question)
    known = {field.name for field in options.fields(registry.get("rules", name).load())}
    certainty = {"direction": question.certainty} if "direction" in known else {}
    return chosen.rule(name, {**certainty, **question.rule_options}, question.rules, network=network)


def _without_failed(
    asked: DiagnosisPlan, steps: DiagnosisSteps, session: Session, error: PrunescopeError
) -> tuple[DiagnosisSteps, tuple[str, ...]]:
    """Return the steps without the probes of the dense model that failed, and a note; the error if more did.

    What is asked of the densities rests on the replicas alone: it is not lost with the vote on the dense model.
    """
    missing = {recipe.id for recipe in steps.recipes[:-1] if not session.store.has(recipe.id)}
    alone = plan.lay_out_diagnosis(replace(asked, family=None))
    if missing.isdisjoint(recipe.id for recipe in alone.recipes[:-1]):
        return alone, (f"without the family: {error.message}",)
    failed = {recipe.plugin for recipe in steps.dense.probes if recipe.id in missing}
    if not steps.pruned or missing - {recipe.id for recipe in steps.dense.probes}:
        raise error
    rule = asked.dense_rule
    if rule is not None and failed.intersection(reading.partition("/")[0] for reading in rule.instance.needs):
        rule = None
    kept = tuple(probe for probe in asked.dense_probes if probe.plugin.name not in failed)
    note = f"without {', '.join(sorted(failed))} on the dense model: {error.message}"
    return plan.lay_out_diagnosis(replace(asked, dense_probes=kept, dense_rule=rule)), (note,)


def _network(reference: str, session: Session) -> str | None:
    """Return the name of a checkpoint's network."""
    model: Mapping[str, str] = session.read(run_of(reference)).facts.get("model", {})
    return model.get("name")


def _find_prunable(asked: DiagnosisPlan, session: Session) -> Prunable:
    """Return what the pruner may prune of the dense network."""
    from prunescope.networks.layers import choose_for_pruner

    return choose_for_pruner(asked.pruner.instance, session.build_network(asked.dense[0]))


def _check_unpruned(reference: str, session: Session, densities: tuple[float, ...]) -> None:
    """Refuse to prune a pruned model to a density it does not reach."""
    mask = session.store.load_weights(reference).mask
    if mask is not None and densities and max(densities) >= mask.density:
        raise UsageError(
            f"{reference} is already pruned to density {mask.density:.4g}: it cannot be pruned to {max(densities):g}",
            fix="diagnose the dense model it was pruned from, or give lower densities",
        )
