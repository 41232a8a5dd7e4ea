"""Many points of the lines between replicas evaluated at once, in one grouped network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from prunescope.engine.grouping import Grouped, tensors
from prunescope.errors import UsageError
from prunescope.landscape import batchnorm
from prunescope.landscape.evaluate import Outcomes, rank
from prunescope.landscape.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

    from prunescope.api import Split

Point = tuple[int, int, float]
"""(first, second, t): the model (1 − t) θ_first + t θ_second."""


def at_points(
    work: nn.Module,
    models: Sequence[nn.Module],
    points: Sequence[Point],
    sides: Sequence[Split],
    *,
    batch_size: int,
    limit: int | None,
    count: int,
) -> Iterator[tuple[Outcomes, ...]]:
    """Yield what the model at each point makes of the images of each side, in order; `count` models at a time.

    work: a model of their architecture in eval mode and float32, whose own weights do not matter.
    sides: the first is the training split, on whose images BatchNorm is re-estimated at every point, in batches of
    `batch_size` as the definition asks. Equal to evaluating one point after the other, to float32 rounding.
    Raises UsageError for models that cannot be grouped, and where there are no images.
    """
    states = [_floating(model) for model in models]
    grouped: Grouped | None = None
    for start in range(0, len(points), count):
        group = points[start : start + count]
        if grouped is None or grouped.count != len(group):
            grouped = Grouped([work] * len(group), shared=True)
        _interpolate(grouped, states, group)
        batchnorm.re_estimate(grouped, sides[0], batch_size=batch_size, limit=limit)
        found = [_outcomes(grouped, side, batch_size=batch_size, limit=limit) for side in sides]
        yield from zip(*found, strict=True)


def _floating(model: nn.Module) -> dict[str, Tensor]:
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.detach().float() for name, tensor in named if tensor.is_floating_point()}


@torch.no_grad()
def _interpolate(grouped: Grouped, states: Sequence[dict[str, Tensor]], points: Sequence[Point]) -> None:
    """Set place i of `grouped` to point i, in place. torch.lerp gives the end points, and zeros, to the bit."""
    for name, places in tensors(grouped).items():
        for place, (first, second, t) in zip(places.unbind(), points, strict=True):
            torch.lerp(states[first][name].view_as(place), states[second][name].view_as(place), t, out=place)


def _outcomes(grouped: Grouped, split: Split, *, batch_size: int, limit: int | None) -> list[Outcomes]:
    """Evaluate every model of `grouped` in eval mode; see landscape.evaluate.outcomes."""
    losses: list[Tensor] = []
    ranks: list[Tensor] = []
    with guarded([grouped]):
        for images, labels in split.batches(batch_size, limit=limit):
            with torch.inference_mode():
                logits = grouped(images).float().flatten(0, 1)
                all_labels = labels.repeat_interleave(grouped.count)
                loss = functional.cross_entropy(logits, all_labels, reduction="none")
                losses.append(torch.unflatten(loss, 0, (-1, grouped.count)))
                ranks.append(torch.unflatten(rank(logits, all_labels), 0, (-1, grouped.count)))
    if not losses:
        raise UsageError("no images to evaluate: the split yields no batch", fix="give a split with at least one image")
    loss, place = torch.cat(losses).cpu().T.contiguous(), torch.cat(ranks).cpu().T.contiguous()
    return [Outcomes(loss=a, wrong=b >= 1, wrong_top5=b >= 5) for a, b in zip(loss, place, strict=True)]
