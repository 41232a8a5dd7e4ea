"""From the question of `map` to its finished runs: every network x every density, pruned and measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.errors import PrunescopeError, UsageError
from prunescope.api.knobs import KNOBS
from prunescope.networks.checkpoints.siblings import find_sibling_files
from prunescope.runs import plan
from prunescope.runs.dry import keep_nothing
from prunescope.runs.opening import listed, open_data, open_network, open_networks
from prunescope.studies.diagnosis.family import knobs_of, own_snapshots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.scheduling.cost import CostEstimate
    from prunescope.runs.session import Session
    from prunescope.studies.mapping.question import MapQuestion

ERROR = "train_error"
"""The reading of the map: no labels of test data are used."""

DENSE = 1.0
"""Density of the networks before pruning."""


@dataclass(frozen=True, kw_only=True)
class MappedNetwork:
    """One dense network, and its training error at every density."""

    reference: str
    """A run, or a snapshot of one."""
    value: float | None
    """Of the knob in which the networks differ; None where that is not one, or is unknown."""
    errors: Mapping[float, float]
    """Density (1: before pruning) -> error with BatchNorm re-estimated, fraction in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """A finished map."""

    networks: tuple[MappedNetwork, ...]
    """By the value of the knob, the hottest first; as they were given where it is unknown."""
    knob: str | None
    """In which they differ."""
    densities: tuple[float, ...]
    probes: tuple[str, ...]
    """The runs that hold the readings."""

    def least(self, density: float) -> MappedNetwork:
        """Return the network of the least error at a density; of equals the first."""
        return min(self.networks, key=lambda one: one.errors[density])


def answer_map(question: MapQuestion, session: Session) -> Mapped | CostEstimate:
    """Prune every network to every density and measure it; the cost where only that is asked, and nothing is kept."""
    with keep_nothing(session, dry_run=question.dry_run) as opened:
        return _map(question, opened)


def _map(question: MapQuestion, session: Session) -> Mapped | CostEstimate:
    densities = _densities(question)
    references = _references(question, session)
    laid = _lay_out(references, densities, question, session)
    recipes = [recipe for steps in laid.values() for recipe in steps]
    estimate = session.estimate(recipes)
    if question.dry_run:
        return estimate
    session.complete(recipes)
    return _mapped(references, densities, {place: steps[-1] for place, steps in laid.items()}, session)


def _lay_out(
    references: Sequence[str], densities: Sequence[float], question: MapQuestion, session: Session
) -> dict[tuple[str, float], tuple[Recipe, ...]]:
    """Return the steps of every cell, its probe last."""
    data = open_data(question.data, references, session, limit_batches=question.limit_batches)
    pruner = session.make_plugin("pruners", question.pruner, question.pruner_options)
    probe = session.make_plugin("probes", "errors", {"re_estimate": True})

    def steps(reference: str, density: float) -> tuple[Recipe, ...]:
        if density == DENSE:
            return (plan.probing_recipe(replicas=[reference], probe=probe, data=data, seed=question.seed),)
        pruned = plan.pruning_recipe(dense=reference, pruner=pruner, density=density, data=data, seed=question.seed)
        return pruned, plan.probing_recipe(replicas=[pruned.id], probe=probe, data=data, seed=question.seed)

    return {(reference, density): steps(reference, density) for reference in references for density in densities}


def _densities(question: MapQuestion) -> tuple[float, ...]:
    """Return the densities of the map, the dense networks first."""
    wrong = [density for density in question.densities if not 0 < density < 1]
    if wrong or not question.densities:
        given = f"{wrong[0]:g}" if wrong else "none"
        raise UsageError(f"--density got {given}", fix="it requires fractions: 0.1 keeps 10 %")
    return (DENSE, *sorted(set(question.densities), reverse=True))


def _references(question: MapQuestion, session: Session) -> tuple[str, ...]:
    """Return the runs of the networks; with one alone those of its run's snapshots, or of the files beside it, too."""
    networks, data = listed(question.networks), question.data
    references = open_networks(networks, session, loading=question.loading, data=data)
    if len(references) == 1:
        references = (*references, *_relatives(networks[0], references[0], question, session))
    if len(references) < 2:
        raise UsageError(
            "there is only one network to map",
            fix="name two or more, or one of a run that kept snapshots (train ... --snapshot-every N)",
        )
    return references


def _relatives(network: object, reference: str, question: MapQuestion, session: Session) -> list[str]:
    """Return the snapshots of the network's run, else the numbered checkpoints beside its file that can be read."""
    own = own_snapshots(reference, session)
    if own or not isinstance(network, str | Path):
        known = {tuple(sorted(knobs_of(one, session).items())): one for one in (*own, reference)}
        return [one for one in known.values() if one != reference]  # the end of a run may be a snapshot too
    found = []
    for file in find_sibling_files(Path(network)).values():
        try:
            found.append(open_network(str(file), session, loading=question.loading, data=question.data))
        except PrunescopeError as error:
            session.note(f"{file.name} beside the checkpoint is not mapped: {error.message}")
    return [one for one in dict.fromkeys(found) if one != reference]


def _mapped(
    references: Sequence[str], densities: Sequence[float], probes: Mapping[tuple[str, float], Recipe], session: Session
) -> Mapped:
    known = {reference: knobs_of(reference, session) for reference in references}
    differing = [name for name in KNOBS if len({each.get(name) for each in known.values()}) > 1]
    knob = differing[0] if len(differing) == 1 and all(differing[0] in each for each in known.values()) else None
    networks = [
        MappedNetwork(
            reference=reference,
            value=None if knob is None else known[reference][knob],
            errors={density: _error(probes[reference, density], session) for density in densities},
        )
        for reference in references
    ]
    if knob is not None:
        networks.sort(key=lambda one: -KNOBS[knob].hotter * (one.value or 0.0))
    return Mapped(
        networks=tuple(networks),
        knob=knob,
        densities=tuple(densities),
        probes=tuple(recipe.id for recipe in probes.values()),
    )


def _error(probe: Recipe, session: Session) -> float:
    reading = session.read(probe.id).readings["errors"][ERROR]
    return float(np.asarray(reading.value, dtype=np.float64).mean())
