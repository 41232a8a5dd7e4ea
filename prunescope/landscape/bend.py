"""Mode connectivity along a trained curve: a quadratic Bezier curve between two replicas."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.landscape import batchnorm
from prunescope.landscape.connectivity import Line, check_comparable, check_points
from prunescope.landscape.evaluate import Outcomes, outcomes
from prunescope.networks.layout import laid_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask, Objective, Split

    Pair = tuple[nn.Module, nn.Module]


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the bend is trained: SGD with momentum on a cosine schedule."""

    epochs: int = 10
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 1e-4
    batch_size: int = 64


def bezier(start: Tensor, bend: Tensor, end: Tensor, t: float) -> Tensor:
    """Return the point φ(t) = (1 − t)² start + 2 t (1 − t) bend + t² end of a quadratic Bezier curve.

    Source: Garipov et al. 2018, equation 4.

    >>> bezier(torch.tensor([0.0]), torch.tensor([2.0]), torch.tensor([0.0]), 0.5)
    tensor([1.])
    """
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end


def train_bend(
    pair: Pair,
    train: Split,
    *,
    training: Training,
    generator: torch.Generator,
    mask: Mask | None = None,
    objective: Objective = CLASSIFICATION,
) -> list[Tensor]:
    """Train the bend of a Bezier curve between two replicas; return it, a tensor for every parameter.

    Formula: minimise E over t ~ U(0, 1) of L(φ(t)), one t per mini-batch, from the midpoint ½ (θ_A + θ_B): the gradient
    is 2 t (1 − t) ∇L(φ(t)). Augmented mini-batches in train mode, as replicas are trained; masked weights stay zero.
    Source: Garipov et al. 2018, section 3.2. Shapes: those of the parameters, in model order. NaN: where training
    diverges. Cost: one training of `training.epochs` epochs.

    Raises UsageError where the replicas differ in structure or mask, or weights outside the mask are not zero.
    """
    check_comparable(pair, [mask, mask])
    start, end = ([weight.detach().float() for weight in model.parameters()] for model in pair)
    bend = [torch.lerp(a, b, 0.5) for a, b in zip(start, end, strict=True)]
    kept = _kept(pair[0], mask)
    work = laid_out(copy.deepcopy(pair[0]).float()).train()
    velocity = [torch.zeros_like(weight) for weight in bend]
    steps, step = max(1, training.epochs * math.ceil(len(train) / training.batch_size)), 0
    for _ in range(training.epochs):
        for batch in train.epoch(training.batch_size, generator=generator):
            t = float(torch.rand((), generator=generator))
            rate = training.learning_rate * (1 + math.cos(math.pi * min(1, step / steps))) / 2
            gradients = _gradients(work, start, bend, end, t=t, batch=batch, objective=objective)
            for weight, speed, gradient, one in zip(bend, velocity, gradients, kept, strict=True):
                pull = (2 * t * (1 - t) * gradient + training.weight_decay * weight) * one
                speed.mul_(training.momentum).add_(pull)
                weight.sub_(speed, alpha=rate)
            step += 1
    return bend


def _kept(model: nn.Module, mask: Mask | None) -> list[Tensor]:
    found = mask.kept if mask else {}
    return [
        found[name].to(weight.detach()) if name in found else torch.ones((), device=weight.device)
        for name, weight in model.named_parameters()
    ]


def _gradients(
    work: nn.Module,
    start: Sequence[Tensor],
    bend: Sequence[Tensor],
    end: Sequence[Tensor],
    *,
    t: float,
    batch: tuple[Tensor, Tensor],
    objective: Objective,
) -> tuple[Tensor, ...]:
    """Return the gradient of the loss at φ(t) with respect to the weights there."""
    _place(work, start, bend, end, t=t)
    inputs, targets = batch
    with torch.enable_grad():
        loss = objective.mean_loss(work(inputs), targets)
        found: tuple[Tensor, ...] = torch.autograd.grad(loss, list(work.parameters()), materialize_grads=True)
    return found


def _place(
    work: nn.Module, start: Sequence[Tensor], bend: Sequence[Tensor], end: Sequence[Tensor], *, t: float
) -> None:
    with torch.no_grad():
        for weight, a, b, c in zip(work.parameters(), start, bend, end, strict=True):
            weight.copy_(bezier(a, b, c, t))


def curve(
    pair: Pair,
    bend: Sequence[Tensor],
    train: Split,
    *,
    test: Split | None = None,
    points: int = 11,
    batch_size: int = 256,
    limit: int | None = None,
    objective: Objective = CLASSIFICATION,
) -> Line:
    """Evaluate the models along a Bezier curve, as `connectivity.lines` does along the straight line.

    Formula: φ(t) at `points` equally spaced t in [0, 1]; BatchNorm is re-estimated at each (`batchnorm.re_estimate`),
    then loss and error are taken in eval mode on un-augmented `train`, and on `test` if given; `connectivity.errors` of
    it is the curve's mode connectivity m − E(t*).
    Source: Garipov et al. 2018, section 4; Yang et al. 2021 (m − E(t*)). Cost: as of one pair in `lines`.

    Raises UsageError with fewer than three points.
    """
    check_points(points)
    start, end = ([weight.detach().float() for weight in model.parameters()] for model in pair)
    work = laid_out(copy.deepcopy(pair[0]).float()).eval()
    sides = [train] if test is None else [train, test]
    found: list[list[Outcomes]] = [[] for _ in sides]
    for step in range(points):
        _place(work, start, bend, end, t=step / (points - 1))
        batchnorm.re_estimate(work, train, batch_size=batch_size, limit=limit)
        for side, kept in zip(sides, found, strict=True):
            kept.append(outcomes(work, side, batch_size=batch_size, limit=limit, objective=objective))
    return Line(train=tuple(found[0]), test=None if test is None else tuple(found[1]))
