"""The step that rewinds: the mask of one run on the weights of another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from prunescope.api import Mask
from prunescope.api.errors import MismatchError, UsageError
from prunescope.networks import masks
from prunescope.runs.steps.result import StepResult, facts, model_on_device, state

if TYPE_CHECKING:
    from torch import Tensor

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.steps.context import StepContext


def rewind_network(recipe: Recipe, context: StepContext) -> StepResult:
    """Perform one step of rewinding.

    Raises UsageError where the first run has no mask, MismatchError where the second is another network.
    """
    pruned, start = (context.load_weights(reference) for reference in recipe.inputs)
    if pruned.mask is None:
        raise UsageError(f"{recipe.inputs[0]} has no mask for rewinding", fix="prune it first")
    if pruned.spec != start.spec:
        raise MismatchError(
            f"{recipe.inputs[0]} is {pruned.spec.name}, {recipe.inputs[1]} is {start.spec.name} or has other options",
            fix="rewind to weights of the same network",
        )
    seed = recipe.arguments.get("shuffle")
    mask = pruned.mask if seed is None else shuffled(pruned.mask, seed=seed)
    model = model_on_device(start, context.device)
    masks.apply(model, mask)
    made = replace(pruned, state=state(model), mask=mask, recipe=recipe.canonical())
    return StepResult(facts={**facts(pruned), "density": mask.density}, weights={None: made}, mask=mask)


def shuffled(mask: Mask, *, seed: int) -> Mask:
    """Return a mask that keeps as many weights of every tensor, drawn at random.

    The control of Frankle et al. 2020 (section 4, random pruning with the density of each layer): what is lost by it is
    what the choice of weights within the layers was worth.

    >>> mask = Mask({"a": torch.tensor([True, True, False, False, False])})
    >>> shuffled(mask, seed=0).n_kept
    2
    """
    draw = torch.Generator().manual_seed(seed)
    return Mask({name: _permuted(kept, draw) for name, kept in mask.kept.items()})


def _permuted(kept: Tensor, draw: torch.Generator) -> Tensor:
    order = torch.randperm(kept.numel(), generator=draw).to(kept.device)
    return kept.reshape(-1)[order].reshape(kept.shape)
