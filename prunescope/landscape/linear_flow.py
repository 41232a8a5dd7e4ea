"""A network as the linear, positive flow that SynFlow takes it for: absolute weights, no biases, no activations."""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from prunescope.landscape.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]

ALONG_LAST = (nn.LayerNorm, nn.RMSNorm)


def is_known_norm(module: nn.Module) -> bool:
    """Whether it is a norm whose weight has a known axis; in subclasses of LayerNorm it may lie along another."""
    return isinstance(module, _BatchNorm | nn.GroupNorm) or type(module) in ALONG_LAST


def positive(model: nn.Module) -> nn.Module:
    """Return a copy in float64 (on the CPU where the device has none): absolute parameters, biases zero, eval mode."""
    twin = deepcopy(model).eval()
    twin = (twin.cpu() if any(p.device.type == "mps" for p in model.parameters()) else twin).double()
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            parameter.abs_()
            if name.rpartition(".")[2] == "bias":
                parameter.zero_()
    return twin


@contextmanager
def linear(model: nn.Module, others: Mapping[nn.Module, int | None]) -> Iterator[None]:
    """Let the norms of a positive network scale only, as a linear layer would, while the block runs.

    BatchNorm multiplies by |γ| / √(σ² + ε), with its running variance; the others by |γ|. An activation inside a norm
    is left out: on positive numbers ReLU is the identity. others: norms of other kinds, with the axis of their weight
    (see `norms.other_norms`).
    """
    norms = [module for module in model.modules() if is_known_norm(module)]
    handles = [norm.register_forward_hook(_scaling) for norm in norms]
    handles += [norm.register_forward_hook(partial(_along, axis)) for norm, axis in others.items()]
    try:
        with guarded([model]), torch.enable_grad():
            yield
    finally:
        for handle in handles:
            handle.remove()


def _along(axis: int | None, norm: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
    (flow,) = inputs
    if axis is None:
        return flow
    return flow * cast("Tensor", norm.weight).reshape(-1, *[1] * (flow.dim() - axis - 1))


def _scaling(norm: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
    (flow,) = inputs
    scale = cast("Tensor | None", norm.weight)
    if isinstance(norm, _BatchNorm) and norm.running_var is not None:
        scale = (1.0 if scale is None else scale) * (norm.running_var + norm.eps).rsqrt()
    if scale is None:
        return flow
    return flow * (scale if isinstance(norm, ALONG_LAST) else scale.reshape(-1, *[1] * (flow.dim() - 2)))
