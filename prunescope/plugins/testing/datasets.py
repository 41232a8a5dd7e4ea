"""Checks a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION, Data, Dataset
from prunescope.api.wording import count_text
from prunescope.plugins.testing import state
from prunescope.plugins.testing.plugin import check_plugin, require, seeded_check, title

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from prunescope.api import Split

CheckedBatches = list[tuple["Tensor", "Tensor"]]


def check_dataset(dataset: Dataset) -> None:
    """Check a data set that fits in memory: the same content each time, in the form api.Split promises.

    Images are checked as images, other inputs for their shape; targets by the objective of the data.

    `batches` come in fixed order whatever their size; `epoch` depends on its generator alone. Everything is read
    several times: give the data set options that make it small.

    Raises:
        AssertionError: what is wrong.
    """
    check_plugin(dataset, Dataset)
    who, data, again = title(dataset), dataset.load(), dataset.load()
    _check_description(who, data)
    for side, split in (("train", data.train), ("test", data.test)):
        _check_batches(f"{who}, {side} split", split, data)
        _check_epoch(f"{who}, {side} split", split, data)
    changed = state.changed_names(state.of_data(data), state.of_data(again))
    require(not changed, f"{who}: {changed} differ when loaded again with the same options")
    require(data.fingerprint == again.fingerprint, f"{who}: the fingerprint differs when loaded again")


def _check_description(who: str, data: object) -> None:
    if not isinstance(data, Data):
        raise AssertionError(f"{who} loads a {type(data).__name__}, wanted prunescope.api.Data")  # noqa: TRY004 - a check
    require(bool(data.name), f"{who}: its data have no name")
    require(isinstance(data.fingerprint, str) and bool(data.fingerprint), f"{who}: its data have no fingerprint")
    least = 2 if data.objective == CLASSIFICATION else 1
    require(data.num_classes >= least, f"{who}: {count_text(data.num_classes, 'class')}, wanted at least {least}")
    sizes = len(data.train), len(data.test)
    require(min(sizes) > 1, f"{who}: {sizes[0]} training and {count_text(sizes[1], 'test image')}")


def _check_batches(who: str, split: Split, data: Data) -> None:
    small, large = list(split.batches(7)), list(split.batches(64))
    wanted = (data.in_chans, *data.image_size)
    for images, labels in small + large:
        _check_batch(who, images, labels, data)
        require(images.shape[1:] == wanted, f"{who}: images of shape {tuple(images.shape[1:])}, the data have {wanted}")
    sizes = [len(labels) for _, labels in small]
    expected = [7] * (len(split) // 7) + [len(split) % 7] * (len(split) % 7 > 0)
    require(sizes == expected, f"{who}: batches(7) of {count_text(len(split), 'image')} have the sizes {_short(sizes)}")
    require(_same(small, split.batches(7)), f"{who}: batches differ the second time: do not shuffle or augment them")
    require(_same(_joined(small), _joined(large)), f"{who}: the images depend on the batch size")
    require(_same(small[:2], split.batches(7, limit=2)), f"{who}: batches(7, limit=2) are not the first two")


def _check_batch(who: str, images: Tensor, labels: Tensor, data: Data) -> None:
    are_images = len(data.image_size) == 2
    wanted = "float32 NCHW" if are_images else "float32 or int64"
    kinds = (torch.float32,) if are_images else (torch.float32, torch.int64)
    fits = images.dtype in kinds and images.dim() == 2 + len(data.image_size) and images.device.type == "cpu"
    require(
        fits, f"{who}: images {images.dtype} of shape {tuple(images.shape)} on {images.device}, wanted {wanted} on cpu"
    )
    laid_out = not are_images or images.is_contiguous(memory_format=torch.channels_last)
    require(laid_out, f"{who}: images are not channels_last")
    require(bool(images.isfinite().all()), f"{who}: images have NaN or infinite pixels")
    if data.objective == CLASSIFICATION:
        _check_labels(who, labels, data, count=len(images))
    else:
        require(len(labels) == len(images), f"{who}: {len(labels)} targets for {len(images)} inputs")


def _check_labels(who: str, labels: Tensor, data: Data, *, count: int) -> None:
    require(
        labels.dtype == torch.int64 and labels.shape == (count,),
        f"{who}: labels {labels.dtype} of shape {tuple(labels.shape)}, wanted int64, {(count,)}",
    )
    inside = bool(((labels >= 0) & (labels < data.num_classes)).all())
    require(inside, f"{who}: labels outside 0 to {data.num_classes - 1}")


def _check_epoch(who: str, split: Split, data: Data) -> None:
    first = _epoch(split, seed=0, surroundings=0)
    require(_same(first, _epoch(split, seed=0, surroundings=1)), f"{who}: epoch() is not determined by its generator")
    require(not _same(first, _epoch(split, seed=1, surroundings=0)), f"{who}: epoch() ignores its generator")
    for images, labels in first:
        _check_batch(who, images, labels, data)
    seen, there = (_sorted(labels for _, labels in each) for each in (first, split.batches(64)))
    require(torch.equal(seen, there), f"{who}: an epoch is not one pass over all images")
    # of n images, batches of n - 1 leave one over
    left = [len(labels) for _, labels in split.epoch(len(split) - 1, generator=torch.Generator().manual_seed(0))]
    require(left == [len(split) - 1], f"{who}: epoch({len(split) - 1}) has the sizes {left}: leave out the last one")


def _sorted(targets: Iterable[Tensor]) -> Tensor:
    """Return all targets in an order that does not depend on that of the examples."""
    whole = torch.cat(list(targets))
    return whole.reshape(len(whole), -1).sort(0).values


def _epoch(split: Split, *, seed: int, surroundings: int) -> CheckedBatches:
    """Return one pass; `surroundings` seeds torch's global generator, which must not matter."""
    with seeded_check(surroundings):
        return list(split.epoch(_size(split), generator=torch.Generator().manual_seed(seed)))


def _size(split: Split) -> int:
    """Return a batch size of about 8 that leaves no last batch of one image."""
    return next(size for size in (8, 7, 9, 10, 11, 13) if len(split) % size != 1)


def _joined(batches: CheckedBatches) -> CheckedBatches:
    return [(torch.cat([images for images, _ in batches]), torch.cat([labels for _, labels in batches]))]


def _same(one: CheckedBatches, other: Iterable[tuple[Tensor, Tensor]]) -> bool:
    others = list(other)
    return len(one) == len(others) and all(
        torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(one, others, strict=True)
    )


def _short(sizes: list[int]) -> str:
    return f"{sizes[:4]}".replace("]", ", ...]") if len(sizes) > 4 else f"{sizes}"
