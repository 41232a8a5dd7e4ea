"""How one mini-batch becomes gradients: plainly, or at the worst point nearby (SAM)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from prunescope.networks.masks import factors
from prunescope.training.optimizers import trainable

if TYPE_CHECKING:
    from torch import Tensor, nn

    from prunescope.api import Mask

Loss = Callable[["Tensor", "Tensor"], "Tensor"]
"""(outputs, targets) -> mean loss."""

StepGradient = Callable[["Tensor", "Tensor", Loss], tuple["Tensor", "Tensor"]]
"""(images, targets, loss) -> (loss, logits) at the weights as they are, having filled `.grad`."""


def plain(model: nn.Module) -> StepGradient:
    """Return the gradient of the loss at the weights."""
    weights = trainable(model)

    def gradient(images: Tensor, targets: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
        for weight in weights:
            weight.grad = None
        logits = model(images)
        value = loss(logits, targets)
        torch.autograd.backward(value)
        return value.detach(), logits.detach()

    return gradient


def in_parts(gradient: Callable[[nn.Module], StepGradient], parts: int) -> Callable[[nn.Module], StepGradient]:
    """Return what takes the gradient of a batch in `parts` parts, one after the other: gradient accumulation.

    Formula: g = Σ_p (n_p / n) g_p over parts of n_p of the n images, which differ by one image at most; the loss
    likewise. It is the gradient of the whole batch where the images do not see each other: BatchNorm normalises each
    part by its own statistics, and SAM climbs in each part by itself. A part has two images or more. The memory is that
    of one part, and a second set of gradients.
    """
    if parts == 1:
        return gradient

    def make(model: nn.Module) -> StepGradient:
        one, weights = gradient(model), trainable(model)

        def accumulated(images: Tensor, targets: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
            count = max(1, min(parts, len(images) // 2))
            totals: list[Tensor | None] = [None] * len(weights)
            values, outputs = [], []
            for some, theirs in zip(images.tensor_split(count), targets.tensor_split(count), strict=True):
                value, logits = one(some, theirs, loss)
                share = len(some) / len(images)
                values.append(value * share)
                outputs.append(logits)
                totals = [_added(total, weight.grad, share) for total, weight in zip(totals, weights, strict=True)]
            for weight, total in zip(weights, totals, strict=True):
                weight.grad = total
            return torch.stack(values).sum(), torch.cat(outputs)

        return accumulated

    return make


def _added(total: Tensor | None, gradient: Tensor | None, share: float) -> Tensor | None:
    """Return total + share · gradient, in place; None counts as 0."""
    if gradient is None:
        return total
    return gradient * share if total is None else total.add_(gradient, alpha=share)


def sharpness_aware(model: nn.Module, *, rho: float, adaptive: bool, mask: Mask | None) -> StepGradient:
    """Return SAM's gradient: that of the loss at w + e, for the worst e in a ball of radius rho around w.

    e = rho * g / ||g|| with g the gradient at w (Foret et al. 2021, equation 2). Adaptive: e = rho * T² g / ||T g||
    with T = |w|, a ball that scales with each weight (Kwon et al. 2021, equation 7, with eta = 0). The norm runs
    over all trainable parameters but the masked weights, which are not perturbed. BatchNorm's running statistics
    come from the first pass, at w. The loss and logits returned are those at w.
    """
    first = plain(model)
    weights = trainable(model)
    masked, ones = factors(model, mask) if mask else ([], [])
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]

    def gradient(images: Tensor, targets: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
        result = first(images, targets, loss)
        moved: list[Tensor] = [weight for weight in weights if weight.grad is not None]
        before = [weight.detach().clone() for weight in moved]
        with torch.no_grad():
            for weight, one in zip(masked, ones, strict=True):
                if weight.grad is not None:
                    weight.grad.mul_(one)
            _climb(moved, rho=rho, adaptive=adaptive)
        for norm in norms:
            norm.track_running_stats = False
        try:
            first(images, targets, loss)
        finally:
            for norm in norms:
                norm.track_running_stats = True
            with torch.no_grad():
                torch._foreach_copy_(moved, before)
        return result

    return gradient


def _climb(weights: list[Tensor], *, rho: float, adaptive: bool) -> None:
    """Move the weights by e, in place."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    scales = [weight.abs() for weight in weights] if adaptive else []
    scaled = torch._foreach_mul(gradients, scales) if adaptive else gradients  # noqa: SLF001 - one call for all tensors
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(scaled)))  # noqa: SLF001
    step = torch._foreach_mul(scaled, scales) if adaptive else gradients  # noqa: SLF001
    radius = rho / (norm + 1e-12)
    torch._foreach_add_(weights, torch._foreach_mul(step, radius))  # noqa: SLF001
