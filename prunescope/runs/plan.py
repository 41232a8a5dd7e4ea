"""Recipes of each step from what a user asked for: nothing is run here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunescope.runs.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.data.spec import Source
    from prunescope.networks.spec import ModelSpec
    from prunescope.plugins.registry import Loaded


def training_recipe(
    *,
    trainer: Loaded,
    model: ModelSpec,
    data: Source,
    seed: int,
    snapshots: Sequence[int] = (),
    start: str | None = None,
) -> Recipe:
    """Return the recipe of a dense training run; `snapshots` are the epochs whose weights are kept.

    A trainer that has stages keeps those of all of them when none are given. start: the run whose weights the training
    starts from; None: from weights that are drawn from the seed.
    """
    arguments: dict[str, Any] = {"model": model.to_json(), "data": data.to_json(), "seed": seed}
    kept = snapshots or trainer.instance.stages()
    if kept:
        arguments["snapshots"] = sorted(set(kept))
    return _recipe("train", trainer, arguments=arguments, inputs=(start,) if start else ())


RECALIBRATION_BATCH = 256
"""Images per batch in which the BatchNorm statistics of a pruned network, or of a soup, are re-estimated."""


def pruning_recipe(
    *, dense: str, pruner: Loaded, density: float, data: Source, seed: int, recalibrate: bool = False
) -> Recipe:
    """Return the recipe that prunes the run or snapshot `dense` to a density.

    recalibrate: whether BatchNorm's statistics are re-estimated under the mask.
    """
    arguments = {"density": density, "data": data.to_json(), "seed": seed}
    if recalibrate:
        arguments["recalibrate"] = RECALIBRATION_BATCH
    return _recipe("prune", pruner, arguments=arguments, inputs=(dense,))


def retraining_recipe(*, pruned: str, trainer: Loaded, data: Source, seed: int) -> Recipe:
    """Return the recipe of one replica: the pruned model trained again under its mask."""
    return _recipe("retrain", trainer, arguments={"data": data.to_json(), "seed": seed}, inputs=(pruned,))


def soup_recipe(*, replicas: Sequence[str], data: Source) -> Recipe:
    """Return the recipe that averages replicas of one pruned network, and re-estimates BatchNorm."""
    arguments = {"data": data.to_json(), "batch_size": RECALIBRATION_BATCH}
    return Recipe(step="soup", arguments=arguments, inputs=tuple(replicas))


def rewinding_recipe(*, pruned: str, weights: str, shuffle: int | None = None) -> Recipe:
    """Return the recipe that gives a pruned network the weights of another run under its mask.

    shuffle: a seed; the kept weights of each tensor are redrawn, as many as they were.
    """
    arguments = {} if shuffle is None else {"shuffle": shuffle}
    return Recipe(step="rewind", arguments=arguments, inputs=(pruned, weights))


def probing_recipe(*, replicas: Sequence[str], probe: Loaded, data: Source | None, seed: int) -> Recipe:
    """Return the recipe of one probe on runs; their order decides the order of pairs."""
    arguments: dict[str, Any] = {"seed": seed}
    if data is not None:
        arguments["data"] = data.to_json()
    return _recipe("probe", probe, arguments=arguments, inputs=tuple(replicas))


def case(
    *,
    density: float,
    rule: Loaded,
    probes: Sequence[Recipe],
    siblings: Sequence[Mapping[str, Any]] = (),
    first_drop: float | None = None,
    progress: float | None = None,
    knob: str | None = None,
    dense: Sequence[Recipe] = (),
) -> dict[str, Any]:
    """Return one question of a diagnosis: a rule and the probes it uses, for the model at one density.

    siblings: {"knobs", "retrainings", "mapped"} of the model itself and of others of its family, retrained equally and
    briefly; mapped: the probe of its errors right after pruning.
    first_drop: epochs after which the learning rate of the dense training first fell.
    progress: the share of the fall of its loss before then. knob: that is to be changed, where known without siblings.
    dense: probes of the dense network, whose readings are named "dense/<name>".
    """
    known: dict[str, Any] = {"siblings": list(siblings)} if siblings else {}
    known |= {"dense": [recipe.id for recipe in dense]} if dense else {}
    given = {"first_drop": first_drop, "progress": progress, "knob": knob}
    return (
        known
        | {name: value for name, value in given.items() if value is not None}
        | {
            "density": density,
            "rule": rule.plugin.name,
            "version": rule.instance.version,
            "options": rule.given,
            "probes": [recipe.id for recipe in probes],
        }
    )


def diagnosis_recipe(*, dense: str, cases: Sequence[Mapping[str, Any]]) -> Recipe:
    """Return the recipe of a diagnosis: every case judged by its rule."""
    siblings = [one for case in cases for one in case.get("siblings", ())]
    compared = {run_id for one in siblings for run_id in (*one["retrainings"], *one.get("mapped", ()))}
    measured = {run_id for case in cases for run_id in (*case["probes"], *case.get("dense", ()))}
    inputs = sorted(measured | compared)
    return Recipe(step="diagnose", arguments={"cases": list(cases)}, inputs=(dense, *inputs))


def _recipe(step: str, plugin: Loaded, *, arguments: Mapping[str, Any], inputs: tuple[str, ...] = ()) -> Recipe:
    return Recipe(
        step=step,
        plugin=plugin.plugin.name,
        version=plugin.instance.version,
        options=plugin.given,
        arguments=arguments,
        inputs=inputs,
    )
