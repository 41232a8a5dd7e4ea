"""Layers that multiply by other numbers than they store: a mask on what they store removes nothing.

A weight-standardised convolution subtracts the mean of each filter, so that a stored zero takes part as -mean / std. A
parametrized layer (weight norm, spectral norm) computes its weight from parameters of other names.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from prunescope.api.errors import UsageError
from prunescope.networks.products import Product, watched

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from torch import Tensor

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def computed(module: nn.Module, name: str) -> str:
    """Return why the weight `name` of a layer is not what it multiplies by; empty where it is.

    >>> computed(nn.Linear(2, 2), "weight"), computed(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), "weight")
    ('', 'computed by the parametrization _WeightNorm')
    """
    if name not in module._parameters:  # noqa: SLF001 - what a parametrization removes
        return _parametrization(module, name)
    return (
        ""
        if _keeps_zeros(module)
        else f"not what {type(module).__name__} multiplies by: zeros in it are not zeros there"
    )


def refuse_computed(reasons: Mapping[str, str], names: Collection[str] | None = None) -> None:
    """Raise UsageError for the first weight that has a reason, of those named (None: of all)."""
    for name, reason in reasons.items():
        if names is None or name in names:
            raise UsageError(
                f"the weight '{name}' is {reason}; a mask on it would not hold where it is multiplied",
                fix="fold the computation into plain weights (torch.nn.utils.parametrize.remove_parametrizations, "
                "remove_weight_norm; a plain convolution with the standardised weights), or leave that layer out "
                "(--no-linear, --no-first, --no-last)",
            )


def size(module: nn.Module) -> int:
    """Return the number of weights of a convolution or linear layer, also where its weight is computed."""
    if isinstance(module, CONVOLUTIONS):
        return module.out_channels * module.in_channels // module.groups * math.prod(module.kernel_size)
    return module.in_features * module.out_features if isinstance(module, nn.Linear) else 0


def _parametrization(module: nn.Module, name: str) -> str:
    from torch.nn.utils import parametrize

    if parametrize.is_parametrized(module, name):
        steps = module.parametrizations[name]  # type: ignore[index]
        return f"computed by the parametrization {', '.join(type(step).__name__ for step in steps)}"
    hooks = module._forward_pre_hooks.values()  # noqa: SLF001 - the old weight_norm and spectral_norm live there
    owner = next((type(hook).__name__ for hook in hooks if getattr(hook, "name", name) == name), "a hook")
    return f"computed by {owner}" if size(module) else ""


def _keeps_zeros(layer: nn.Module) -> bool:
    """Whether zeros among the stored weights are zeros where they are multiplied, tried on random inputs.

    True for torch's own layers, and where it cannot be tried.
    """
    weight = layer._parameters.get("weight")  # noqa: SLF001 - a lazy layer's is not to be materialised
    if weight is None or weight.is_meta or isinstance(weight, nn.UninitializedParameter) or not _overrides(layer):
        return True
    try:
        return _zeros_stay(copy.deepcopy(layer).eval())
    except Exception:  # noqa: BLE001 - a foreign layer may require other inputs
        return True


def _overrides(layer: nn.Module) -> bool:
    for base in (*CONVOLUTIONS, nn.Linear):
        if isinstance(layer, base):
            names = ("forward", "_conv_forward") if base is not nn.Linear else ("forward",)
            return any(getattr(type(layer), name) is not getattr(base, name) for name in names)
    return False


def _zeros_stay(layer: nn.Module) -> bool:
    weight = layer.weight
    assert isinstance(weight, nn.Parameter)  # noqa: S101 - for the type checker; _keeps_zeros saw to it
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand(weight.shape, generator=generator)
    weight.data = torch.where(drawn < 0.5, 0.0, drawn).to(weight)
    kept = int(weight.count_nonzero())
    operands: list[Tensor] = []

    def see(product: Product) -> None:
        operands.extend(one for one in (product.first, product.second) if one.numel() == weight.numel())

    inputs = _inputs(layer, generator).to(weight)
    with watched(see):
        layer(inputs)
    return not operands or any(int(one.count_nonzero()) <= kept for one in operands)


def _inputs(layer: nn.Module, generator: torch.Generator) -> Tensor:
    """Return three random inputs of a layer."""
    if isinstance(layer, nn.Linear):
        return torch.rand(3, layer.in_features, generator=generator) + 1
    assert isinstance(layer, CONVOLUTIONS)  # noqa: S101 - for the type checker
    reach = [(kernel - 1) * step + 3 for kernel, step in zip(layer.kernel_size, layer.dilation, strict=True)]
    return torch.rand(3, layer.in_channels, *reach, generator=generator) + 1
