"""Loss and errors of a model on a split, example by example."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from prunescope.api import CLASSIFICATION
from prunescope.api.errors import UsageError
from prunescope.api.progress import add_passes
from prunescope.landscape.guard import guarded
from prunescope.networks.grouped.choice import by_launches, piece_size, takes
from prunescope.networks.grouped.grouping import traced_network

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Objective, Split


FEW = 4
"""Batches that are evaluated as they are, whatever the device."""


@dataclass(frozen=True)
class Outcomes:
    """What a model makes of each of n examples; their means are the model's loss and errors."""

    loss: Tensor
    """In the objective's unit, float32 (n,)."""
    errors: Mapping[str, Tensor]
    """Every kind of error that the objective has, by name, in [0, 1] or bool (n,); "error" is always there."""

    @property
    def error(self) -> Tensor:
        """The objective's error: of classification, whether the label is not the class of the largest logit."""
        return self.errors["error"]

    def cpu(self) -> Outcomes:
        """Return the outcomes on the CPU."""
        return Outcomes(self.loss.cpu(), {name: error.cpu() for name, error in self.errors.items()})


@dataclass(frozen=True)
class Noted:
    """A split that keeps the targets it yields, on the CPU."""

    split: Split
    targets: list[Tensor] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.split)

    def batches(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the split's batches."""
        for inputs, targets in self.split.batches(size, limit=limit):
            self.targets.append(targets.cpu())
            yield inputs, targets

    def epoch(self, size: int, *, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the split's epoch; its targets are not kept."""
        return self.split.epoch(size, generator=generator)


def logits(
    model: nn.Module, split: Split, *, batch_size: int, limit: int | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (outputs, targets) of every batch in the split's fixed order, without a graph.

    Only the forward pass is in inference mode: a split that keeps its tensors stays usable in training.
    """
    for inputs, targets in split.batches(batch_size, limit=limit):
        with torch.inference_mode():
            output = model(inputs)
        add_passes(len(inputs))
        yield output, targets


def first_images(split: Split, *, images: int | None, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the first so many images of a split (None: all) in batches of about equal size, at most `size`."""
    if images is None:
        yield from split.batches(size)
        return
    count = -(-images // size)
    left = images
    for batch, targets in split.batches(-(-images // count), limit=count):
        yield batch[:left], targets[:left]
        left -= len(targets)


def outcomes(
    model: nn.Module,
    split: Split,
    *,
    batch_size: int,
    limit: int | None = None,
    objective: Objective = CLASSIFICATION,
) -> Outcomes:
    """Evaluate `model` in eval mode on the un-augmented examples of `split`, in fixed order.

    Formula: `objective.losses` and `objective.all_errors`; of classification −ln softmax(logits)[label], and whether
    the label's rank among the logits is 1 (top-1) or 5 (top-5) and more, the largest being 0.
    Shapes: vectors (n,), on the CPU. Unit: the objective's. The model, its mode included, is left as it was.
    NaN: where the objective's loss is.

    Raises UsageError when there is no example.
    """
    found = []
    with guarded([model]):
        size = _images_at_once(model, split, batch_size=batch_size)
        for inputs, targets in first_images(split, images=limit and limit * batch_size, size=size):
            with torch.inference_mode():
                output = model(inputs)
            found.append(of_batch(output.float(), targets, objective))
            add_passes(len(inputs))
    return joined(found).cpu()


def of_batch(outputs: Tensor, targets: Tensor, objective: Objective) -> Outcomes:
    """Return the outcomes of one batch, on its device."""
    return Outcomes(loss=objective.losses(outputs, targets), errors=objective.all_errors(outputs, targets))


def joined(batches: Sequence[Outcomes]) -> Outcomes:
    """Return the outcomes of all batches as one, on their device; UsageError when there is none."""
    if not batches:
        raise UsageError(
            "there are no images to evaluate: the split yields no batch", fix="give a split with at least one example"
        )
    names = batches[0].errors
    return Outcomes(
        loss=torch.cat([batch.loss for batch in batches]),
        errors={name: torch.cat([batch.errors[name] for batch in batches]) for name in names},
    )


def _images_at_once(model: nn.Module, split: Split, *, batch_size: int) -> int:
    """Return the images to evaluate at a time: more than `batch_size` where that is faster and nothing else changes.

    That is on a GPU, for many batches, and a network whose graph is known to treat every image alone.
    """
    weight = next(model.parameters(), None)
    if weight is None or not by_launches(weight.device) or len(split) <= FEW * batch_size:
        return batch_size
    graph, _ = traced_network(model)
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    one = next((inputs[0] for inputs, _ in split.batches(1, limit=1)), None)
    alone = graph is not None and all(norm.running_mean is not None for norm in norms)
    if not alone or one is None or not takes((1, *one.shape)):
        return batch_size
    return max(batch_size, piece_size(model, tuple(one.shape), copies=1))
