"""The step that averages replicas of one mask into a soup."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import UsageError
from prunescope.landscape.soup import cook_soup
from prunescope.networks import masks
from prunescope.runs.steps.result import StepResult, facts, model_on_device, state

if TYPE_CHECKING:
    from prunescope.networks.checkpoints import Checkpoint
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.steps.context import StepContext


def average_replicas(recipe: Recipe, context: StepContext) -> StepResult:
    """Average the replicas, and re-estimate BatchNorm on the training data.

    Raises UsageError where they do not share one mask.
    """
    replicas = [context.load_weights(reference) for reference in recipe.inputs]
    first = replicas[0]
    if first.mask is None or any(not _same_mask(first, one) for one in replicas[1:]):
        raise UsageError("these networks do not share one mask", fix="give replicas of one pruned network")
    data = context.open_data(recipe.arguments["data"])
    models = [model_on_device(one, context.device, data) for one in replicas]
    soup = cook_soup(models, data.train, batch_size=recipe.arguments["batch_size"])
    masks.audit(soup, first.mask, who="the soup")
    made = replace(first, state=state(soup), recipe=recipe.canonical())
    densities = {"density": first.mask.density, "whole_density": masks.whole_density(soup, first.mask)}
    return StepResult(facts={**facts(first), **densities}, weights={None: made}, mask=first.mask)


def _same_mask(one: Checkpoint, other: Checkpoint) -> bool:
    if one.mask is None or other.mask is None or one.mask.kept.keys() != other.mask.kept.keys():
        return False
    return all(torch.equal(kept, other.mask.kept[name]) for name, kept in one.mask.kept.items())
