"""The layers of a grouped network: K convolutions, BatchNorms or linear layers as one."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from prunescope.networks.grouped.weight_gradient import MergedConvolution, merged, pays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from torch.nn.modules.batchnorm import _BatchNorm


class GroupedConvolution(nn.Module):
    """K convolutions: weight (K · outputs, inputs, height, width)."""

    def __init__(self, one: nn.Conv2d, *, count: int, shared: bool) -> None:
        nn.Module.__init__(self)
        self.weight = _stacked(one.weight, count)
        self.bias = None if one.bias is None else _stacked(one.bias, count)
        self.stride, self.padding, self.dilation = one.stride, one.padding, one.dilation
        self.groups = one.groups if shared else one.groups * count
        channels = {"inputs": self.weight.shape[1], "outputs": len(self.weight) // self.groups}
        numbers = self.bias is None and not isinstance(self.padding, str)
        self.factor = merged(self.groups, **channels) if numbers and not shared else 1

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, K · inputs, ...), or (batch, inputs, ...) if shared -> (batch, K · outputs, ...)."""
        how = (self.stride, self.padding, self.dilation)
        if self.factor > 1 and torch.is_grad_enabled() and pays(x, self.weight):
            found: Tensor = MergedConvolution.apply(x, self.weight, how, self.groups, self.factor)
            return found
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class GroupedLinear(nn.Module):
    """K linear layers: weight (K · outputs, inputs)."""

    def __init__(self, one: nn.Linear, *, count: int) -> None:
        nn.Module.__init__(self)
        self.weight = _stacked(one.weight, count)
        self.bias = None if one.bias is None else _stacked(one.bias, count)
        self.count = count

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, K · inputs) -> (batch, K · outputs)."""
        features = torch.unflatten(x, 1, (self.count, -1)).transpose(0, 1)
        weight = torch.unflatten(self.weight, 0, (self.count, -1)).transpose(1, 2)
        output = torch.bmm(features, weight).transpose(0, 1).flatten(1)
        return output if self.bias is None else output + self.bias


def grouped(one: nn.Module, *, count: int, shared: bool) -> nn.Module:
    """Return the layer that does what `count` copies of `one` do; `shared`: all of them see the same input."""
    if isinstance(one, nn.Conv2d):
        return GroupedConvolution(one, count=count, shared=shared)
    if isinstance(one, nn.Linear):
        return GroupedLinear(one, count=count)
    if isinstance(one, nn.BatchNorm2d | nn.BatchNorm1d):
        return _batchnorm(one, count=count)
    return copy.deepcopy(one)


def repeat(images: Tensor, count: int) -> Tensor:
    """Return `count` copies of the images along the channels."""
    copies = torch.cat([images] * count, dim=1)
    return copies.contiguous(memory_format=torch.channels_last) if images.dim() == 4 else copies


def concatenate(parts: Sequence[Tensor], count: int) -> Tensor:
    """Concatenate the channels of each model with its own.

    >>> a, b = torch.tensor([[1, 2]]), torch.tensor([[10, 11, 20, 21]])
    >>> concatenate([a, b], 2)
    tensor([[ 1, 10, 11,  2, 20, 21]])
    """
    return torch.cat([torch.unflatten(part, 1, (count, -1)) for part in parts], dim=2).flatten(1, 2)


def _batchnorm(one: _BatchNorm, *, count: int) -> nn.Module:
    norm = copy.deepcopy(one)
    norm.num_features *= count
    for name, weight in one.named_parameters():
        setattr(norm, name, _stacked(weight, count))
    for name, buffer in one.named_buffers():
        if buffer.dim():
            setattr(norm, name, buffer.repeat(count))
    return norm


def _stacked(weight: Tensor, count: int) -> nn.Parameter:
    """Return room for `count` of a parameter along dimension 0."""
    return nn.Parameter(
        torch.empty((len(weight) * count, *weight.shape[1:]), dtype=weight.dtype, device=weight.device),
        requires_grad=weight.requires_grad,
    )
