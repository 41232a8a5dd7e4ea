"""What a checkpoint says of its data: the input, the transforms, the data set's name."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from timm.models import get_pretrained_cfg, is_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.networks.models import JSON

TEXTS = ("interpolation", "crop_mode", "dataset", "data_dir", "data")
NUMBERS = ("crop_pct",)
TUPLES = ("mean", "std", "input_size")

Normalization = tuple[tuple[float, ...], tuple[float, ...]]


def read_data(settings: Mapping[str, Any], *, timm_name: str) -> dict[str, JSON] | None:
    """Return data set and transforms as `settings` (timm's arguments or pretrained_cfg) give them; None: nothing.

    timm_name: the architecture, where timm's own scripts trained it: what they were not told they take from it.
    """
    found: dict[str, JSON] = {}
    for name in (*TEXTS, *NUMBERS, *TUPLES):
        value = settings.get(name)
        if isinstance(value, list | tuple) and name in TUPLES and all(isinstance(item, int | float) for item in value):
            found[name] = list(value)
        elif (value and isinstance(value, str)) if name in TEXTS else isinstance(value, float | int):
            found[name] = value
    if timm_name and is_model(timm_name.partition(".")[0]):
        config = get_pretrained_cfg(timm_name, allow_unregistered=True)
        defaults = {} if config is None else asdict(config)
        for name in ("mean", "std", "interpolation", "crop_pct"):
            value = defaults.get(name)
            if name not in found and value is not None:
                found[name] = list(value) if isinstance(value, tuple) else value
    return found or None


def normalization(data: Mapping[str, JSON] | None) -> Normalization | None:
    """Return mean and standard deviation per channel, where both are known."""
    mean, std = ((data or {}).get(name) for name in ("mean", "std"))
    if not isinstance(mean, list) or not isinstance(std, list) or len(mean) != len(std):
        return None
    return tuple(float(str(item)) for item in mean), tuple(float(str(item)) for item in std)


def image_size(settings: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return (height, width) in pixels from input_size (channels, height, width) or img_size; None: not said."""
    size = settings.get("input_size")
    if isinstance(size, list | tuple) and len(size) == 3:
        return int(size[1]), int(size[2])
    side = settings.get("img_size")
    if isinstance(side, int) and side > 0:
        return side, side
    return (int(side[0]), int(side[1])) if isinstance(side, list | tuple) and len(side) == 2 else None
