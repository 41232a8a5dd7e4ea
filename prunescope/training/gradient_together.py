"""How one mini-batch of each of K models becomes their gradients: training/gradient.py for a grouped network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from prunescope.networks.grouped.grouping import tensors
from prunescope.training.optimizers import trainable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from prunescope.api import Mask, Objective
    from prunescope.networks.grouped.grouping import Grouped


class GroupGradient(Protocol):
    """Fills `.grad` from one mini-batch of each model."""

    def __call__(self, images: Tensor, targets: Tensor, /, *, objective: Objective) -> tuple[Tensor, Tensor]:
        """Return each model's mean loss and its sum of errors, (K,).

        images: (batch, K · channels, height, width); targets: (batch, K, ...), those of each model.
        """


def plain_group(work: Grouped, masks: Sequence[Mask | None]) -> GroupGradient:
    """Return the gradients at the weights.

    The sum of the models' losses has each one's own gradient: nothing flows between them.
    """
    del masks
    weights = trainable(work)

    def gradient(images: Tensor, targets: Tensor, /, *, objective: Objective) -> tuple[Tensor, Tensor]:
        for weight in weights:
            weight.grad = None
        outputs, wanted = work(images).flatten(0, 1), targets.flatten(0, 1)
        value = torch.unflatten(objective.losses(outputs, wanted), 0, (-1, work.count)).mean(0)
        torch.autograd.backward(value.sum())
        errors = objective.errors(outputs.detach(), wanted)
        return value.detach(), torch.unflatten(errors, 0, (-1, work.count)).sum(0)

    return gradient


def sharpness_aware_group(work: Grouped, masks: Sequence[Mask | None], *, rho: float, adaptive: bool) -> GroupGradient:
    """Return SAM's gradients, each model's in a ball of its own; see training.gradient.sharpness_aware."""
    first = plain_group(work, masks)
    weights = trainable(work)
    masked, ones = factors(work, masks)
    norms = [module for module in work.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]

    def gradient(images: Tensor, targets: Tensor, /, *, objective: Objective) -> tuple[Tensor, Tensor]:
        result = first(images, targets, objective=objective)
        moved: list[Tensor] = [weight for weight in weights if weight.grad is not None]
        before = [weight.detach().clone() for weight in moved]
        with torch.no_grad():
            for weight, one in zip(masked, ones, strict=True):
                if weight.grad is not None:
                    weight.grad.mul_(one)
            _climb(moved, count=work.count, rho=rho, adaptive=adaptive)
        for norm in norms:
            norm.track_running_stats = False
        try:
            first(images, targets, objective=objective)
        finally:
            for norm in norms:
                norm.track_running_stats = True
            with torch.no_grad():
                torch._foreach_copy_(moved, before)
        return result

    return gradient


def _climb(weights: list[Tensor], *, count: int, rho: float, adaptive: bool) -> None:
    """Move every model's weights by its own e, in place."""
    places = [torch.unflatten(weight, 0, (count, -1)) for weight in weights]
    gradients = [torch.unflatten(weight.grad, 0, (count, -1)) for weight in weights if weight.grad is not None]
    scales = [place.abs() if adaptive else torch.ones(()) for place in places]
    scaled = [one * scale for one, scale in zip(gradients, scales, strict=True)] if adaptive else gradients
    norm = torch.stack([torch.linalg.vector_norm(one.flatten(1), dim=1) for one in scaled]).norm(dim=0)
    radius = rho / (norm + 1e-12)
    for place, one, scale in zip(places, scaled, scales, strict=True):
        step = one * scale if adaptive else one
        place.add_(step * radius.view(count, *[1] * (step.dim() - 1)))


def factors(work: Grouped, masks: Sequence[Mask | None]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the parameters that any mask covers and, for each, 0 or 1 per weight; 1 where a model has no mask."""
    parameters = dict(work.net.named_parameters())
    views = tensors(work)
    names = sorted({name for mask in masks if mask for name in mask.kept})
    weights: list[Tensor] = [parameters[name] for name in names]
    ones = [torch.ones_like(weight) for weight in weights]
    for name, one in zip(names, ones, strict=True):
        for place, mask in zip(torch.unflatten(one, 0, (work.count, -1)), masks, strict=True):
            if mask is not None and name in mask.kept:
                place.copy_(mask.kept[name].view_as(views[name][0]))
    return weights, ones
