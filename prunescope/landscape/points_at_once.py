"""Many points of the lines between replicas evaluated at once, in one grouped network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from prunescope.api.progress import add_passes
from prunescope.landscape import batchnorm
from prunescope.landscape.evaluate import Outcomes, first_images, joined, logits, of_batch
from prunescope.landscape.guard import guarded
from prunescope.networks.grouped.choice import by_launches, piece_size
from prunescope.networks.grouped.evaluation import Evaluation
from prunescope.networks.grouped.grouping import Grouped, tensors
from prunescope.networks.grouped.re_estimation import ReEstimation
from prunescope.networks.grouped.rewriting import rewritable
from prunescope.networks.grouped.side_by_side import SideBySide

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, fx, nn

    from prunescope.api import Objective, Split

PathPoint = tuple[int, int, float]
"""(first, second, t): the model (1 − t) θ_first + t θ_second."""


def at_points(  # noqa: PLR0913 - the objective beside what the estimator needs
    work: nn.Module,
    models: Sequence[nn.Module],
    points: Sequence[PathPoint],
    sides: Sequence[Split],
    *,
    batch_size: int,
    limit: int | None,
    count: int,
    objective: Objective,
    graph: fx.Graph | None = None,
) -> Iterator[tuple[Outcomes, ...]]:
    """Yield what the model at each point makes of the images of each side, in order; `count` models at a time.

    work: a model of their architecture in eval mode and float32, whose own weights do not matter.
    graph: its graph, from `grouping.traced`, where there is one.
    sides: the first is the training split, on whose images BatchNorm is re-estimated at every point, in batches of
    `batch_size` as the definition asks; nothing but BatchNorm depends on the size of the batches it is evaluated in.
    Equal to evaluating one point after the other, to float32 rounding.
    Raises UsageError for models that cannot be grouped, and where there are no images.
    """
    states = [_floating(model) for model in models]
    passes: Passes | None = None
    waiting: list[list[Outcomes]] = []
    for start in range(0, len(points), count):
        group = points[start : start + count]
        if passes is None or passes.grouped.count != len(group):
            passes = _passes(work, sides[0], count=len(group), batch_size=batch_size, graph=graph)
        _interpolate(passes.grouped, states, group)
        with guarded([passes.grouped]):
            passes.re_estimate(sides[0], limit=limit)
            waiting.append([_outcomes(passes, side, limit=limit, objective=objective) for side in sides])
        if not by_launches(waiting[0][0].loss.device):
            yield from _each(waiting.pop(), len(group))
    for place, found in enumerate(waiting):
        yield from _each(found, len(points[place * count : (place + 1) * count]))


@dataclass(frozen=True)
class Passes:
    """The passes over the images that a point takes, for the models of `grouped` at once."""

    grouped: Grouped
    batch_size: int
    """In which BatchNorm is re-estimated."""
    piece: int
    """How many images go through the layers at a time."""
    fast: tuple[ReEstimation | SideBySide, Evaluation] | None
    """None where the network can only be called as it is, in batches of the given size."""

    def re_estimate(self, split: Split, *, limit: int | None) -> None:
        """Re-estimate BatchNorm on the images of `split`."""
        if self.fast is None:
            batchnorm.re_estimate(self.grouped, split, batch_size=self.batch_size, limit=limit)
            return
        statistics, evaluation = self.fast
        if isinstance(statistics, SideBySide):
            if statistics.needed:
                several = max(1, self.piece // self.batch_size) * self.batch_size
                images = _pieces(split, size=several, images=limit and limit * self.batch_size)
                statistics(images, batch=self.batch_size)
        elif statistics.needed:
            statistics((images for images, _ in split.batches(self.batch_size, limit=limit)), piece=self.piece)
        evaluation.refresh()
        seen = len(split) if limit is None else min(len(split), limit * self.batch_size)
        add_passes(self.grouped.count * seen)

    def logits(self, split: Split, *, limit: int | None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (outputs (batch, K, ...), targets) of the examples of `split`."""
        if self.fast is None:
            yield from logits(self.grouped, split, batch_size=self.batch_size, limit=limit)
            return
        statistics, evaluation = self.fast
        for images, labels in first_images(split, images=limit and limit * self.batch_size, size=self.piece):
            with torch.inference_mode():
                output = evaluation(images.contiguous() if isinstance(statistics, SideBySide) else images)
            yield torch.unflatten(output, 1, (self.grouped.count, -1)), labels


def _passes(work: nn.Module, train: Split, *, count: int, batch_size: int, graph: fx.Graph | None = None) -> Passes:
    grouped = Grouped([work] * count, shared=True, graph=graph)
    image = next((images[0] for images, _ in train.batches(1, limit=1)), None)
    if image is None or not rewritable(grouped.net):
        return Passes(grouped, batch_size, batch_size, None)
    piece = piece_size(work, tuple(image.shape), copies=count)
    if by_launches(image.device):
        grouped.to(memory_format=torch.contiguous_format)
        return Passes(grouped, batch_size, piece, (SideBySide(grouped.net), Evaluation(grouped.net)))
    return Passes(grouped, batch_size, piece, (ReEstimation(grouped.net), Evaluation(grouped.net)))


def _pieces(split: Split, *, size: int, images: int | None) -> Iterator[Tensor]:
    """Yield the first so many images of a split (None: all), `size` at a time."""
    left = len(split) if images is None else min(images, len(split))
    for batch, _ in split.batches(size, limit=-(-left // size)):
        yield batch[:left]
        left -= len(batch)


def _floating(model: nn.Module) -> dict[str, Tensor]:
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.detach().float() for name, tensor in named if tensor.is_floating_point()}


@torch.no_grad()
def _interpolate(grouped: Grouped, states: Sequence[dict[str, Tensor]], points: Sequence[PathPoint]) -> None:
    """Set place i of `grouped` to point i, in place. torch.lerp gives the end points, and zeros, to the bit."""
    for name, places in tensors(grouped).items():
        for place, (first, second, t) in zip(places.unbind(), points, strict=True):
            torch.lerp(states[first][name].view_as(place), states[second][name].view_as(place), t, out=place)


def _outcomes(passes: Passes, split: Split, *, limit: int | None, objective: Objective) -> Outcomes:
    """Return what all models make of each example, beside each other, on their device; see evaluate.outcomes."""
    found: list[Outcomes] = []
    for output, targets in passes.logits(split, limit=limit):
        with torch.inference_mode():
            flat, repeated = output.float().flatten(0, 1), targets.repeat_interleave(output.shape[1], dim=0)
            found.append(of_batch(flat, repeated, objective))
        add_passes(len(repeated))
    return joined(found)


def _each(sides: Sequence[Outcomes], count: int) -> Iterator[tuple[Outcomes, ...]]:
    """Yield what each of `count` models makes of every side, on the CPU."""
    yield from zip(*(_by_model(side.cpu(), count) for side in sides), strict=True)


def _by_model(whole: Outcomes, count: int) -> list[Outcomes]:
    """Return the outcomes of each of `count` models, which lie beside each other for every example."""
    loss, *errors = (each.view(-1, count).T.contiguous() for each in (whole.loss, *whole.errors.values()))
    return [
        Outcomes(loss=mine, errors=dict(zip(whole.errors, kinds, strict=True)))
        for mine, *kinds in zip(loss, *errors, strict=True)
    ]
