"""Slices of the loss in one or two dimensions: along random directions, or from replica to replica."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.api.errors import UsageError
from prunescope.landscape import batchnorm
from prunescope.landscape.evaluate import Outcomes, outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask, Objective, Split

    Direction = Sequence[Tensor]
    """A tensor for every parameter, in model order."""


def filter_normalised(model: nn.Module, *, generator: torch.Generator, mask: Mask | None = None) -> list[Tensor]:
    """Return a random direction whose every filter is as long as the model's own.

    Formula: d_ij ← d_ij / ‖d_ij‖ · ‖θ_ij‖ for filter j of layer i (the slices along the first dimension), d Gaussian;
    zero for biases and norms (parameters of one dimension), and for masked weights.
    Source: Li et al. 2018, section 3 and public code (`--xignore biasbn`). Shapes: those of the parameters. Unit:
    weight.

    >>> direction = filter_normalised(torch.nn.Linear(3, 2), generator=torch.Generator().manual_seed(0))
    >>> [tuple(tensor.shape) for tensor in direction], direction[1].tolist()
    ([(2, 3), (2,)], [0.0, 0.0])
    """
    kept = mask.kept if mask else {}
    return [
        _scaled(weight.detach(), kept.get(name), generator) if weight.ndim > 1 else torch.zeros_like(weight.detach())
        for name, weight in model.named_parameters()
    ]


def _scaled(weight: Tensor, kept: Tensor | None, generator: torch.Generator) -> Tensor:
    drawn = torch.randn(weight.shape, generator=generator).to(weight)
    if kept is not None:
        drawn = drawn * kept.to(weight)
    lengths = [tensor.flatten(1).norm(dim=1) for tensor in (drawn, weight)]
    scale = torch.where(lengths[0] > 0, lengths[1] / lengths[0].clamp(min=1e-30), 0)
    return drawn * scale.reshape(-1, *[1] * (weight.ndim - 1))


def towards_point(model: nn.Module, other: nn.Module) -> list[Tensor]:
    """Return the direction from one replica to another: at coefficient 1 lies the other.

    Raises UsageError where their parameters differ in shape.

    >>> one, two = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    >>> _ = [torch.nn.init.constant_(w, v) for m, v in ((one, 1.0), (two, 3.0)) for w in m.parameters()]
    >>> [step.item() for step in towards_point(one, two)]
    [2.0, 2.0]
    """
    mine, others = ([weight.detach() for weight in each.parameters()] for each in (model, other))
    if [weight.shape for weight in mine] != [weight.shape for weight in others]:
        raise UsageError("the replicas differ in structure", fix="compare replicas of one architecture")
    return [b - a for a, b in zip(mine, others, strict=True)]


def orthogonal(direction: Direction, to: Direction) -> list[Tensor]:
    """Return `direction` less its component along `to`.

    >>> float(orthogonal([torch.tensor([1.0, 1.0])], [torch.tensor([0.0, 2.0])])[0][1])
    0.0
    """
    along = sum(float((a.double() * b.double()).sum()) for a, b in zip(direction, to, strict=True))
    length = sum(float(b.double().square().sum()) for b in to)
    return [a - along / length * b if length else a for a, b in zip(direction, to, strict=True)]


def loss_slice(
    model: nn.Module,
    directions: Sequence[Direction],
    places: Sequence[Sequence[float]],
    split: Split,
    *,
    batch_size: int,
    limit: int | None = None,
    statistics: Split | None = None,
    objective: Objective = CLASSIFICATION,
) -> list[Outcomes]:
    """Evaluate the model at θ + Σ_k c_k d_k for every place (c_1, c_2, …), in eval mode on un-augmented images.

    Running statistics of BatchNorm stay the model's, unless `statistics` re-estimates them at every place
    (`batchnorm.re_estimate`), as a path between replicas needs it. Buffers are never interpolated.
    Source: Goodfellow, Vinyals & Saxe 2015 (lines); Li et al. 2018 (planes). Shapes: as many outcomes as places.
    Cost: one pass per place, three with `statistics`. NaN: losses where the weights make them.

    Raises UsageError where a place has another number of coordinates than there are directions.
    """
    if wrong := [place for place in places if len(place) != len(directions)]:
        raise UsageError(f"{len(wrong[0])} coordinates for {len(directions)} directions", fix="give one for each")
    work, found = copy.deepcopy(model).eval(), []
    for place in places:
        with torch.no_grad():
            for number, (weight, origin) in enumerate(zip(work.parameters(), model.parameters(), strict=True)):
                moved = sum((c * d[number] for c, d in zip(place, directions, strict=True)), start=origin.detach())
                weight.copy_(moved)
        if statistics is not None:
            batchnorm.re_estimate(work, statistics, batch_size=batch_size, limit=limit)
        found.append(outcomes(work, split, batch_size=batch_size, limit=limit, objective=objective))
    return found
