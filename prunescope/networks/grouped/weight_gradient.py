"""The weight gradient of many narrow convolutions on a GPU: several as one wide one, of which blocks are kept.

cuDNN computes the weight gradient of a grouped convolution of few channels a dozen times as slowly as memory would
allow: its time goes with the pixels, not with the products. A group of 64 channels takes the products of all its
channels with each other, on the tensor cores (TF32); where it holds m models, m of the m² blocks are theirs, and
the others, of one model's inputs with another's outputs, are thrown away.

Microseconds on an H200, K models, from their own groups to merged ones (benchmarks/gpu_rows/weight_gradient.py):
16 channels on 32×32, batch 128, K = 12: 582 to 339; 32 on 16×16: 279 to 177; 16 to 32, stride 2: 499 to 236; 3 to 16:
488 to 183. 8 on 8×8, batch 32, K = 48: 48 to 26; 16 on 4×4: 53 to 16; 32 on 2×2: 116 to 16. Without TF32, and for other
widths than 64, it is slower as often as not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from prunescope.networks.precision import allows_tf32_convolutions

if TYPE_CHECKING:
    from torch import Tensor

WIDE_GROUP = 64
"""Channels of a merged group."""

NARROW_GROUP = 8
"""Input channels below which the output channels decide: those of images."""

TENSOR_CORES = (8, 0)
"""Compute capability from which a GPU has TF32."""


def merged(count: int, *, inputs: int, outputs: int) -> int:
    """Return how many of `count` groups to merge, of so many channels each: a group is then 64 wide; 1 where none can.

    >>> [merged(48, inputs=channels, outputs=channels) for channels in (8, 16, 32, 64)]
    [8, 4, 2, 1]
    >>> merged(12, inputs=3, outputs=16), merged(6, inputs=16, outputs=16)
    (4, 1)
    """
    factor = WIDE_GROUP // (outputs if inputs < NARROW_GROUP else inputs)
    return factor if factor > 1 and count % factor == 0 else 1


def pays(x: Tensor, weight: Tensor) -> bool:
    """Whether merging is known to be faster: on a GPU with TF32, which is allowed, for 3×3 kernels."""
    if not x.is_cuda or tuple(weight.shape[2:]) != (3, 3) or x.dtype != torch.float32:
        return False
    if torch.is_autocast_enabled("cuda"):
        return False
    return allows_tf32_convolutions() and torch.cuda.get_device_capability(x.device) >= TENSOR_CORES


class MergedConvolution(torch.autograd.Function):
    """A grouped convolution without bias whose weight gradient comes from merged groups."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, how: tuple[Any, Any, Any], groups: int, factor: int) -> Tensor:  # noqa: ANN401 - torch's own signature
        """Features (batch, groups · inputs, ...) -> (batch, groups · outputs, ...). how: stride, padding, dilation."""
        ctx.save_for_backward(x, weight)
        ctx.how, ctx.groups, ctx.factor = how, groups, factor
        return functional.conv2d(x, weight, None, *how, groups)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:  # noqa: ANN401
        """Return the gradients of features and weights."""
        x, weight = ctx.saved_tensors
        needs_x, needs_weight = ctx.needs_input_grad[:2]
        of_x = _backward(gradient, x, weight, ctx.how, ctx.groups, wanted=0) if needs_x else None
        of_weight = merged_gradient(gradient, x, weight, ctx.how, ctx.groups, ctx.factor) if needs_weight else None
        return of_x, of_weight, None, None, None


def merged_gradient(
    gradient: Tensor, x: Tensor, weight: Tensor, how: tuple[Any, Any, Any], groups: int, factor: int
) -> Tensor:
    """Return the gradient of the weights of a grouped convolution, `factor` groups merged.

    gradient: of the output. Formula: a group of m models has the gradient Σ g_i ⋆ x_j of every pair of a model's
    outputs and a model's inputs; the blocks i = j are those of the models.
    """
    outputs, inputs = len(weight) // groups, weight.shape[1]
    wide = weight.new_empty((len(weight), factor * inputs, *weight.shape[2:]))
    layout = torch.channels_last if weight.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    wide = wide.contiguous(memory_format=layout)
    found = _backward(gradient, x, wide, how, groups // factor, wanted=1)
    pairs = torch.unflatten(torch.unflatten(found, 0, (-1, factor, outputs)), 3, (factor, inputs))
    own = pairs.diagonal(dim1=1, dim2=3).movedim(-1, 1)
    kept = torch.empty_like(weight)
    torch.unflatten(kept, 0, (-1, factor, outputs)).copy_(own)
    return kept


def _backward(
    gradient: Tensor, x: Tensor, weight: Tensor, how: tuple[Any, Any, Any], groups: int, *, wanted: int
) -> Tensor:
    stride, padding, dilation = (list(each) for each in how)
    mask, transposed = [wanted == place for place in range(3)], False
    found: Tensor = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, stride, padding, dilation, transposed, [0, 0], groups, mask
    )[wanted]
    return found
