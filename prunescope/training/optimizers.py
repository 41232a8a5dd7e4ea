"""Optimisers, made for the parameters of one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that ask for a gradient; UsageError where there are none."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        raise UsageError(
            f"{type(model).__name__} has no trainable parameters",
            fix="give a model with parameters and set requires_grad on those to train",
        )
    return parameters


def sgd(
    model: nn.Module, *, learning_rate: float, momentum: float, weight_decay: float, nesterov: bool
) -> torch.optim.SGD:
    """Return SGD over all trainable parameters; weight decay acts on all of them, norms and biases too, as in 3R.

    One fused call updates all parameters: a third of the time of a loop over the tensors of a small net.
    """
    if nesterov and not momentum:
        raise UsageError("nesterov requires momentum, got momentum 0", fix="set momentum, for example 0.9")
    parameters = trainable(model)
    fused = all(p.is_floating_point() and p.device.type in {"cpu", "cuda"} for p in parameters)
    return torch.optim.SGD(
        parameters, lr=learning_rate, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov, fused=fused
    )


def by_name(
    model: nn.Module, name: str, *, learning_rate: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Return the optimiser that timm calls `name`, as timm's train.py makes it: no weight decay on norms and biases.

    Raises:
        UsageError: timm has no such optimiser, or it cannot work with these values.
    """
    trainable(model)
    try:
        return create_optimizer_v2(model, opt=name, lr=learning_rate, momentum=momentum, weight_decay=weight_decay)
    except Exception as error:  # timm has no error class of its own: each optimiser checks its values its own way
        raise UsageError(
            f"timm cannot make the optimiser '{name}': {error}",
            fix="name one that timm.optim has, for example adamw, sgd, lamb, lion, nadamw",
        ) from error


@torch.no_grad()
def restore_optimizer(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> None:
    """Load the state of an optimiser, each tensor in the memory format of its weight: fused steps rely on it.

    Where a recorded step has made the tensors of its state already, they keep their place.
    """
    made = dict(optimizer.state)
    rates = [group["lr"] for group in optimizer.param_groups]
    optimizer.load_state_dict(dict(saved))
    for weight, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, torch.Tensor) and value.shape == weight.shape:
                place = made.get(weight, {}).get(name)
                fresh = torch.empty_like(weight, dtype=value.dtype) if place is None else place
                values[name] = fresh.copy_(value)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(rate, torch.Tensor):  # a recorded step reads it there
            group["lr"] = rate
