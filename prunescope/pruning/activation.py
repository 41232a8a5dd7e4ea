"""Magnitude weighted by the activations that meet each weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from prunescope.api.errors import UsageError
from prunescope.landscape.guard import double, guarded
from prunescope.networks.products import Product, watched

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.pruning.loss import Batch


def activation_weighted(model: nn.Module, weights: Mapping[str, Tensor], batches: Sequence[Batch]) -> dict[str, Tensor]:
    """Return each weight's magnitude times the norm of the inputs it is multiplied with.

    Formula: |W_ij| · ‖X_j‖₂, X_j the j-th input of the layer over all images and places. A convolution is the linear
    layer it is on patches (im2col): its j runs over input channel and place in the kernel, padding included.
    Source: Sun et al. 2024 (Wanda), equation 1, for linear layers; the reading of convolutions is ours.
    Shapes: as the weights, float64. Unit: of an activation, ≥ 0.

    Raises:
        UsageError: a weight is never multiplied.
    """
    meetings = _Meetings(weights)
    with guarded([model]), watched(meetings.see):
        for images, _ in batches:
            model(images)
    missing = [name for name in weights if name not in meetings.squares]
    if missing:
        raise UsageError(
            f"the layer of {missing[0]!r} is never called: no activation reaches its weights",
            fix="use a pruner that uses only weights, such as magnitude",
        )
    return {name: double(weight.detach()).abs() * meetings.squares[name].sqrt() for name, weight in weights.items()}


class _Meetings:
    """Sums, for every weight, the squares of the inputs it is multiplied with, whoever multiplies: layer or function.

    A weight is known by its memory, so that one that is transposed, cut in parts or shared is seen at every use.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self.squares: dict[str, Tensor] = {}
        self.weights = {weight.untyped_storage().data_ptr(): (name, weight) for name, weight in weights.items()}

    def see(self, product: Product) -> None:
        """Add what one product brings to the weight that is its operand."""
        for operand, others in ((product.second, product.first), (product.first, product.second)):
            name, weight = self.weights.get(operand.untyped_storage().data_ptr(), ("", operand))
            if not name:
                continue
            if product.convolution:
                sums = of_convolution(others, weight, product.output.shape[2:], product.convolution)
                found = _spread(sums, weight)
            else:
                found = _of_matrix(others, operand, second=operand is product.second)
            if name not in self.squares:
                self.squares[name] = found.new_empty_strided(weight.shape, weight.stride()).zero_()
            _add(self.squares[name], found, weight, operand)
            return


def _of_matrix(others: Tensor, operand: Tensor, *, second: bool) -> Tensor:
    """Return the sum of squares that meets each element of a matrix, of its shape."""
    squares = double(others).square()
    summed = squares.sum(-2).unsqueeze(-1) if second else squares.sum(-1).unsqueeze(-2)
    return summed.expand(operand.shape)


def _add(sums: Tensor, found: Tensor, weight: Tensor, operand: Tensor) -> None:
    """Add to the elements of a weight what was found for those of the operand, a view of it."""
    size, stride = list(operand.shape), list(operand.stride())
    for axis, step in enumerate(stride):
        if step == 0 and size[axis] > 1:  # one weight for a whole batch
            found, size[axis] = found.sum(axis, keepdim=True), 1
    sums.as_strided(size, stride, operand.storage_offset() - weight.storage_offset()).add_(found)


def of_convolution(inputs: Tensor, kernel: Tensor, places: Sequence[int], how: Mapping[str, Any]) -> Tensor:
    """Return the sum of squares of what meets each (input channel, place in the kernel), over all images and places.

    It is the derivative of the summed output of a convolution of the squares, channel by channel, with respect to its
    kernel. places: the output's (height, width). how: stride, padding and dilation.
    """
    squares, channels = double(inputs).square(), inputs.shape[1]
    zeros = squares.new_zeros(channels, 1, *kernel.shape[2:])
    ones = squares.new_ones(1).expand(len(inputs), channels, *places)
    where = (how["stride"], how["padding"], how["dilation"], False, [0] * len(places), channels)
    backward = torch.ops.aten.convolution_backward
    found: Tensor = backward(ones, squares, zeros, None, *where, (False, True, False))[1]
    return found.squeeze(1)


def _spread(squares: Tensor, weight: Tensor) -> Tensor:
    """Lay the inputs' sums out over the outputs; those of a grouped convolution see their own group's channels."""
    groups = squares.shape[0] // weight.shape[1]
    per_group = squares.reshape(groups, 1, *weight.shape[1:])
    return per_group.expand(groups, weight.shape[0] // groups, *weight.shape[1:]).reshape(weight.shape)
