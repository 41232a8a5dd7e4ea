"""The steps that answer a diagnosis, as recipes in dependency order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.runs import plan
from prunescope.studies.diagnosis.family import REPLICAS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.data.spec import Source
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.recipe import Recipe
    from prunescope.studies.diagnosis.family import Family

COMPRESSION = 0.2
"""Retraining takes this share of the dense epochs, every learning-rate drop in proportion."""

DENSE = 1.0
"""The density of an unpruned model."""

LAST = ("hessian",)
"""Probes that take long and that no retraining waits for."""


@dataclass(frozen=True, kw_only=True)
class DiagnosisPlan:
    """Everything the steps of a diagnosis depend on."""

    dense: tuple[str, ...]
    """The dense model, and other dense replicas of it where they are given; run ids or snapshots."""
    data: Source
    densities: tuple[float, ...]
    replicas: int
    """Whole retrainings of each pruned model; 0: none, and only the direction is judged."""
    pruner: Loaded
    trainer: Loaded
    """For retraining."""
    replica_probes: tuple[Loaded, ...]
    """What is measured on the replicas at every density; on the pruned model itself where there are none."""
    dense_probes: tuple[Loaded, ...]
    """What is measured on the dense model itself."""
    rule: Loaded
    dense_rule: Loaded | None
    pruned_probes: tuple[Loaded, ...] = ()
    """What is measured at every density on the pruned model, not retrained, beside the dense one: probes of two."""
    seed: int = 0
    family: Family | None = None
    """Other networks of the same training, compared with this one at every density."""
    brief: Loaded | None = None
    """Trainer of the brief retrainings; None: no family is compared."""
    map_probe: Loaded | None = None
    """What is measured on the members right after pruning."""
    first_drop: float | None = None
    """Epochs of the dense training after which its learning rate first fell."""
    progress: float | None = None
    """Share of the fall of its loss before then; None where it is not recorded."""
    knob: str | None = None
    """The knob that is to be changed, where it is known without a family."""


@dataclass(frozen=True, kw_only=True)
class AtDensity:
    """The steps at one density."""

    density: float
    prune: Recipe | None
    """None for the dense model."""
    retrainings: tuple[Recipe, ...]
    probes: tuple[Recipe, ...]
    """Of the replicas, or of the pruned model where there are none; of the dense model."""
    pruned_probes: tuple[Recipe, ...] = ()
    """Of the pruned model, not retrained, beside the dense one."""
    siblings: tuple[Sibling, ...] = ()
    """The family at this density, the network in question first."""


@dataclass(frozen=True, kw_only=True)
class Sibling:
    """The steps of one member of the family at one density."""

    knobs: Mapping[str, float]
    prune: Recipe
    retrainings: tuple[Recipe, ...]
    mapped: tuple[Recipe, ...]
    """The errors of the pruned model, not retrained."""


@dataclass(frozen=True, kw_only=True)
class DiagnosisSteps:
    """The recipes of a diagnosis; the last is the judgement."""

    dense: AtDensity
    pruned: tuple[AtDensity, ...]
    diagnosis: Recipe

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """All steps in dependency order: what is cheap and decides much comes first, the Hessian last."""
        steps = [self.dense, *self.pruned]
        prunings = [step.prune for step in steps if step.prune is not None]
        siblings = [one for step in steps for one in step.siblings]
        family = chain.from_iterable((one.prune, *one.mapped, *one.retrainings) for one in siblings)
        pruned = chain.from_iterable(step.pruned_probes for step in steps)
        rest = chain.from_iterable((*step.retrainings, *step.probes) for step in steps)
        once = {recipe.id: recipe for recipe in (*prunings, *pruned, *family, *rest)}
        ordered = sorted(once.values(), key=lambda recipe: recipe.step == "probe" and recipe.plugin in LAST)
        return (*ordered, self.diagnosis)


def lay_out_diagnosis(asked: DiagnosisPlan) -> DiagnosisSteps:
    """Lay out the steps of a diagnosis; UsageError for densities outside (0, 1)."""
    for density in asked.densities:
        if not 0 < density < 1:
            raise UsageError(
                f"density {density:g} is not between 0 and 1",
                fix="give a fraction of the prunable weights, for example 0.1 for 10 %",
            )
    dense = AtDensity(density=DENSE, prune=None, retrainings=(), probes=_dense_probes(asked))
    pruned = tuple(_at_density(asked, density) for density in sorted(set(asked.densities)))
    cases = [_case(asked, step, dense) for step in pruned]
    if asked.dense_rule is not None:
        cases.append(plan.case(density=DENSE, rule=asked.dense_rule, probes=dense.probes))
    return DiagnosisSteps(
        dense=dense, pruned=pruned, diagnosis=plan.diagnosis_recipe(dense=asked.dense[0], cases=cases)
    )


def _case(asked: DiagnosisPlan, step: AtDensity, dense: AtDensity) -> dict[str, Any]:
    siblings = [
        {
            "knobs": dict(one.knobs),
            "retrainings": [recipe.id for recipe in one.retrainings],
            "mapped": [recipe.id for recipe in one.mapped],
        }
        for one in step.siblings
    ]
    return plan.case(
        density=step.density,
        rule=asked.rule,
        probes=(*step.probes, *step.pruned_probes),
        siblings=siblings,
        first_drop=asked.first_drop,
        progress=asked.progress,
        knob=asked.knob,
        dense=[recipe for recipe in dense.probes if recipe.plugin == "errors"],
    )


def _at_density(asked: DiagnosisPlan, density: float) -> AtDensity:
    seed, data = asked.seed, asked.data
    pruning = plan.pruning_recipe(dense=asked.dense[0], pruner=asked.pruner, density=density, data=data, seed=seed)
    retrainings = tuple(
        plan.retraining_recipe(pruned=pruning.id, trainer=asked.trainer, data=data, seed=seed + number + 1)
        for number in range(asked.replicas)
    )
    probes = _probes(asked.replica_probes, [recipe.id for recipe in retrainings] or [pruning.id], asked)
    return AtDensity(
        density=density,
        prune=pruning,
        retrainings=retrainings,
        probes=probes,
        pruned_probes=_probes(asked.pruned_probes, (pruning.id, asked.dense[0]), asked),
        siblings=_siblings(asked, density),
    )


def _siblings(asked: DiagnosisPlan, density: float) -> tuple[Sibling, ...]:
    if asked.family is None or asked.brief is None:
        return ()
    seed, data, found = asked.seed, asked.data, []
    for one in asked.family.members:
        pruning = plan.pruning_recipe(dense=one.reference, pruner=asked.pruner, density=density, data=data, seed=seed)
        retrainings = tuple(
            plan.retraining_recipe(pruned=pruning.id, trainer=asked.brief, data=data, seed=seed + number + 1)
            for number in range(REPLICAS)
        )
        mapped = _probes([asked.map_probe] if asked.map_probe else [], [pruning.id], asked)
        knobs = {asked.family.knob: one.value}
        found.append(Sibling(knobs=knobs, prune=pruning, retrainings=retrainings, mapped=mapped))
    return tuple(found)


def _dense_probes(asked: DiagnosisPlan) -> tuple[Recipe, ...]:
    """Measure the dense model alone; probes of pairs only where other dense replicas were given."""
    single = [probe for probe in asked.dense_probes if probe.instance.replicas in (0, 1)]
    several = [probe for probe in asked.dense_probes if probe.instance.replicas not in (0, 1)]
    found = _probes(single, asked.dense[:1], asked)
    return found + (_probes(several, asked.dense, asked) if len(asked.dense) > 1 else ())


def _probes(probes: Sequence[Loaded], replicas: Sequence[str], asked: DiagnosisPlan) -> tuple[Recipe, ...]:
    return tuple(
        plan.probing_recipe(
            replicas=() if probe.instance.replicas == 0 else replicas,
            probe=probe,
            data=asked.data if probe.instance.needs_data else None,
            seed=asked.seed,
        )
        for probe in probes
    )
