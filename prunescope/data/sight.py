"""How images are seen: what a checkpoint records of it as options of the data set, and the line that reports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import count_text
from prunescope.data.memory import InMemorySplit
from prunescope.data.stream import SequentialSplit, StreamSplit
from prunescope.data.vision import GREY_MEAN, GREY_STD, SMALL_SIDE, usual_crop

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from prunescope.api import Data

    Json = Any

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

MINE = "prunescope's default"

ASKED = "--data"

INTERPOLATIONS = ("bilinear", "bicubic", "nearest", "lanczos")

CROP_MODES = ("center", "squash", "border")

TOGETHER = (("mean", "std"), ("image_size", "image_height"))
"""Options of which one alone means nothing: where a person gives one, the checkpoint's other does not count."""

UNHEEDED = {
    "cutmix": "CutMix (alpha {})",
    "auto_augment": "automatic augmentation ({})",
    "color_jitter": "colour jitter ({})",
    "random_erasing": "random erasing (probability {})",
    "grayscale": "random grey images (probability {})",
    "blur": "random blur (probability {})",
    "vflip": "vertical flips (probability {})",
    "aug_splits": "{} augmentation splits",
    "aug_repeats": "{} repeats of each image in an epoch",
    "jsd_loss": "the Jensen-Shannon loss",
    "bce_loss": "the binary cross-entropy loss",
    "drop": "dropout ({})",
    "drop_path": "stochastic depth (drop-path {})",
    "drop_block": "DropBlock ({})",
    "clip_grad": "gradient clipping ({})",
    "model_ema": "a moving average of the weights (EMA)",
}
"""What a training may have done that retraining does not."""

RATIO = (3 / 4, 4 / 3)
"""Width by height, from and to, of random crops of streamed images."""

CLOSE = 0.01

OF_IMAGES = ("auto_augment", "color_jitter", "random_erasing", "grayscale", "blur", "vflip", "aug_splits")
"""Those that a training without augmentation did not do, whatever its other settings are."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """The options of a data set that the settings of a checkpoint give."""

    options: Mapping[str, Json] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    """Option -> where its value was read."""
    refused: tuple[str, ...] = ()
    """Settings that no option can carry, a sentence each."""


def settle(settings: Mapping[str, Json] | None, *, known: Collection[str], given: Collection[str] = ()) -> Settled:
    """Return the settings of a checkpoint as options of a data set.

    settings: as `networks.checkpoints.transforms.read_data` returns them, or the data set of a recipe (a run of ours
    records how its images were seen by the options of its data). known: the options that the data set has. given: those
    that a person gave, which go before.
    """
    settings = settings or {}
    if isinstance(settings.get("options"), Mapping):
        options = {name: value for name, value in settings["options"].items() if name in LOOK}
        origins = dict.fromkeys(options, "its training")
        refused: tuple[str, ...] = ()
    else:
        options, refused = _options(settings, given)
        recorded = settings.get("origins") or {}
        origins = {name: _origin(recorded, name) for name in options}
    taken = set(given) | {name for pair in TOGETHER if set(pair) & set(given) for name in pair}
    kept = {name: value for name, value in options.items() if name in known and name not in taken}
    return Settled(options=kept, origins={name: origins[name] for name in kept}, refused=refused)


def _origin(recorded: Mapping[str, str], name: str) -> str:
    """Return where an option was read: that of flips and crops with the setting that turns them off, where one does."""
    off = recorded.get("no_aug", "the checkpoint") if name in OF_TRAINING else "the checkpoint"
    return str(recorded.get(SETTING_OF.get(name, name), off))


OF_TRAINING = ("flip", "crop_padding", "scale_min")

LOOK = (
    "image_size",
    "image_height",
    "in_chans",
    "mean",
    "std",
    "interpolation",
    "crop_pct",
    "crop_mode",
    "crop_padding",
    "scale_min",
    "flip",
    "class_order",
    "class_level",
    "classes",
)
"""The options of `data.datasets.Timm` for how images are seen, and which class is which label."""

SETTING_OF = {"image_height": "image_size", "flip": "hflip", "crop_padding": "no_aug", "scale_min": "scale"}
"""Option -> the setting it follows from, where the names differ."""


def _options(settings: Mapping[str, Json], given: Collection[str]) -> tuple[dict[str, Json], tuple[str, ...]]:
    found: dict[str, Json] = {}
    refused = []
    if "image_size" in settings:
        height, width = settings["image_size"]
        found |= {"image_size": width} | ({"image_height": height} if height != width else {})
    for name, allowed in (("interpolation", INTERPOLATIONS), ("crop_mode", CROP_MODES)):
        value = settings.get(name)
        if value in allowed:
            found[name] = value
        elif value not in (None, "random"):
            refused.append(f"{name.replace('_', ' ')} {value!r} is none of {', '.join(allowed)}")
    crop = float(settings.get("crop_pct") or 0)
    if 0 < crop <= 1:
        found["crop_pct"] = crop
    elif crop:
        refused.append(f"crop_pct {crop:g} is not from 0 to 1")
    if "mean" in settings and "std" in settings:
        found |= {"mean": settings["mean"], "std": settings["std"]}
    if settings.get("class_map") and "classes" not in given:
        refused.append(f"class map {settings['class_map']!r} (a file: give it as classes=FILE behind --data)")
    return found | _augmentation(settings), tuple(refused)


def _augmentation(settings: Mapping[str, Json]) -> dict[str, Json]:
    """Return the flips and crops of training; without augmentation it saw what measuring sees."""
    if settings.get("no_aug"):
        return {"flip": False, "crop_padding": 0, "scale_min": 1.0}
    found: dict[str, Json] = {}
    if settings.get("hflip") is not None:
        found["flip"] = float(settings["hflip"]) > 0
    least = (settings.get("scale") or [None])[0]
    if least is not None and 0 < least <= 1:
        found["scale_min"] = float(least)
        if least == 1:
            found["crop_padding"] = 0
    return found


def unheeded(settings: Mapping[str, Json] | None, data: Data | None = None) -> tuple[str, ...]:
    """Return what the training did that a retraining by prunescope's trainers does not, a phrase each.

    data: what the retraining sees, where it is known.

    >>> unheeded({"cutmix": 1.0, "color_jitter": 0.4, "no_aug": True})
    ('CutMix (alpha 1)',)
    """
    settings = settings or {}
    least = {"aug_repeats": 1, "aug_splits": 1}
    skipped = (
        (*OF_IMAGES, "hflip") if settings.get("no_aug") else ("color_jitter",) if _jitter_replaced(settings) else ()
    )
    found = [
        phrase.format(f"{settings[name]:g}" if isinstance(settings[name], int | float) else settings[name])
        for name, phrase in UNHEEDED.items()
        if name not in skipped and _is_on(settings.get(name), least.get(name, 0))
    ]
    flip = settings.get("hflip")
    if "hflip" not in skipped and isinstance(flip, float) and flip not in (0.0, 0.5, 1.0):
        found.append(f"flips with probability {flip:g} (here one half)")
    trained, seen = settings.get("train_crop_size"), settings.get("image_size")
    if trained and seen and [trained, trained] != list(seen):
        found.append(f"training at {count_text(trained, 'pixel')} (here {seen[0]})")
    return (*found, *_other_crops(settings, data))


def _other_crops(settings: Mapping[str, Json], data: Data | None) -> Iterator[str]:
    """Yield a phrase for each way in which the training cropped, and the retraining does not."""
    least = 1.0 if settings.get("no_aug") else float((settings.get("scale") or [1])[0])
    if not 0 < least < 1:
        return
    if data is not None and isinstance(data.train, InMemorySplit):
        here = "out of a border; in_memory=never behind --data repeats them"
        yield f"random crops from {least:g} of the image (here {here})"
        return
    ratio = settings.get("ratio")
    if ratio and any(abs(one - usual) > CLOSE for one, usual in zip(ratio, RATIO, strict=True)):
        yield "random crops of a width of {:.3g} to {:.3g} heights (here 0.75 to 1.33)".format(*ratio)
    if settings.get("train_crop_mode") not in (None, "rrc"):
        yield f"random crops by timm's {settings['train_crop_mode']}"


def _jitter_replaced(settings: Mapping[str, Json]) -> bool:
    """Whether automatic augmentation takes the place of colour jitter, as in timm."""
    return bool(settings.get("auto_augment"))


def _is_on(value: object, least: float) -> bool:
    return value > least if isinstance(value, int | float) else bool(value)


def describe_sight(
    data: Data, options: Mapping[str, Json], *, origins: Mapping[str, str], given: Collection[str] = ()
) -> str:
    """Return one line on how images are seen, and where each setting was read.

    options: all of the data set's, defaults included.
    """

    def whence(name: str, otherwise: str = MINE) -> str:
        return ASKED if name in given else origins.get(name, otherwise)

    height, width = data.image_size
    small = max(height, width) <= SMALL_SIDE
    mean, std = _moments(data, options)
    own = "the training images" if isinstance(data.train, InMemorySplit) else "ImageNet's"
    crop, mode = options["crop_pct"] or usual_crop(height, width), options["crop_mode"]
    grey = [("grey", whence("in_chans", "the images"))] if data.in_chans == 1 else []
    parts = [
        (f"{width}x{height}", whence("image_size", "the images" if small else MINE)),
        *grey,
        (f"mean {_numbers(mean)}, std {_numbers(std)}", whence("mean", own)),
        (options["interpolation"], whence("interpolation")),
        (f"{'centre crop of' if mode == 'center' else mode} {crop:.4g}", whence("crop_pct")),
        ("flips" if options["flip"] else "no flips", whence("flip")),
        _crops(data, options, whence),
    ]
    grouped = [(origin, [text for text, _ in group]) for origin, group in groupby(parts, key=itemgetter(1))]
    return "images: " + "; ".join(f"{', '.join(texts)} ({origin})" for origin, texts in grouped)


def list_preparation(data: Data, options: Mapping[str, Json]) -> dict[str, Json]:
    """Return how images are prepared for measuring, in timm's keys: `input_size`, and the rest where it is known.

    options: all of the data set's, defaults included.
    """
    found: dict[str, Json] = {"input_size": [data.in_chans, *data.image_size]}
    is_timm = options.keys() >= set(LOOK)
    if not is_timm and not isinstance(data.train, InMemorySplit):
        return found
    mean, std = _moments(data, options)
    found |= {"mean": list(mean), "std": list(std)}
    if not is_timm:
        return found
    crop = options["crop_pct"] or usual_crop(*data.image_size)
    return found | {"interpolation": options["interpolation"], "crop_pct": crop, "crop_mode": options["crop_mode"]}


def _crops(data: Data, options: Mapping[str, Json], whence: Callable[[str], str]) -> tuple[str, str]:
    if isinstance(data.train, StreamSplit | SequentialSplit):
        least = options["scale_min"]
        return ("no random crops" if least == 1 else f"random crops from {least:g} of the image"), whence("scale_min")
    padding = options["crop_padding"]
    described = f"random crops out of a border of {count_text(padding, 'pixel')}" if padding else "no random crops"
    return described, whence("crop_padding")


def _moments(data: Data, options: Mapping[str, Json]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if isinstance(data.train, InMemorySplit):
        return data.train.mean, data.train.std
    if options["mean"]:
        return tuple(options["mean"]), tuple(options["std"])
    return ((GREY_MEAN,), (GREY_STD,)) if data.in_chans == 1 else IMAGENET


def _numbers(values: tuple[float, ...]) -> str:
    """Return one number where all channels have it.

    >>> _numbers((0.5, 0.5, 0.5)), _numbers((0.485, 0.456, 0.406))
    ('0.5', '0.485 0.456 0.406')
    """
    texts = [f"{value:.3g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else " ".join(texts)
