"""Linear mode connectivity of replicas: loss and error along the straight line between their weights."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import chain, combinations
from statistics import fmean
from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text
from prunescope.landscape import batchnorm
from prunescope.landscape.estimate import Estimate, mean
from prunescope.landscape.evaluate import Outcomes, outcomes
from prunescope.landscape.points_at_once import at_points
from prunescope.networks.grouped.choice import points_at_once, takes, tiny
from prunescope.networks.grouped.grouping import traced_network
from prunescope.networks.layout import laid_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask, Objective, Split
    from prunescope.landscape.points_at_once import PathPoint

ROUNDING = 1e-9
"""Values of a path that differ by less than this share of the largest are equal: the order of a sum moves them."""


@dataclass(frozen=True)
class Connectivity:
    """One quantity (error or loss) along one path, and what it shows of the connection of the end points."""

    path: tuple[Estimate, ...]
    """Its mean over the images at every t."""
    t_star: float
    """Where between the end points it is farthest from their mean."""
    lmc: Estimate
    """m − E(t*): ≈ 0 connected, < 0 a barrier, > 0 under-trained end points."""
    barrier: Estimate
    """max_t E(t) − m, ≥ 0."""


@dataclass(frozen=True)
class Line:
    """Outcomes at every t of the line between two replicas, end points included."""

    train: tuple[Outcomes, ...]
    test: tuple[Outcomes, ...] | None


def connectivity(values: Tensor) -> Connectivity:
    """Linear mode connectivity and barrier, from a quantity of every image at every point of a path.

    Formula: E(t) = mean over the images; m = ½ (E(0) + E(1)); t* = argmax |m − E(t)| over the inner points;
    LMC = m − E(t*); barrier = max_t E(t) − m. The ends always tie, so they are left out of t*. Of equally far inner
    points the one with the largest E counts, then the nearest to the middle; of two mirror images both, and t* = ½.
    Exchanging the end points therefore changes neither LMC nor barrier, and turns t* into 1 − t*.
    Source: Zhou et al. 2023, section 2; Yang et al. 2021 (LMC). Frankle et al. 2020, section 2 (barrier).
    Shapes: values (points, n) for `points` equally spaced t in [0, 1]. Unit: that of the values; for errors LMC lies in
    [−1, 1]. The standard error is that of the paired differences ½ (e_i(0) + e_i(1)) − e_i(t*) over the images, t*
    taken as given. NaN: standard errors of a single image.

    Raises UsageError with fewer than three points.

    >>> errors = torch.tensor([[0, 0, 1, 0], [1, 1, 1, 0], [0, 0, 1, 0]])
    >>> found = connectivity(errors)
    >>> found.lmc.value, found.barrier.value, found.t_star
    (-0.5, 0.5, 0.5)
    """
    points = len(values)
    check_points(points)
    exact = values.double()
    path = tuple(mean(point) for point in exact)
    stars = _stars([point.value for point in path])
    top = max(range(points), key=lambda i: path[i].value)
    ends = (exact[0] + exact[-1]) / 2
    lmc = mean(ends - exact[stars].mean(0))
    return Connectivity(path, fmean(stars) / (points - 1), lmc=lmc, barrier=mean(exact[top] - ends))


def _stars(path: Sequence[float]) -> list[int]:
    """Return the index of t*: one, or two that are mirror images of each other; see `connectivity`.

    >>> _stars([0.10, 0.36, 0.20, 0.10]), _stars([0.0, 0.2, 0.1, 0.2, 0.0]), _stars([0.0, 0.1, 0.2, 0.3, 0.4])
    ([1], [1, 3], [3])
    """
    last, middle, rounding = len(path) - 1, (path[0] + path[-1]) / 2, ROUNDING * max(map(abs, path))
    away = [abs(middle - value) for value in path]
    farthest = max(away[1:last])
    stars = [i for i in range(1, last) if away[i] >= farthest - rounding]
    highest = max(path[i] for i in stars)
    stars = [i for i in stars if path[i] >= highest - rounding]
    nearest = min(abs(2 * i - last) for i in stars)
    return [i for i in stars if abs(2 * i - last) == nearest]


def check_points(points: int) -> None:
    """Raise UsageError unless a path has a point between its ends."""
    if points < 3:
        raise UsageError(
            f"a path of {count_text(points, 'point')} has no point between its ends", fix="use three points or more"
        )


def path_errors(side: Sequence[Outcomes]) -> Connectivity:
    """Return the connectivity in units of the objective's error."""
    return connectivity(torch.stack([point.error for point in side]))


def losses(side: Sequence[Outcomes]) -> Connectivity:
    """Return the connectivity in units of the loss."""
    return connectivity(torch.stack([point.loss for point in side]))


def _tensors(model: nn.Module) -> list[Tensor]:
    """Return all that is interpolated: parameters and floating-point buffers, each once, in model order."""
    return [
        tensor for _, tensor in chain(model.named_parameters(), model.named_buffers()) if tensor.is_floating_point()
    ]


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    named = chain(model.named_parameters(), model.named_buffers())
    return {name: tuple(tensor.shape) for name, tensor in named}


def check_comparable(models: Sequence[nn.Module], masks: Sequence[Mask | None] | None = None) -> None:
    """Raise UsageError unless there are two replicas or more, of one structure and one mask, which holds."""
    if len(models) < 2:
        raise UsageError(
            f"linear mode connectivity requires two replicas, got {len(models)}", fix="give two or more models"
        )
    for number, model in enumerate(models[1:], start=1):
        if odd := sorted(_shapes(models[0]).items() ^ _shapes(model).items()):
            raise UsageError(
                f"replicas 0 and {number} differ in structure, first at {odd[0][0]!r}",
                fix="compare replicas of one architecture",
            )
    _check_masks(models, masks if masks is not None else [None] * len(models))


def _check_masks(models: Sequence[nn.Module], masks: Sequence[Mask | None]) -> None:
    kept = [{name: tensor.cpu() for name, tensor in mask.kept.items()} if mask else {} for mask in masks]
    for number, (model, mine) in enumerate(zip(models, kept, strict=True)):
        weights = dict(model.named_parameters())
        for name in sorted(kept[0].keys() | mine.keys()):
            if name not in mine or name not in kept[0] or not torch.equal(kept[0][name], mine[name]):
                raise UsageError(
                    f"replicas 0 and {number} have different masks, first at {name!r}",
                    fix="compare replicas retrained from the same pruned weights",
                )
            if weights[name].detach().cpu()[~mine[name]].any():
                raise UsageError(
                    f"replica {number} has non-zero weights outside its mask in {name!r}", fix="apply the mask first"
                )


def _interpolate(work: nn.Module, start: nn.Module, end: nn.Module, *, t: float) -> None:
    """Set `work` to (1 − t) start + t end, in place. torch.lerp gives the end points, and zeros, to the bit."""
    with torch.no_grad():
        for mine, first, second in zip(_tensors(work), _tensors(start), _tensors(end), strict=True):
            torch.lerp(first.to(mine.dtype), second.to(mine.dtype), t, out=mine)


def lines(
    models: Sequence[nn.Module],
    train: Split,
    *,
    test: Split | None = None,
    masks: Sequence[Mask | None] | None = None,
    points: int = 11,
    batch_size: int = 256,
    limit: int | None = None,
    objective: Objective = CLASSIFICATION,
) -> Iterator[Line]:
    """Evaluate the models on the straight line between every pair of replicas (order of itertools.combinations).

    Formula: θ(t) = (1 − t) θ_A + t θ_B over all parameters (float32) and floating-point buffers, at `points` equally
    spaced t in [0, 1]. At every t, end points included, BatchNorm is re-estimated on `train` in batches of `batch_size`
    (`batchnorm.re_estimate`), then the model is evaluated in eval mode on un-augmented `train`, and on `test` if given.
    Source: Zhou et al. 2023, section 2 and public code; Yang et al. 2021; Frankle et al. 2020.
    Cost: 2 passes over `train` (1 without BatchNorm) and 1 over `test`, per point; the end points of r replicas are
    evaluated once, so r + r (r − 1) / 2 · (points − 2) points in all. One work model beside the replicas, which are
    left as they were. Networks whose layers `networks.grouped` has take its passes, tiny ones
    up to twelve points at once (`engine.choice`): the same numbers to float32 rounding, in a fraction of the time.

    Raises UsageError where the replicas differ in structure or mask, or weights outside the mask are not zero, and with
    fewer than three points.
    """
    check_comparable(models, masks)
    check_points(points)
    sides = [train] if test is None else [train, test]
    pairs = list(combinations(range(len(models)), 2))
    wanted: list[PathPoint] = [(i, i, 0.0) for i in range(len(models))]
    wanted += [(a, b, step / (points - 1)) for a, b in pairs for step in range(1, points - 1)]
    found = _evaluate(models, wanted, sides, batch_size=batch_size, limit=limit, objective=objective)
    ends = [next(found) for _ in models]
    for a, b in pairs:
        along = [ends[a], *(next(found) for _ in range(points - 2)), ends[b]]
        by_side = list(zip(*along, strict=True))
        yield Line(train=by_side[0], test=by_side[1] if test is not None else None)


def _evaluate(
    models: Sequence[nn.Module],
    points: Sequence[PathPoint],
    sides: Sequence[Split],
    *,
    batch_size: int,
    limit: int | None,
    objective: Objective,
) -> Iterator[tuple[Outcomes, ...]]:
    """Yield the outcomes on each side at every point, in order: several points at once where that is faster."""
    work = laid_out(copy.deepcopy(models[0]).float()).eval()
    graph, _ = traced_network(work)
    count = 0
    if graph is not None:
        count = _points_at_once(work, sides[0], batch_size=batch_size, limit=limit, points=len(points))
    if count:
        yield from at_points(
            work,
            models,
            points,
            sides,
            batch_size=batch_size,
            limit=limit,
            count=count,
            objective=objective,
            graph=graph,
        )
        return
    for first, second, t in points:
        _interpolate(work, models[first], models[second], t=t)
        batchnorm.re_estimate(work, sides[0], batch_size=batch_size, limit=limit)
        yield tuple(outcomes(work, side, batch_size=batch_size, limit=limit, objective=objective) for side in sides)


def _points_at_once(work: nn.Module, train: Split, *, batch_size: int, limit: int | None, points: int) -> int:
    """Return how many points to evaluate in one grouped network; 0 where it does not take the inputs."""
    one = next((inputs[0] for inputs, _ in train.batches(1, limit=1)), None)
    if one is None:
        return 1
    if not takes((1, *one.shape)):
        return 0
    images = len(train) if limit is None else min(len(train), limit * batch_size)
    return points_at_once(work, tuple(one.shape), images=images, batch=batch_size, copies=points) if tiny(work) else 1
