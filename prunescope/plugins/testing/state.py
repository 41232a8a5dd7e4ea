"""What a plugin must leave as it was: weights, buffers, modes, hooks, gradients, data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from prunescope.api import Data, Mask

Snapshot = dict[str, "Tensor | object"]
"""What was seen, by what to call it in a message."""


def of_model(model: nn.Module) -> Snapshot:
    """Return copies of a model's tensors, and the flags of its modules and parameters."""
    seen: Snapshot = {}
    for name, weight in model.named_parameters():
        seen[f"parameter {name!r}"] = weight.detach().clone()
        seen[f"requires_grad of {name!r}"] = weight.requires_grad
        seen[f"the gradient of {name!r}"] = None if weight.grad is None else weight.grad.clone()
    for name, buffer in model.named_buffers():
        seen[f"buffer {name!r}"] = buffer.clone()
    for name, module in model.named_modules():
        seen[f"train/eval mode of {name or 'the model'!r}"] = module.training
        hooks = module._forward_hooks, module._forward_pre_hooks, module._backward_hooks  # noqa: SLF001 - no other way
        seen[f"the hooks of {name or 'the model'!r}"] = sum(map(len, hooks))
    return seen


def of_mask(mask: Mask | None) -> Snapshot:
    """Return copies of a mask's tensors."""
    return {f"the mask of {name!r}": kept.clone() for name, kept in (mask.kept if mask else {}).items()}


def of_data(data: Data) -> Snapshot:
    """Return copies of all images and labels."""
    seen: Snapshot = {}
    for side, split in (("training", data.train), ("test", data.test)):
        parts = list(split.batches(256))
        seen[f"the {side} images"] = torch.cat([images for images, _ in parts])
        seen[f"the {side} labels"] = torch.cat([labels for _, labels in parts])
    return seen


def of_torch() -> Snapshot:
    """Return settings of torch that hold for the whole process."""
    return {
        "torch's grad mode": torch.is_grad_enabled(),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's number of threads": torch.get_num_threads(),
    }


def changed_names(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """Return what differs first between two snapshots, "" where nothing does."""
    for name, value in before.items():
        if name not in after or not _equal(value, after[name]):
            return name
    return next((name for name in after if name not in before), "")


def _equal(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.dtype == other.dtype and one.device == other.device and torch.equal(one, other)
    return type(one) is type(other) and one == other
