"""Sums of squared gradients of single images, weight tensor by weight tensor, without keeping the gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from prunescope.landscape.guard import double
from prunescope.landscape.piecewise import NotPiecewiseLinear

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from prunescope.landscape.piecewise import Layer

AT_ONCE = {"cuda": 1 << 27}
"""Numbers of gradients that are made at once on a device; elsewhere as many as a cache holds."""

IN_A_CACHE = 1 << 18


def squared_sums(layer: Layer, wanted: Mapping[str, Tensor | None]) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return what sums squares over the images for gradients at the output of `layer`, for many such gradients.

    With δ_n the gradient at the output of image n: Σ_n Σ_w m_w (∂/∂w)² for each of the tensors `wanted`, "weight" and
    "bias", m_w the flags of its kept weights (None: all). Shapes: δ like `layer.output` -> float64 scalars by name.
    """
    given = layer.arguments
    if layer.kind == "batch_norm":
        return _norm(given, wanted)
    if layer.kind == "linear":
        tokens = given["input"].reshape(len(given["input"]), -1, given["input"].shape[-1])
        return _product(tokens.transpose(1, 2)[:, None], wanted, lambda at: _channels_last(at)[:, None])
    columns, groups = patches(given), given["groups"]
    columns = columns.reshape(len(columns), groups, -1, columns.shape[-1])
    return _product(columns, wanted, lambda at: at.reshape(len(at), groups, at.shape[1] // groups, -1))


def patches(given: Mapping[str, Any]) -> Tensor:
    """Return what each output of a convolution is a product of, (images, inputs × kernel, places).

    Formula: `unfold` of torch.nn.functional, in one copy: its own goes from image to image on a GPU, and is slower on a
    CPU. given: arguments of conv2d, by name.

    Raises NotPiecewiseLinear where the padding is given by a word.
    """
    if isinstance(given["padding"], str):
        raise NotPiecewiseLinear(f"a convolution with padding {given['padding']!r} is not taken apart")
    stride, padding, dilation = (_pair(given[name]) for name in ("stride", "padding", "dilation"))
    kernel = given["weight"].shape[2:]
    images = functional.pad(given["input"], (padding[1], padding[1], padding[0], padding[0]))
    sides = images.shape[2:]
    places = [
        (side - step * (width - 1) - 1) // jump + 1
        for side, step, width, jump in zip(sides, dilation, kernel, stride, strict=True)
    ]
    image, channel, down, right = images.stride()
    windows = images.as_strided(
        (*images.shape[:2], *kernel, *places),
        (image, channel, down * dilation[0], right * dilation[1], down * stride[0], right * stride[1]),
        images.storage_offset(),
    )
    return windows.reshape(len(images), -1, places[0] * places[1])


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    """Return what conv2d takes as one number for both sides, or one for all."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    return both[0], both[-1]


def _channels_last(at: Tensor) -> Tensor:
    return at.reshape(len(at), -1, at.shape[-1]).transpose(1, 2)


def _norm(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor | None]) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return the sums of a normalisation by fixed statistics: of γ, Σ_l δ x̂; of β, Σ_l δ."""
    shape = (1, -1, *[1] * (given["input"].dim() - 2))
    scale = (given["running_var"] + given["eps"]).rsqrt().reshape(shape)
    normed = (given["input"] - given["running_mean"].reshape(shape)) * scale

    def sums(at: Tensor) -> dict[str, Tensor]:
        made = {"weight": at * normed, "bias": at}
        return {name: _kept(made[name].reshape(*at.shape[:2], -1).sum(2), kept) for name, kept in wanted.items()}

    return sums


def _product(
    columns: Tensor, wanted: Mapping[str, Tensor | None], arrange: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return the sums of weights that are multiplied with `columns`, (images, groups, inputs, places).

    The gradient of an image is δ Xᵀ, (outputs, inputs). For one place its squares are the products of squares; for few
    places and no mask ‖δ Xᵀ‖² = Σ_{l,l'} (δᵀδ)_{ll'} (XᵀX)_{ll'} is the shorter way (Goodfellow 2015; Rochette et al.
    2019); else the gradients are made, some images at once.
    """
    places, inputs = columns.shape[3], columns.shape[2]
    inner: list[Tensor] = []

    def weight(at: Tensor, kept: Tensor | None) -> Tensor:
        outputs = at.shape[2]
        flags = None if kept is None else kept.reshape(columns.shape[1], outputs, inputs)
        if places == 1:
            squares = torch.einsum("ngo,ngi->goi", at[..., 0].square(), columns[..., 0].square())
            return double(squares if flags is None else squares * flags).sum()
        if flags is None and places * (inputs + outputs) < inputs * outputs:
            if not inner:
                inner.append(columns.mT @ columns)
            return double((at.mT @ at) * inner[0]).sum()
        return _made(at, columns, flags)

    def sums(at: Tensor) -> dict[str, Tensor]:
        at = arrange(at)
        made = {"weight": lambda kept: weight(at, kept), "bias": lambda kept: _kept(at.sum(3).flatten(1), kept)}
        return {name: made[name](kept) for name, kept in wanted.items()}

    return sums


def _made(at: Tensor, columns: Tensor, flags: Tensor | None) -> Tensor:
    """Return the sum of squares of δ Xᵀ, made for some images at once."""
    each = columns.shape[1] * at.shape[2] * columns.shape[2]
    step = max(1, AT_ONCE.get(at.device.type, IN_A_CACHE) // each)
    total = torch.zeros((), dtype=torch.float64, device=at.device)
    for start in range(0, len(at), step):
        squares = (at[start : start + step] @ columns[start : start + step].mT).square_()
        total = total + double(squares.sum(0) if flags is None else squares.sum(0).mul_(flags)).sum()
    return total


def _kept(gradients: Tensor, kept: Tensor | None) -> Tensor:
    """Return the sum of squares over images and kept weights; gradients: (images, weights)."""
    squares = double(gradients).square().sum(0)
    return (squares if kept is None else squares * kept.reshape(-1)).sum()
