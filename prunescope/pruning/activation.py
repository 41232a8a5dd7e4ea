"""Magnitude weighted by the activations that meet each weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd

from prunescope.api.errors import UsageError
from prunescope.landscape.guard import double, guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from prunescope.pruning.loss import Batch

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


def activation_weighted(model: nn.Module, weights: Mapping[str, Tensor], batches: Sequence[Batch]) -> dict[str, Tensor]:
    """Return each weight's magnitude times the norm of the inputs it is multiplied with.

    Formula: |W_ij| · ‖X_j‖₂, X_j the j-th input of the layer over all images and places. A convolution is the linear
    layer it is on patches (im2col): its j runs over input channel and place in the kernel, padding included.
    Source: Sun et al. 2024 (Wanda), equation 1, for linear layers; the reading of convolutions is ours.
    Shapes: as the weights, float64. Unit: of an activation, ≥ 0.

    Raises:
        UsageError: a layer is never called, or is called in a way that shows no inputs.
    """
    squares: dict[str, Tensor] = {}
    layers = {name: model.get_submodule(name.rpartition(".")[0]) for name in weights}
    handles = [layer.register_forward_hook(_adder(name, squares)) for name, layer in layers.items()]
    try:
        with guarded([model]), torch.no_grad():
            for images, _ in batches:
                model(images)
    finally:
        for handle in handles:
            handle.remove()
    missing = [name for name in weights if name not in squares]
    if missing:
        raise UsageError(
            f"the layer of {missing[0]!r} is never called: no activation reaches its weights",
            fix="use a pruner that uses only weights, such as magnitude",
        )
    return {
        name: double(weight.detach()).abs() * _spread(squares[name], weight).sqrt() for name, weight in weights.items()
    }


def _adder(name: str, squares: dict[str, Tensor]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def add(module: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        found = of_convolution(module, inputs[0]) if isinstance(module, _ConvNd) else of_linear(inputs[0])
        squares[name] = squares[name] + found if name in squares else found

    return add


def of_linear(inputs: Tensor) -> Tensor:
    """Return the sum of squares of each input feature, over all rows.

    >>> of_linear(torch.tensor([[1.0, 2.0], [3.0, 0.0]]))
    tensor([10.,  4.], dtype=torch.float64)
    """
    return double(inputs).square().flatten(0, -2).sum(0)


def of_convolution(layer: _ConvNd, inputs: Tensor) -> Tensor:
    """Return the sum of squares of what meets each (input channel, place in the kernel), over all images and places.

    It is the derivative of the summed output of a convolution of the squares, channel by channel, with respect to its
    kernel.
    """
    around = layer._reversed_padding_repeated_twice  # noqa: SLF001 - as torch's own forward does
    squares = double(functional.pad(inputs, around, mode=_padding(layer))).square()
    with torch.enable_grad():
        kernel = torch.zeros(
            layer.in_channels, 1, *layer.kernel_size, dtype=squares.dtype, device=squares.device, requires_grad=True
        )
        convolve = CONVOLUTIONS[len(layer.kernel_size)]
        summed = convolve(squares, kernel, stride=layer.stride, dilation=layer.dilation, groups=layer.in_channels).sum()
        (found,) = torch.autograd.grad(summed, kernel)
    return found.squeeze(1)


def _padding(layer: _ConvNd) -> str:
    return "constant" if layer.padding_mode == "zeros" else layer.padding_mode


def _spread(squares: Tensor, weight: Tensor) -> Tensor:
    """Lay the inputs' sums out over the outputs; those of a grouped convolution see their own group's channels."""
    if weight.dim() == 2:
        return squares.expand(weight.shape)
    groups = squares.shape[0] // weight.shape[1]
    per_group = squares.reshape(groups, 1, *weight.shape[1:])
    return per_group.expand(groups, weight.shape[0] // groups, *weight.shape[1:]).reshape(weight.shape)
