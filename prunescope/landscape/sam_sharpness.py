"""Sharpness as sharpness-aware minimisation has it: how much the loss can rise within a ball around the weights."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.api.errors import UsageError
from prunescope.api.progress import add_passes
from prunescope.api.wording import count_text
from prunescope.landscape.estimate import Estimate, mean
from prunescope.landscape.guard import guarded
from prunescope.landscape.hessian import shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask, Objective
    from prunescope.landscape.hessian import Batch


def sam_sharpness(
    model: nn.Module,
    batches: Sequence[Batch],
    *,
    rho: float,
    steps: int = 1,
    adaptive: bool = False,
    mask: Mask | None = None,
    objective: Objective = CLASSIFICATION,
) -> Estimate:
    """Rise of the mean loss at the worst point found within a ball of radius rho around the weights.

    Formula: L(w + e) − L(w), e = ρ g / ‖g‖, g = ∇L(w) over all `batches` (one step, the first-order solution of
    max over ‖e‖ ≤ ρ); with more steps, e ← ρ-ball projection of e + (2 ρ / steps) g(w + e) / ‖g(w + e)‖ from there, and
    the largest rise met. `adaptive`: the ball ‖e / |w|‖ ≤ ρ, e = ρ w² g / ‖|w| g‖, which scaling a layer against the
    next leaves alone. Over all parameters; of masked tensors over the kept weights alone. Eval mode, fixed images.
    Source: Foret et al. 2021, equations 1 and 2; Kwon et al. 2021, equation 7 (adaptive). Unit: the loss's. A lower
    bound of the maximum, ≥ 0 but for curvature that outweighs the slope. stderr: of the paired differences over the
    images, e taken as given. Cost: steps gradients and steps + 1 forward passes over the images. NaN: as the loss.

    Raises UsageError when rho is negative, `steps` < 1, adaptive with several steps, or there are no images.
    """
    if rho < 0 or steps < 1 or (adaptive and steps > 1):
        raise UsageError(
            f"rho {rho}, {count_text(steps, 'step')}, adaptive {adaptive}", fix="rho >= 0, one step where adaptive"
        )
    shares(batches)
    work = copy.deepcopy(model).eval().requires_grad_(requires_grad=True)
    origin = [weight.detach().clone() for weight in work.parameters()]
    kept = _kept(work, mask)
    offset = [torch.zeros_like(weight) for weight in origin]
    base, best = _losses(work, batches, objective), None
    for number in range(steps):
        step = _ascent(_gradient(work, batches, kept, objective), origin, adaptive=adaptive)
        length = rho if number == 0 else 2 * rho / steps
        offset = [e + length * d for e, d in zip(offset, step, strict=True)]
        offset = offset if adaptive else _projected(offset, rho)
        with torch.no_grad():
            for weight, start, e in zip(work.parameters(), origin, offset, strict=True):
                weight.copy_(start + e)
        found = mean(_losses(work, batches, objective) - base)
        best = found if best is None or found.value > best.value else best
    assert best is not None  # noqa: S101 - there is one step at least
    return best


def _kept(model: nn.Module, mask: Mask | None) -> list[Tensor | None]:
    found = mask.kept if mask else {}
    return [found[name].to(weight.detach()) if name in found else None for name, weight in model.named_parameters()]


def _losses(model: nn.Module, batches: Sequence[Batch], objective: Objective) -> Tensor:
    with guarded([model]), torch.no_grad():
        found = [objective.losses(model(x).float(), y) for x, y in batches]
    return torch.cat(found).double().cpu()


def _gradient(
    model: nn.Module, batches: Sequence[Batch], kept: Sequence[Tensor | None], objective: Objective
) -> list[Tensor]:
    """Return the gradient of the mean loss over all images, zero for masked weights."""
    weights = list(model.parameters())
    total = [torch.zeros_like(weight) for weight in weights]
    with guarded([model]), torch.enable_grad():
        for share, (inputs, targets) in zip(shares(batches), batches, strict=True):
            loss = objective.mean_loss(model(inputs), targets)
            for sum_, part in zip(total, torch.autograd.grad(loss, weights, materialize_grads=True), strict=True):
                sum_.add_(part, alpha=share)
            add_passes(3 * len(inputs))
    return [each if one is None else each * one for each, one in zip(total, kept, strict=True)]


def _ascent(gradient: Sequence[Tensor], origin: Sequence[Tensor], *, adaptive: bool) -> list[Tensor]:
    """Return the direction of unit length (in the adaptive norm) along which the loss rises most."""
    scaled = [g * w.abs() for g, w in zip(gradient, origin, strict=True)] if adaptive else list(gradient)
    length = _norm(scaled)
    step = [g * w.abs() for g, w in zip(scaled, origin, strict=True)] if adaptive else scaled
    return [each / length if length else each for each in step]


def _projected(offset: list[Tensor], rho: float) -> list[Tensor]:
    length = _norm(offset)
    return [e * (rho / length) for e in offset] if length > rho else offset


def _norm(tensors: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float(tensor.double().square().sum()) for tensor in tensors))
