"""A data set opened through timm -> Data: decoded into memory when it is small, streamed when it is large."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from timm.data.config import resolve_data_config
from timm.data.transforms import ToNumpy
from timm.data.transforms_factory import create_transform
from torchvision.transforms import Compose, RandomHorizontalFlip

from prunescope.api import Data
from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text
from prunescope.data.arrays import check_labels
from prunescope.data.decoding import ImageSource, Indexed, Mode, decode
from prunescope.data.inventory import Headers, ImageFolder, read_headers
from prunescope.data.library import Opened, Where, open_splits
from prunescope.data.memory import Augmentation, InMemorySplit, content_digest, in_memory
from prunescope.data.order import mixed
from prunescope.data.stream import Eyes, SequentialSplit, StreamSplit

if TYPE_CHECKING:
    from prunescope.api import Split

SMALL_SIDE = 64
"""Largest side, in pixels, of images that `auto` keeps in memory as they are."""
GREY = frozenset({"1", "L"})
"""Pillow's modes of grey images of 8 bits."""
LOOKED_AT = 16
"""Images that are decoded to find the usual size, where their headers are not files."""
GREY_MEAN, GREY_STD = 0.449, 0.226
"""ImageNet's mean and standard deviation, averaged over the channels, for streamed grey images."""


@dataclass(frozen=True, kw_only=True)
class ImageLook:
    """How images are looked at; None or () where the data decide."""

    image_size: int | None = None
    """Width in pixels, and height where `image_height` is None."""
    image_height: int | None = None
    in_chans: int | None = None
    mean: tuple[float, ...] = ()
    """One per channel; one alone counts for all, and grey images take the mean of three (as timm's loader does)."""
    std: tuple[float, ...] = ()
    interpolation: str = "bicubic"
    crop_pct: float | None = None
    crop_mode: str = "center"
    crop_padding: int = 4
    scale_min: float = 0.08
    flip: bool = True


@dataclass(frozen=True, kw_only=True)
class Keep:
    """Where decoded images are kept."""

    in_memory: Literal["auto", "always", "never"] = "auto"
    memory_limit: int = 1024
    """Megabytes (10^6 bytes) of decoded images that "auto" keeps."""
    workers: int = 0


@dataclass(frozen=True)
class _Shape:
    channels: int
    height: int
    width: int

    @property
    def mode(self) -> Mode:
        return "L" if self.channels == 1 else "RGB"


def load_images(where: Where, look: ImageLook, keep: Keep) -> Data:
    """Open a data set through timm and return both splits, the test split without augmentation."""
    opened = open_splits(where)
    shape = _shape(opened.train, look)
    look = _per_channel(look, shape)
    images = len(opened.train) + len(opened.test)
    fits = max(shape.height, shape.width) <= SMALL_SIDE and images * _pixels(shape) <= keep.memory_limit * 10**6
    if keep.in_memory == "always" or (keep.in_memory == "auto" and fits):
        return _in_memory(where, look, opened, shape)
    return _streamed(where, look, opened, shape, workers=keep.workers)


def _shape(train: ImageSource, look: ImageLook) -> _Shape:
    """Shape of the images: as asked, else that of most images up to 64 pixels, else 224 by 224."""
    headers = _headers(train)
    grey = set(headers.modes) <= GREY and not hasattr(train.dataset, "reader")
    channels = look.in_chans or (1 if grey else 3)
    if look.image_size is not None:
        return _Shape(channels, look.image_height or look.image_size, look.image_size)
    if look.image_height is not None:
        raise UsageError("image_height is given without image_size", fix="give image_size too, which is the width")
    width, height = headers.usual
    if max(width, height) <= SMALL_SIDE:
        return _Shape(channels, height, width)
    return _Shape(channels, 224, 224)


def _headers(train: ImageSource) -> Headers:
    """Return sizes and modes of a sample of the images."""
    if isinstance(train.dataset, ImageFolder):
        found = read_headers([path for path, _ in train.dataset.samples])
        if found.sizes:
            return found
    if isinstance(train, Indexed):
        places = [place * len(train) // LOOKED_AT for place in range(LOOKED_AT)] if len(train) > LOOKED_AT else None
        images = [train.read(index)[0] for index in (range(len(train)) if places is None else places)]
    else:
        images = [image for image, _ in islice(train, LOOKED_AT)]
    return Headers(sizes=Counter(image.size for image in images), modes=Counter(image.mode for image in images))


def _per_channel(look: ImageLook, shape: _Shape) -> ImageLook:
    """Return the look with a mean and a standard deviation for each channel; UsageError where that cannot be."""
    if shape.channels not in (1, 3):
        raise UsageError(f"in_chans is {shape.channels}, wanted 1 (grey) or 3 (colour)", fix="give 1 or 3")
    values_of = {}
    for name, values in (("mean", look.mean), ("std", look.std)):
        values_of[name] = _spread(values, shape.channels)
        if values and len(values_of[name]) != shape.channels:
            raise UsageError(
                f"{name} has {count_text(len(values), 'value')}, the images have "
                f"{count_text(shape.channels, 'channel')}",
                fix="give one per channel",
            )
    if bool(look.mean) != bool(look.std):
        raise UsageError("mean and std must be given together", fix="give both or none")
    return replace(look, mean=values_of["mean"], std=values_of["std"])


def _spread(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Return one value for each channel, from one for all of them or from those of three colours for grey.

    >>> _spread((0.5,), 3), _spread((0.2, 0.3, 0.4), 1)
    ((0.5, 0.5, 0.5), (0.3,))
    """
    if len(values) == 1:
        return values * channels
    return (round(sum(values) / 3, 12),) if (len(values), channels) == (3, 1) else values


def usual_crop(height: int, width: int) -> float:
    """Return the share of the side that measuring sees by default: all of a small image."""
    return 1.0 if max(height, width) <= SMALL_SIDE else 0.875


def _pixels(shape: _Shape) -> int:
    return shape.channels * shape.height * shape.width


def _transform(look: ImageLook, shape: _Shape, *, is_training: bool) -> Any:  # noqa: ANN401 - timm's
    """Return timm's transform from a decoded image to normalised float32."""
    grey = shape.channels == 1
    config = resolve_data_config(  # type: ignore[no-untyped-call]
        {
            "input_size": (shape.channels, shape.height, shape.width),
            "mean": look.mean or ((GREY_MEAN,) if grey else None),
            "std": look.std or ((GREY_STD,) if grey else None),
            "interpolation": look.interpolation,
            "crop_pct": look.crop_pct or usual_crop(shape.height, shape.width),
            "crop_mode": look.crop_mode,
        }
    )
    if not is_training:
        return create_transform(**config)
    if look.scale_min == 1:
        flip = [RandomHorizontalFlip(0.5)] if look.flip else []
        return Compose([*flip, *create_transform(**config).transforms])
    return create_transform(
        **config, is_training=True, scale=(look.scale_min, 1.0), hflip=0.5 if look.flip else 0.0, color_jitter=0.0
    )


def _to_bytes(look: ImageLook, shape: _Shape) -> Any:  # noqa: ANN401 - timm's
    """Return timm's transform for measuring, up to the conversion into numbers: uint8 (channels, height, width)."""
    steps = _transform(look, shape, is_training=False).transforms
    resize, to_numpy = steps[:2], ToNumpy()

    def transform(image: Any) -> Any:  # noqa: ANN401 - PIL to numpy
        for step in resize:
            image = step(image)
        return to_numpy(image)

    return transform


def _in_memory(where: Where, look: ImageLook, opened: Opened, shape: _Shape) -> Data:
    train = _bytes(opened.train, look, shape)
    test = _bytes(opened.test, look, shape)
    augmentation = Augmentation(crop_padding=look.crop_padding, flip=look.flip)
    normalisation = (look.mean, look.std) if look.mean else None
    train_split = in_memory(*train, normalisation=normalisation, augmentation=augmentation)
    test_split = in_memory(*test, normalisation=(train_split.mean, train_split.std))
    train_split, test_split = (split.subset(mixed(len(split))) for split in (train_split, test_split))
    for split in (train_split, test_split):
        check_labels(where.name, split.labels, num_classes=opened.num_classes)
    return _data(where, opened, shape, (train_split, test_split), content_digest(train_split, test_split))


def _bytes(source: ImageSource, look: ImageLook, shape: _Shape) -> tuple[Any, Any]:
    """Return all images as uint8 and their labels, straight from the data set's own array where it fits."""
    whole = source.arrays(shape.mode)
    if (
        whole is not None
        and whole[0].shape[1:] == (shape.channels, shape.height, shape.width)
        and look.crop_pct in (None, 1.0)
    ):
        return whole
    return decode(source, _to_bytes(look, shape), mode=shape.mode)


def _streamed(where: Where, look: ImageLook, opened: Opened, shape: _Shape, *, workers: int) -> Data:
    eyes = Eyes(
        mode=shape.mode,
        measuring=_transform(look, shape, is_training=False),
        training=_transform(look, shape, is_training=True),
    )
    digest = hashlib.sha256()
    seen = (repr(shape), look.interpolation, repr(look.crop_pct), look.crop_mode)
    for part in (opened.train.digest(), opened.test.digest(), *seen):
        digest.update(part.encode())
    splits = (_stream(opened.train, eyes, workers=workers), _stream(opened.test, eyes, workers=workers))
    return _data(where, opened, shape, splits, digest.hexdigest()[:32])


def _stream(source: ImageSource, eyes: Eyes, *, workers: int) -> StreamSplit | SequentialSplit:
    if isinstance(source, Indexed):
        return StreamSplit(source=source, indices=mixed(len(source)), eyes=eyes, workers=workers)
    return SequentialSplit(source=source, eyes=eyes)


def _data(
    where: Where, opened: Opened, shape: _Shape, splits: tuple[Split, Split] | tuple[InMemorySplit, ...], digest: str
) -> Data:
    return Data(
        name=where.name,
        train=splits[0],
        test=splits[1],
        num_classes=opened.num_classes,
        in_chans=shape.channels,
        image_size=(shape.height, shape.width),
        fingerprint=digest,
    )
