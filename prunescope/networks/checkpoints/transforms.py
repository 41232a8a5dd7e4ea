"""What a checkpoint records of its data: the transforms of its images, the data set's name, the order of its classes.

The names are timm's, whatever the program called them: `image_size` [height, width] in pixels, `mean` and `std` per
channel of pixels in [0, 1], `interpolation`, `crop_pct`, `crop_mode`, `hflip`, ...; `origins` has where each was read.
"""

from __future__ import annotations

from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from timm.models import get_pretrained_cfg, is_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.networks.models import JSON

NAMES: dict[str, tuple[str, ...]] = {
    "mean": ("mean", "image_mean", "img_mean", "norm_mean"),
    "std": ("std", "image_std", "img_std", "norm_std"),
    "interpolation": ("interpolation",),
    "crop_pct": ("crop_pct",),
    "crop_mode": ("crop_mode",),
    "hflip": ("hflip", "hflip_prob", "horizontal_flip", "flip"),
    "vflip": ("vflip", "vflip_prob", "vertical_flip"),
    "no_aug": ("no_aug", "no_augment"),
    "scale": ("scale",),
    "ratio": ("ratio",),
    "train_crop_mode": ("train_crop_mode",),
    "color_jitter": ("color_jitter",),
    "auto_augment": ("aa", "auto_augment"),
    "random_erasing": ("reprob", "random_erase", "random_erasing"),
    "grayscale": ("grayscale_prob",),
    "blur": ("gaussian_blur_prob",),
    "mixup": ("mixup", "mixup_alpha"),
    "cutmix": ("cutmix", "cutmix_alpha"),
    "aug_repeats": ("aug_repeats",),
    "aug_splits": ("aug_splits",),
    "jsd_loss": ("jsd_loss",),
    "bce_loss": ("bce_loss",),
    "drop": ("drop",),
    "drop_path": ("drop_path", "drop_connect"),
    "drop_block": ("drop_block",),
    "model_ema": ("model_ema",),
    "clip_grad": ("clip_grad", "clip_grad_norm", "gradient_clip_val"),
    "train_crop_size": ("train_crop_size",),
    "dataset": ("dataset",),
    "data_dir": ("data_dir",),
    "data": ("data",),
    "class_map": ("class_map",),
}
"""Our name -> the names programs give it."""

WORDS = ("interpolation", "crop_mode", "train_crop_mode", "auto_augment", "dataset", "data_dir", "data", "class_map")

PAIRS = ("mean", "std", "scale", "ratio")

SQUARES = ("img_size", "image_size", "val_crop_size", "crop_size", "imgsz", "resolution")
"""Names of a side in pixels, or of (height, width)."""

CLASSES = ("class_to_idx", "idx_to_class", "classes", "class_names", "label_names", "id2label")
"""Names of the classes in the order of their labels, or labels by name, or names by label."""

INSIDE = ("data", "dataset", "datamodule", "transform", "transforms", "augmentation", "preprocessing")
"""Settings that hold settings of the data."""

TIMM_DEFAULTS = ("mean", "std", "interpolation", "crop_pct", "crop_mode")

GENERIC: dict[str, JSON] = {
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "interpolation": "bicubic",
    "crop_pct": 0.875,
    "image_size": [224, 224],
}
"""What timm takes for a network of config.json that leaves it out (timm.data.resolve_data_config)."""

TORCHVISION: dict[str, JSON] = {
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "interpolation": "bilinear",
    "hflip": 0.5,
    "scale": [0.08, 1.0],
}
"""What references/classification/presets.py of torchvision does by default."""

PREPROCESSOR = "preprocessor_config.json"

PREPARED = ("mean", "std", "interpolation", "crop_pct", "crop_mode")

NOT_PREPARED: Mapping[str, Any] = MappingProxyType({})

LEVELS = 2
"""Means and deviations above this are of grey levels 0 to 255, not of pixels in [0, 1]."""

Normalization = tuple[tuple[float, ...], tuple[float, ...]]


def read_data(
    settings: Mapping[str, Any], *, timm_name: str, source: str = "args", preparation: Mapping[str, Any] = NOT_PREPARED
) -> dict[str, JSON] | None:
    """Return what `settings` (arguments of a training program, or a pretrained_cfg) hold of the data; None: nothing.

    timm_name: the architecture, where timm's own scripts trained it: what they are not given they take from it.
    source: where the settings were read, for `origins`. preparation: what a preprocessor_config.json says, which counts
    where the settings say nothing.
    """
    flat, more = _flattened(settings), _flattened(preparation)
    found: dict[str, JSON] = {}
    for ours, theirs in NAMES.items():
        value = next((value for name in theirs if (value := _value(ours, flat.get(name))) is not None), None)
        if value is not None:
            found[ours] = value
    classes = _classes(flat)
    if classes is not None:
        found["classes"] = classes
    size = image_size(flat)
    if size is not None:
        found["image_size"] = list(size)
    found |= _reference_crop(flat)
    _scale_levels(found)
    origins: dict[str, JSON] = dict.fromkeys(found, source)
    for name, given in _prepared(more).items():
        if name not in found:
            found[name], origins[name] = given, PREPROCESSOR
    for name, (default, origin) in _defaults(flat, timm_name, source).items():
        if name not in found:
            found[name], origins[name] = default, origin
    return {**found, "origins": origins} if found else None


def _prepared(flat: Mapping[str, Any]) -> dict[str, JSON]:
    """Return what a preprocessor_config.json says, in our names."""
    found: dict[str, JSON] = {}
    for name in PREPARED:
        value = _value(name, flat.get(name))
        if value is not None:
            found[name] = value
    size = image_size(flat)
    if size is not None:
        found["image_size"] = list(size)
    found |= _reference_crop(flat)
    _scale_levels(found)
    return found


def normalization(data: Mapping[str, JSON] | None) -> Normalization | None:
    """Return mean and standard deviation per channel, where both are known."""
    mean, std = ((data or {}).get(name) for name in ("mean", "std"))
    if not isinstance(mean, list) or not isinstance(std, list) or len(mean) != len(std):
        return None
    return tuple(float(str(item)) for item in mean), tuple(float(str(item)) for item in std)


def image_size(settings: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return (height, width) in pixels from input_size (channels, height, width), img_size, ...; None: not given."""
    size = settings.get("input_size")
    if isinstance(size, list | tuple) and len(size) == 3 and all(map(_is_side, size)):
        return int(size[1]), int(size[2])
    return next((found for name in SQUARES if (found := _sides(settings.get(name))) is not None), None)


def _sides(value: object) -> tuple[int, int] | None:
    """Return (height, width) from one side, or from both."""
    if isinstance(value, int) and _is_side(value):
        return value, value
    if isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_side, value)):
        return int(value[0]), int(value[1])
    return None


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _flattened(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings, and before them those inside: what lies outside counts."""
    inside = [settings[name] for name in INSIDE if isinstance(settings.get(name), dict)]
    return {**{key: value for one in inside for key, value in one.items() if isinstance(key, str)}, **settings}


def _value(name: str, value: object) -> JSON:
    """Return a setting as JSON where it is of the kind that its name asks for; None for anything else."""
    if name in WORDS:
        text = value if isinstance(value, str) and value else None
        return text.rpartition(".")[2].lower() if text and name == "interpolation" else text
    if name in PAIRS:
        one = isinstance(value, int | float) and not isinstance(value, bool) and name in ("mean", "std")
        items = [value] if one else list(value) if isinstance(value, list | tuple) else []
        numbers = [item for item in items if isinstance(item, int | float) and not isinstance(item, bool)]
        return list(numbers) if numbers and len(numbers) == len(items) else None
    if isinstance(value, list | tuple) and name == "color_jitter" and value:
        return max((item for item in value if isinstance(item, int | float)), default=None)
    return value if isinstance(value, int | float) else None


def _classes(settings: Mapping[str, Any]) -> list[JSON] | None:
    """Return the names of the classes in the order of their labels, 0 first and none left out; None: not given.

    >>> _classes({"class_to_idx": {"bee": 1, "ant": 0}}), _classes({"classes": 10})
    (['ant', 'bee'], None)
    """
    for value in map(settings.get, CLASSES):
        if isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value):
            return list(value)
        if not isinstance(value, dict) or not value:
            continue
        if all(isinstance(name, str) and isinstance(label, int) for name, label in value.items()):
            labels = {label: name for name, label in value.items()}
        elif all(str(label).isdecimal() and isinstance(name, str) for label, name in value.items()):
            labels = {int(label): name for label, name in value.items()}
        else:
            continue
        if sorted(labels) == list(range(len(value))):
            return [labels[label] for label in sorted(labels)]
    return None


def _reference_crop(settings: Mapping[str, Any]) -> dict[str, JSON]:
    """Return the share that torchvision's references show: images are resized to one side and cropped to another."""
    resized, crop = settings.get("val_resize_size"), settings.get("val_crop_size")
    if not isinstance(resized, int) or not isinstance(crop, int) or not 0 < crop <= resized:
        return {}
    share = crop / resized
    # timm rounds side / share down: the nearest share that gives back the side that images are resized to
    return {"crop_pct": share if int(crop / share) == resized else crop / (resized + 0.5)}


def _scale_levels(found: dict[str, JSON]) -> None:
    """Divide mean and standard deviation in grey levels by 255."""
    values = normalization(found)
    if values is not None and max(*values[0], *values[1]) > LEVELS:
        for name, numbers in zip(("mean", "std"), values, strict=True):
            found[name] = [number / 255 for number in numbers]


def _defaults(settings: Mapping[str, Any], timm_name: str, source: str) -> dict[str, tuple[JSON, str]]:
    """Return what the program takes where it is not given, and whose default it is."""
    if "val_crop_size" in settings:
        return {name: (value, "torchvision's reference") for name, value in TORCHVISION.items()}
    if source == "config.json":
        return {name: (value, "timm's default") for name, value in GENERIC.items()}
    if not timm_name or not is_model(timm_name.partition(".")[0]):
        return {}
    config = get_pretrained_cfg(timm_name, allow_unregistered=True)
    known: dict[str, Any] = {} if config is None else asdict(config)
    found = {name: known[name] for name in TIMM_DEFAULTS if known.get(name) is not None}
    size = known.get("input_size")
    sized = {**found, "image_size": size[1:]} if size else found
    origin = f"timm's default for {timm_name}"
    return {name: (list(value) if isinstance(value, list | tuple) else value, origin) for name, value in sized.items()}
