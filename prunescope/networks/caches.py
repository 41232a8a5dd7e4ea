"""Networks that keep what they computed from their weights, to be used again at the next call.

timm's LeViT, EfficientFormer, EfficientViT and TinyViT keep their attention biases in eval mode. On a line between two
networks, or as a function of its weights, such a network would use those of another point; and it cannot be copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from torch import nn

WORD = "cache"
"""What the names of such attributes contain."""


class Forgetting:
    """A hook that empties the caches, before and after every call."""

    def __call__(self, module: nn.Module, *_: object) -> None:
        """Empty the caches of the network."""
        empty_caches(module)


def forget_between_calls(model: nn.Module) -> None:
    """Let a network that has caches begin every call without them."""
    if _caches(model):
        model.register_forward_pre_hook(Forgetting())
        model.register_forward_hook(Forgetting())


def empty_caches(model: nn.Module) -> None:
    """Empty every dictionary of computed tensors in a network."""
    for cache in _caches(model):
        cache.clear()


def _caches(model: nn.Module) -> list[dict[object, object]]:
    return [
        value
        for module in model.modules()
        for name, value in vars(module).items()
        if WORD in name and isinstance(value, dict) and all(isinstance(one, Tensor) for one in value.values())
    ]
