"""Loss, top-1 and top-5 error of a model on a split, image by image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from prunescope.api.errors import UsageError
from prunescope.landscape.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from prunescope.api import Split


@dataclass(frozen=True)
class Outcomes:
    """What a model makes of each of n images; their means are the model's loss and errors."""

    loss: Tensor
    """Cross-entropy in nats, float32 (n,)."""
    wrong: Tensor
    """True where the label is not the class of the largest logit, bool (n,)."""
    wrong_top5: Tensor
    """True where the label is not among the five largest logits, bool (n,)."""


def logits(
    model: nn.Module, split: Split, *, batch_size: int, limit: int | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (logits, labels) of every batch in the split's fixed order, without a graph.

    Only the forward pass is in inference mode: a split that keeps its tensors stays usable in training.
    """
    for images, labels in split.batches(batch_size, limit=limit):
        with torch.inference_mode():
            output = model(images)
        yield output, labels


def rank(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the place of each label among its image's logits; 0 is the largest.

    Equal logits rank by class index, as argmax does. A label whose logit is NaN comes last.
    Shapes: logits (n, classes), labels (n,) -> int64 (n,).

    >>> rank(torch.tensor([[1.0, 3.0, 2.0], [0.0, 0.0, 0.0]]), torch.tensor([2, 2]))
    tensor([1, 2])
    """
    own = logits.gather(1, labels[:, None])
    later = torch.arange(logits.shape[1], device=logits.device)[None] >= labels[:, None]
    beaten = (logits < own) | ((logits == own) & later)
    return logits.shape[1] - beaten.sum(1)


def outcomes(model: nn.Module, split: Split, *, batch_size: int, limit: int | None = None) -> Outcomes:
    """Evaluate `model` in eval mode on the un-augmented images of `split`, in fixed order.

    Formula: loss −ln softmax(logits)[label]; top-k error: label's rank among the logits ≥ k (`rank`). With five classes
    or fewer the top-5 error is 0.
    Shapes: three vectors (n,), on the CPU. Unit: nat; bool. The model, its mode included, is left as it was.
    NaN: the loss of an image with a NaN logit, which also counts as wrong when it is the label's.

    Raises UsageError when there is no image.
    """
    losses, ranks = [], []
    with guarded([model]):
        for output, labels in logits(model, split, batch_size=batch_size, limit=limit):
            losses.append(functional.cross_entropy(output.float(), labels, reduction="none"))
            ranks.append(rank(output, labels))
    if not losses:
        raise UsageError("no images to evaluate: the split yields no batch", fix="give a split with at least one image")
    place = torch.cat(ranks).cpu()
    return Outcomes(loss=torch.cat(losses).cpu(), wrong=place >= 1, wrong_top5=place >= 5)
