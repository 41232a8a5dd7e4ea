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

Gradient = Callable[["Tensor", "Tensor", Loss], tuple["Tensor", "Tensor"]]
"""(images, targets, loss) -> (loss, logits) at the weights as they are, having filled `.grad`."""


def plain(model: nn.Module) -> Gradient:
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


def sharpness_aware(model: nn.Module, *, rho: float, adaptive: bool, mask: Mask | None) -> Gradient:
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
