"""The Hessian over several batches as an operator: graphs stay as far as memory allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.api.room import scaled_bytes
from prunescope.landscape.guard import guarded
from prunescope.landscape.hessian import shares
from prunescope.landscape.replayed import gradients

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

    from prunescope.api import Objective
    from prunescope.landscape.hessian import Batch, NamedWeights

GRAPH_BYTES = 1 << 30
"""Memory that the graphs kept may take, estimated (`graph_bytes`)."""

JOINED_BYTES = 4 << 30
"""The same for the graph of batches that are joined on a GPU; one number for all, so that the sums are the same."""


def operator(
    model: nn.Module,
    at: NamedWeights,
    batches: Sequence[Batch],
    *,
    graph_bytes: int = GRAPH_BYTES,
    objective: Objective = CLASSIFICATION,
) -> Callable[[Tensor], Tensor]:
    """Return v -> H v for H = Σ_b w_b H_b, w_b the share of batch b in the images.

    The graphs of the first batches are built once and kept, as many as fit into `graph_bytes` and at least one when
    there is no other; those of the rest are rebuilt for every product. On a GPU batches are joined (`joined`), since
    H is over all images, and their products replayed (`replayed`).

    Raises UsageError without images.
    """
    if at.device.type == "cuda":
        batches = join_batches(model, batches)
    parts = shares(batches)
    kept = _fitting(model, batches, graph_bytes)
    again = gradients(model, at, objective=objective)
    graphs = [gradients(model, at, objective=objective)(batch) for batch in batches[:kept]]

    def product(vector: Tensor) -> Tensor:
        total = torch.zeros_like(vector)
        for number, (share, batch) in enumerate(zip(parts, batches, strict=True)):
            graph = graphs[number] if number < kept else again(batch)
            total.add_(graph.product(vector), alpha=share)
        return total

    return product


def join_batches(model: nn.Module, batches: Sequence[Batch], *, room: int = JOINED_BYTES) -> list[Batch]:
    """Return the batches as fewer and larger ones, in order, whose graphs take up to `room` bytes each.

    H is the mean over all images, so that its products are the same to rounding.

    >>> batch = (torch.zeros(2, 3), torch.zeros(2))
    >>> [len(labels) for _, labels in join_batches(torch.nn.Linear(3, 2), [batch] * 5, room=250)]
    [4, 4, 2]
    """
    if not batches:
        return []
    together = max(1, scaled_bytes(room) // graph_bytes(model, batches[0][0]))
    return [
        (torch.cat([images for images, _ in group]), torch.cat([labels for _, labels in group]))
        for group in (batches[start : start + together] for start in range(0, len(batches), together))
    ]


def graph_bytes(model: nn.Module, images: Tensor) -> int:
    """Return about how much memory the graph of a gradient on `images` takes.

    Formula: three times the outputs of all modules without children (values, their gradients, what the second
    differentiation adds), and twice the parameters.

    >>> graph_bytes(torch.nn.Linear(3, 2), torch.zeros(5, 3))
    184
    """
    seen: list[int] = []

    def count(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor):
            seen.append(output.numel() * output.element_size())

    leaves = [module for module in model.modules() if not any(module.children())]
    handles = [module.register_forward_hook(count) for module in leaves]
    try:
        with guarded([model]), torch.no_grad():
            model(images[:1])
    finally:
        for handle in handles:
            handle.remove()
    parameters = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    return 3 * sum(seen) * len(images) + 2 * parameters


def _fitting(model: nn.Module, batches: Sequence[Batch], limit: int) -> int:
    """Return how many batches, from the first on, keep their graphs."""
    if len(batches) == 1:
        return 1
    largest = max((images for images, _ in batches), key=len)
    return min(len(batches), scaled_bytes(limit) // graph_bytes(model, largest))
