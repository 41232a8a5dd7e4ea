"""The loss as a function of some weights, on fixed images: what the scores that look at data are derivatives of."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

from prunescope.api import CLASSIFICATION
from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text
from prunescope.landscape.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torch import Tensor

    from prunescope.api import Objective, Split

    Batch = tuple[Tensor, Tensor]

BatchNorm = Literal["batch", "running"]
"""Which statistics BatchNorm uses: those of the batch, as in training, or its running averages, as in measuring."""


def scored_images(split: Split, *, images: int, batch_size: int) -> list[Batch]:
    """Return the first n = min(images, len(split)) images of a split, un-augmented, in batches.

    A last batch of a single image joins the one before it: BatchNorm has no variance for it.

    Raises:
        UsageError: there are none.
    """
    found, left = [], images
    for pictures, labels in split.batches(batch_size, limit=-(-images // batch_size)):
        found.append((pictures[:left], labels[:left]))
        left -= len(labels)
    if not found or images < 1:
        raise UsageError(
            f"cannot score weights on {count_text(images, 'image')} of {len(split)}", fix="give one image or more"
        )
    if len(found) > 1 and len(found[-1][1]) == 1:
        found[-2:] = [(torch.cat([a[0], b[0]]), torch.cat([a[1], b[1]])) for a, b in [found[-2:]]]
    return found


@contextmanager
def scoring(model: nn.Module, *, batchnorm: BatchNorm) -> Iterator[None]:
    """Hold a model still while its weights are scored: dropout off, running averages untouched, derivatives on.

    Everything is as it was afterwards.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    tracked = [norm.track_running_stats for norm in norms]
    with (
        guarded([model]),
        torch.enable_grad(),
        sdpa_kernel(SDPBackend.MATH),
    ):  # fused attention has no second derivative
        try:
            if batchnorm == "batch":
                for norm in norms:
                    norm.training, norm.track_running_stats = True, False
            yield
        finally:
            for norm, track in zip(norms, tracked, strict=True):
                norm.track_running_stats = track


def leaves(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights as leaves of a graph of their own, sharing their memory."""
    return {name: weight.detach().requires_grad_() for name, weight in weights.items()}


def loss_gradients(
    model: nn.Module,
    at: Mapping[str, Tensor],
    batch: Batch,
    *,
    objective: Objective = CLASSIFICATION,
    temperature: float = 1.0,
    graph: bool = False,
) -> list[Tensor]:
    """Return the gradient of one batch's mean loss in the order of `at`; 0 for a weight it does not reach.

    temperature: divides the outputs. graph: keep what second derivatives need.
    """
    inputs, targets = batch
    if len(inputs) == 1 and any(isinstance(module, _BatchNorm) and module.training for module in model.modules()):
        raise UsageError(
            "BatchNorm cannot take the statistics of a batch from a single image",
            fix="score on two images or more (--images, --batch-size), or by running averages (--batchnorm running)",
        )
    loss = objective.mean_loss(functional_call(model, dict(at), (inputs,)) / temperature, targets)
    return list(torch.autograd.grad(loss, list(at.values()), create_graph=graph, materialize_grads=True))


def mean_gradients(
    model: nn.Module,
    at: Mapping[str, Tensor],
    batches: Sequence[Batch],
    *,
    objective: Objective = CLASSIFICATION,
    temperature: float = 1.0,
) -> list[Tensor]:
    """Return the gradient of the mean loss over all images, batch by batch."""
    found = [torch.zeros_like(weight) for weight in at.values()]
    for batch, share in zip(batches, loss_shares(batches), strict=True):
        mine = loss_gradients(model, at, batch, objective=objective, temperature=temperature)
        for sum_, gradient in zip(found, mine, strict=True):
            sum_.detach().add_(gradient.detach(), alpha=share)
    return [gradient.detach() for gradient in found]


def loss_shares(batches: Iterable[Batch]) -> list[float]:
    """Return the share of each batch in all images.

    >>> loss_shares([(torch.zeros(3, 1), torch.zeros(3)), (torch.zeros(1, 1), torch.zeros(1))])
    [0.75, 0.25]
    """
    sizes = [len(labels) for _, labels in batches]
    return [size / sum(sizes) for size in sizes]
