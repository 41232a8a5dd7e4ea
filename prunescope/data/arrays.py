"""Arrays of images and labels, or a function that makes them -> Data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from prunescope.api import Data
from prunescope.api.errors import InputError, UsageError
from prunescope.api.trust import resolve
from prunescope.data.identity import identify_data
from prunescope.data.memory import Augmentation, content_digest, in_memory
from prunescope.data.order import mixed

if TYPE_CHECKING:
    import torch

CHANNELS = (1, 3, 4)
"""Of pictures: grey, colour, colour with transparency."""

__all__ = ["Augmentation", "from_factory", "to_data"]


def to_data(name: str, arrays: tuple[Any, Any, Any, Any], *, augmentation: Augmentation) -> Data:
    """Return train images, train labels, test images, test labels as data normalised by the training images.

    Images are uint8 (n, channels, height, width), labels whole numbers from 0; the number of classes is the largest
    training label plus one. Raises InputError for anything else.
    """
    _check_channels_first(name, arrays[0])
    train = in_memory(arrays[0], arrays[1], augmentation=augmentation)
    test = in_memory(arrays[2], arrays[3], normalisation=(train.mean, train.std))
    check_first(name, lowest=int(train.labels.min()), highest=int(train.labels.max()))
    num_classes = int(train.labels.max()) + 1
    if test.images.shape[1:] != train.images.shape[1:]:
        raise InputError(
            f"{name}: test images have shape {tuple(test.images.shape[1:])}, "
            f"training images {tuple(train.images.shape[1:])}",
            fix="make both of one shape (channels, height, width)",
        )
    check_labels(name, train.labels, num_classes=num_classes)
    check_labels(name, test.labels, num_classes=num_classes)
    return Data(
        name=name,
        train=train,
        test=test,
        num_classes=num_classes,
        in_chans=train.images.shape[1],
        image_size=(train.images.shape[2], train.images.shape[3]),
        fingerprint=content_digest(train, test),
    )


def _check_channels_first(name: str, images: Any) -> None:  # noqa: ANN401 - of numpy or torch
    """Raise InputError for images whose channels are last."""
    _, first, second, last = (*np.shape(images), 0, 0, 0, 0)[:4]
    if last in CHANNELS and first > max(CHANNELS) and (first == second or last > 1):
        raise InputError(
            f"{name}: images of shape {tuple(np.shape(images))} have their channels last",
            fix="put them before height and width: images.transpose(0, 3, 1, 2)",
        )


def check_labels(name: str, labels: torch.Tensor, *, num_classes: int) -> None:
    """Raise InputError unless every label is one of 0 .. num_classes - 1, one for each example."""
    if labels.dim() != 1 or labels.is_floating_point():
        kind = f"{labels.dtype} of shape {tuple(labels.shape)}".replace("torch.", "")
        raise InputError(
            f"{name}: labels are {kind}, wanted a whole number for each example",
            fix="make them so: argmax(1) of one-hot rows, squeeze(1) of a column, long() of fractions; "
            "for other targets give Data with an objective",
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise InputError(
            f"{name}: labels run from {low} to {high}, wanted 0 to {num_classes - 1}",
            fix="number the classes from 0, and include every test class in the training images",
        )


def check_first(name: str, *, lowest: int, highest: int) -> None:
    """Raise InputError where no training image has the label 0, as where classes are numbered from 1.

    >>> check_first("digits", lowest=0, highest=9)
    """
    if 0 < lowest < highest:
        raise InputError(
            f"{name}: labels of training images run from {lowest} to {highest}, and none is 0",
            fix=f"number the classes from 0: subtract {lowest}",
        )


def from_factory(text: str, *, augmentation: Augmentation) -> Data:
    """Return what the function "pkg.mod:function" makes, as Data.

    It takes no arguments and returns Data, or (train images, train labels, test images, test labels).
    Raises UsageError when it cannot be found, InputError when it fails or returns something else.
    """
    made: object
    try:
        made = resolve(text)()
    except (UsageError, InputError):
        raise
    except (Exception, SystemExit) as error:
        raise InputError(
            f"the factory {text!r} failed: {type(error).__name__}: {error}", fix="call it in Python to find the cause"
        ) from error
    if isinstance(made, Data):
        return identify_data(made)
    if not isinstance(made, tuple | list) or len(made) != 4:
        size = f" of {len(made)}" if isinstance(made, tuple | list) else ""
        raise InputError(
            f"the factory {text!r} returned a {type(made).__name__}{size}, wanted Data or four arrays",
            fix="return prunescope.api.Data or (train images, train labels, test images, test labels)",
        )
    return _mixed(to_data(text, (made[0], made[1], made[2], made[3]), augmentation=augmentation))


def _mixed(data: Data) -> Data:
    """Return the data in mixed order: arrays may come class by class."""
    train, test = (split.subset(mixed(len(split))) for split in (data.train, data.test))  # type: ignore[attr-defined]
    return replace(data, train=train, test=test)
