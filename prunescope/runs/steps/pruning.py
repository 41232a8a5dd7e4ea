"""The step that prunes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.landscape import batchnorm
from prunescope.networks import layers, masks, multiplied
from prunescope.plugins import checks
from prunescope.runs.steps.result import StepResult, facts, model_on_device, seeded, state

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data, Pruner
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.steps.context import StepContext


def prune_network(recipe: Recipe, context: StepContext) -> StepResult:
    """Choose a mask for the dense network, check it, and apply it."""
    dense = context.load_weights(recipe.inputs[0])
    data = context.open_data(recipe.arguments["data"])
    loaded = context.make_plugin("pruners", recipe.plugin, recipe.options)
    model = model_on_device(dense, context.device, data)
    density, who = recipe.arguments["density"], loaded.title
    masks.check_room(dense.mask, density)
    _refuse_computed(loaded.instance, model)
    with loaded.unchanged(data), seeded(recipe.arguments["seed"]), masks.pruned_before(dense.mask):
        mask = checks.check_mask_type(who, loaded.instance.mask(model, data, density, seed=recipe.arguments["seed"]))
    masks.check_mask(mask, model, density, who=who, exact=loaded.instance.exact)
    masks.check_within(mask, dense.mask, who=who)
    masks.apply(model, mask)
    if batch_size := recipe.arguments.get("recalibrate"):
        _recalibrate(model, data, batch_size=batch_size)
    pruned = replace(dense, state=state(model), mask=mask, recipe=recipe.canonical())
    kinds, share = layers.describe_weights(model, mask.kept)
    densities = {"density": mask.density, "whole_density": masks.whole_density(model, mask)}
    chosen = {"prunable": kinds, "prunable_share": share}
    return StepResult(facts={**facts(dense), **densities, **chosen}, weights={None: pruned}, mask=mask)


def _recalibrate(model: nn.Module, data: Data, *, batch_size: int) -> None:
    """Re-estimate BatchNorm's running statistics; UsageError for a network that has none."""
    if not batchnorm.layers(model):
        raise UsageError(
            "the network has no BatchNorm with running statistics: there is nothing to recalibrate",
            fix="leave out --recalibrate",
        )
    batchnorm.re_estimate(model, data.train, batch_size=batch_size)


def _refuse_computed(pruner: Pruner, model: nn.Module) -> None:
    """Refuse layers that multiply by other numbers than they store, for pruners that do not ask by themselves too."""
    multiplied.refuse_computed(layers.choose_for_pruner(pruner, model).computed)
