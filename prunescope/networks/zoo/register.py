"""Register a network with timm under a name, as timm's own model files do for theirs."""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

CIFAR10: Mapping[str, Any] = MappingProxyType(
    {
        "url": "",
        "num_classes": 10,
        "input_size": (3, 32, 32),
        "pool_size": None,
        "crop_pct": 1.0,
        "interpolation": "bilinear",
        "mean": (0.4914, 0.4822, 0.4465),
        "std": (0.2470, 0.2435, 0.2616),
    }
)
"""What timm requires of a network: here the input and classes of CIFAR-10, and no weights."""


def register(
    name: str,
    build: Callable[..., nn.Module],
    *,
    family: str,
    first: str,
    last: str,
    fixed_input_size: bool = False,
) -> None:
    """Let `timm.create_model(name, ...)` call `build(num_classes=..., in_chans=..., ...)`.

    family: the module (`__name__`) the network belongs to. first, last: names of its first and last layer.
    fixed_input_size: whether `build` needs img_size.
    """
    module = sys.modules[family]
    config = {"first_conv": first, "classifier": last, "fixed_input_size": fixed_input_size, **CIFAR10}
    configs = generate_default_cfgs({name: config})
    vars(module).setdefault("default_cfgs", {}).update(configs)

    # timm passes whatever its version passes (pretrained_cfg, cache_dir, ...), and build_model_with_cfg sorts it out
    def entry(pretrained: bool = False, **options: Any) -> nn.Module:  # noqa: ANN401, FBT001, FBT002 - timm's protocol
        model: nn.Module = build_model_with_cfg(build, name, pretrained, **options)
        return model

    entry.__name__ = entry.__qualname__ = name
    entry.__module__ = family
    setattr(module, name, register_model(entry))
