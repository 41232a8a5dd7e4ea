"""Hessian-vector products on a GPU: the arithmetic of one batch recorded once, and replayed for every other.

A product of a small network is hundreds of small kernels, which a CPU takes longer to launch than a GPU to compute.
Recorded, they are launched as one. The gradient's graph and the products are recorded apart, so that a batch's gradient
is computed once for all its vectors.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.api.progress import add_passes
from prunescope.landscape.hessian import GradientOfWeights, NamedWeights
from prunescope.networks.capture import NotCapturable, capture_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from prunescope.api import Objective
    from prunescope.landscape.hessian import Batch
    from prunescope.networks.capture import Capture


class Replayed:
    """What `GradientOfWeights` is, for one batch after the other of one shape; the weights keep their place in memory.

    Raises NotCapturable where the network computes something that a recording cannot repeat.
    """

    def __init__(
        self,
        model: nn.Module,
        at: NamedWeights,
        batch: Batch,
        capture: Capture,
        *,
        objective: Objective = CLASSIFICATION,
    ) -> None:
        leaves = {name: leaf.detach().requires_grad_() for name, leaf in at.leaves.items()}  # of this stream alone
        self.model, self.at = model, NamedWeights(leaves, at.kept)
        self._capture, self._objective = capture, objective
        self._images, self._labels = (one.clone(memory_format=torch.preserve_format) for one in batch)
        like = next(iter(leaves.values())).detach()
        self._vector, self._inner, self._image = (like.new_zeros(at.size) for _ in range(3))
        self._row = torch.zeros(1 + len(leaves), dtype=torch.float64, device=like.device)
        self._made: list[GradientOfWeights] = []
        self._build = capture.record(self._build_once, state=[self._row])
        self._build()

    def _build_once(self) -> None:
        self._made.clear()  # the graph of an earlier try
        self._made.append(
            GradientOfWeights(self.model, self.at, (self._images, self._labels), objective=self._objective)
        )

    @cached_property
    def _multiply(self) -> Callable[[], None]:
        """Both the product and the forms: to record is slower than the forms that are not asked for."""

        def multiply() -> None:
            gradient = self._made[0]
            self._image.copy_(gradient.product(self._inner))
            self._row.copy_(gradient.forms_of(self._vector, self._inner, self._image))

        return self._capture.record(multiply, state=[self._image, self._row])

    def load(self, batch: Batch) -> Replayed:
        """Go on to another batch of the same shape; return self."""
        # By .data: autograd must not see a change in what the graph keeps, since the graph is computed again.
        self._images.data.copy_(batch[0])
        self._labels.data.copy_(batch[1])
        self._build()
        return self

    def product(self, vector: Tensor) -> Tensor:
        """Return H v; see `GradientOfWeights.product`."""
        self._inner.copy_(vector)
        self._multiply()
        add_passes(6 * len(self._images))
        return self._image.clone()

    def forms(self, vector: Tensor, inner: Tensor) -> Tensor:
        """Return uᵀ H u and the parts of vᵀ H u; see `GradientOfWeights.forms`."""
        self._vector.copy_(vector)
        self._inner.copy_(inner)
        self._multiply()
        add_passes(6 * len(self._images))
        return self._row.clone()


def gradients(
    model: nn.Module, at: NamedWeights, *, objective: Objective = CLASSIFICATION
) -> Callable[[Batch], GradientOfWeights | Replayed]:
    """Return what makes the gradient of a batch: replayed on a GPU, see `replaying`; else rebuilt."""
    if at.device.type == "cuda":
        return replaying(model, at, capture_on(at.device), objective=objective)
    return lambda batch: GradientOfWeights(model, at, batch, objective=objective)


def replaying(
    model: nn.Module, at: NamedWeights, capture: Capture, *, objective: Objective = CLASSIFICATION
) -> Callable[[Batch], GradientOfWeights | Replayed]:
    """Return what makes the gradient of a batch, by one recording for every shape of batches.

    A gradient is to be used before the next one is made: batches of one shape share their memory. What cannot be
    recorded is rebuilt.
    """
    recorded: dict[tuple[int, ...], Replayed | None] = {}

    def gradient(batch: Batch) -> GradientOfWeights | Replayed:
        shape = (*batch[0].shape, *batch[1].shape)
        if shape not in recorded:
            try:
                recorded[shape] = Replayed(model, at, batch, capture, objective=objective)
            except NotCapturable:
                recorded[shape] = None
        replayed = recorded[shape]
        return GradientOfWeights(model, at, batch, objective=objective) if replayed is None else replayed.load(batch)

    return gradient
