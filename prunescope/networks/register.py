"""Register a network with timm under a name, as timm's own model files do for theirs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_STD = (0.2470, 0.2435, 0.2616)


def register(name: str, build: Callable[..., nn.Module], *, family: str, fixed_input_size: bool = False) -> None:
    """Let `timm.create_model(name, ...)` call `build(num_classes=..., in_chans=..., ...)`.

    family: the module (`__name__`) the network belongs to. fixed_input_size: whether `build` needs img_size.
    """
    module = sys.modules[family]
    configs = generate_default_cfgs({name: _config(fixed_input_size=fixed_input_size)})
    vars(module).setdefault("default_cfgs", {}).update(configs)

    # timm passes whatever its version passes (pretrained_cfg, cache_dir, ...), and build_model_with_cfg sorts it out
    def entry(pretrained: bool = False, **options: Any) -> nn.Module:  # noqa: ANN401, FBT001, FBT002 - timm's protocol
        model: nn.Module = build_model_with_cfg(build, name, pretrained, **options)
        return model

    entry.__name__ = entry.__qualname__ = name
    entry.__module__ = family
    setattr(module, name, register_model(entry))


def _config(*, fixed_input_size: bool) -> dict[str, Any]:
    """Return what timm wants to know of a network: here the input and classes of CIFAR-10, and no weights."""
    return {
        "url": "",
        "num_classes": 10,
        "input_size": (3, 32, 32),
        "fixed_input_size": fixed_input_size,
        "pool_size": None,
        "crop_pct": 1.0,
        "interpolation": "bilinear",
        "mean": CIFAR10_MEAN,
        "std": CIFAR10_STD,
    }
