"""Splits in memory and their views: order, augmentation, normalisation, fingerprints."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from images import images_of, seeded

from prunescope.api import Data
from prunescope.api.errors import InputError, UsageError
from prunescope.data import memory as memory_module
from prunescope.data.memory import Augmentation, InMemorySplit, channel_moments, content_digest, in_memory
from prunescope.data.views import limited, to_device


def split_of(n=23, *, augmentation=None, seed=0, **shape):
    return in_memory(images_of(n, seed=seed, **shape), torch.arange(n) % 4, augmentation=augmentation)


def data_of(n_train=40, n_test=30):
    train, test = split_of(n_train), split_of(n_test, seed=1)
    return Data(
        name="toy",
        train=train,
        test=test,
        num_classes=4,
        in_chans=3,
        image_size=(6, 5),
        fingerprint=content_digest(train, test),
    )


class Foreign:
    """A split of somebody else's: only what api.Split asks for."""

    def __init__(self, inner):
        self.inner = inner

    def __len__(self):
        return len(self.inner)

    def batches(self, size, *, limit=None):
        return self.inner.batches(size, limit=limit)

    def epoch(self, size, *, generator):
        return self.inner.epoch(size, generator=generator)


def foreign_data(n):
    data = data_of(n, n)
    return Data(
        name="foreign",
        train=Foreign(data.train),
        test=Foreign(data.test),
        num_classes=4,
        in_chans=3,
        image_size=(6, 5),
        fingerprint="f",
    )


# ---- measuring ----


def test_batches_are_normalised_in_order_and_the_same_twice():
    split = split_of(augmentation=Augmentation(crop_padding=1, flip=True))
    first, second = list(split.batches(10)), list(split.batches(10))
    assert [len(labels) for _, labels in first] == [10, 10, 3]
    for (images, labels), (again, same) in zip(first, second, strict=True):
        assert torch.equal(images, again)
        assert torch.equal(labels, same)
        assert images.dtype == torch.float32
        assert images.is_contiguous(memory_format=torch.channels_last)
    whole = torch.cat([images for images, _ in first])
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (split.mean, split.std))
    torch.testing.assert_close(whole, (split.images / 255 - mean) / std)
    assert torch.equal(torch.cat([labels for _, labels in first]), split.labels)


def test_normalised_training_images_have_mean_0_and_variance_1():
    images = next(split_of(200).batches(200))[0]
    torch.testing.assert_close(images.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(images.var((0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("limit", "sizes"), [(0, []), (1, [10]), (2, [10, 10]), (3, [10, 10, 3]), (9, [10, 10, 3])])
def test_limit_stops_after_so_many_batches(limit, sizes):
    assert [len(labels) for _, labels in split_of().batches(10, limit=limit)] == sizes


def test_moments_equal_numpys_and_a_constant_channel_keeps_std_1():
    images = images_of(9)
    images[:, 1] = 7
    mean, std = channel_moments(images)
    plain = images.numpy() / 255
    np.testing.assert_allclose(mean, plain.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std[0], plain[:, 0].std(), rtol=1e-12)
    assert std[1] == 1.0


# ---- training ----


def test_an_epoch_depends_on_its_generator_alone():
    split = split_of(augmentation=Augmentation(crop_padding=2, flip=True))
    torch.manual_seed(1)
    first = list(split.epoch(5, generator=seeded(3)))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = list(split.epoch(5, generator=seeded(3)))
    other = list(split.epoch(5, generator=seeded(4)))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0][0], other[0][0])


def test_consecutive_epochs_of_one_generator_differ():
    split, generator = split_of(), seeded(0)
    one, two = (torch.cat([labels for _, labels in split.epoch(23, generator=generator)]) for _ in range(2))
    assert not torch.equal(one, two)
    assert torch.equal(one.sort().values, two.sort().values)


def test_an_epoch_without_augmentation_is_a_permutation_of_the_images():
    split = split_of()
    images = torch.cat([images for images, _ in split.epoch(4, generator=seeded(0))])
    want = torch.cat([images for images, _ in split.batches(23)])
    assert len(images) == 23
    assert sorted(map(float, images.sum((1, 2, 3)))) == pytest.approx(sorted(map(float, want.sum((1, 2, 3)))), abs=1e-4)


def crop_slowly(image, *, row, column, flip, padding):
    """One image at a time, pixel by pixel: black outside."""
    _, height, width = image.shape
    out = torch.zeros_like(image)
    for i in range(height):
        for j in range(width):
            y, x = i + row - padding, (width - 1 - j if flip else j) + column - padding
            if 0 <= y < height and 0 <= x < width:
                out[:, i, j] = image[:, y, x]
    return out


@pytest.mark.parametrize("augmentation", [Augmentation(2, flip=True), Augmentation(1), Augmentation(0, flip=True)])
def test_whole_batch_augmentation_equals_a_loop_over_pixels(augmentation):
    split = split_of(augmentation=augmentation)
    draws = split.draw(seeded(5))
    slow = torch.stack(
        [
            crop_slowly(
                split.images[index],
                row=int(draws.offsets[0, place]),
                column=int(draws.offsets[1, place]),
                flip=bool(draws.flips[place]),
                padding=augmentation.crop_padding,
            )
            for place, index in enumerate(draws.order.tolist())
        ]
    )
    assert torch.equal(split.augment(draws, slice(0, 23)), slow)
    epoch = torch.cat([images for images, _ in split.epoch(6, generator=seeded(5))])
    assert torch.equal(epoch, split.normalise(slow))


def test_flips_and_offsets_are_uniform():
    split = split_of(9000, height=1, width=1, augmentation=Augmentation(crop_padding=1, flip=True))
    draws = split.draw(seeded(0))
    counts = torch.bincount(draws.offsets[0] * 3 + draws.offsets[1], minlength=9).double()
    # chi-square with 8 degrees of freedom exceeds 26.1 once in a thousand times
    assert ((counts - 1000) ** 2 / 1000).sum() < 26.1
    assert abs(draws.flips.double().mean() - 0.5) < 4 * math.sqrt(0.25 / 9000)


@pytest.mark.parametrize(("n", "sizes"), [(21, [10, 10]), (22, [10, 10, 2]), (20, [10, 10]), (1, [])])
def test_a_last_batch_of_one_image_is_left_out_of_training_only(n, sizes):
    split = split_of(n)
    assert [len(labels) for _, labels in split.epoch(10, generator=seeded(0))] == sizes
    assert sum(len(labels) for _, labels in split.batches(10)) == n


def test_the_images_of_an_epoch_do_not_depend_on_blocks(monkeypatch):
    split = split_of(augmentation=Augmentation(1, flip=True))
    whole = torch.cat([images for images, _ in split.epoch(3, generator=seeded(1))])
    monkeypatch.setattr(memory_module, "BLOCK_PIXELS", 1)
    assert torch.equal(torch.cat([images for images, _ in split.epoch(3, generator=seeded(1))]), whole)
    assert all(
        images.is_contiguous(memory_format=torch.channels_last) for images, _ in split.epoch(3, generator=seeded(1))
    )


# ---- what is refused ----


@pytest.mark.parametrize(
    ("images", "labels", "culprit"),
    [
        (torch.zeros(2, 1, 4, 4), torch.zeros(2, dtype=torch.int64), "torch.float32"),
        (torch.zeros(2, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), r"\(2, 4, 4\)"),
        (torch.zeros(0, 1, 4, 4, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64), r"\(0, 1, 4, 4\)"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), r"\(3,\)"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(2), "torch.float32"),
    ],
)
def test_other_images_and_labels_are_refused(images, labels, culprit):
    with pytest.raises(InputError, match=culprit):
        in_memory(images, labels)


# ---- fingerprints ----


def test_the_digest_sees_one_pixel_one_label_and_the_shape():
    split = split_of()
    known = {content_digest(split)}
    for change in (
        lambda images, _: images[3, 1, 2, 2].add_(1),
        lambda _, labels: labels[7].add_(1),
    ):
        images, labels = split.images.clone(), split.labels.clone()
        change(images, labels)
        known.add(content_digest(in_memory(images, labels)))
    known.add(content_digest(in_memory(split.images.reshape(23, 3, 5, 6), split.labels)))
    known.add(content_digest(split.subset(torch.arange(22))))
    assert len(known) == 5
    assert content_digest(split_of(augmentation=Augmentation(3))) == content_digest(split)


# ---- views ----


def test_limited_data_are_spread_over_the_split_and_have_their_own_fingerprint():
    data = data_of(40, 30)
    less = limited(data, batches=2, batch_size=5)
    assert (len(less.train), len(less.test)) == (10, 10)
    assert torch.equal(less.train.labels, data.train.labels[::4])
    assert torch.equal(less.train.images, data.train.images[::4])
    assert sum(len(labels) for _, labels in less.train.epoch(4, generator=seeded(0))) == 10
    assert less.fingerprint not in (data.fingerprint, limited(data, batches=3, batch_size=5).fingerprint)
    assert limited(data, batches=8, batch_size=5) == data
    assert len(limited(data, batches=7, batch_size=5).test) == 30


def test_limited_data_of_a_foreign_split_take_its_first_images():
    less = limited(foreign_data(40), batches=3, batch_size=5)
    assert len(less.train) == 15
    assert [len(labels) for _, labels in less.train.batches(4)] == [4, 4, 4, 3]
    assert [len(labels) for _, labels in less.train.batches(4, limit=1)] == [4]
    assert [len(labels) for _, labels in less.train.epoch(7, generator=seeded(0))] == [7, 7]


def test_a_limit_below_one_is_refused():
    with pytest.raises(UsageError, match="0 batches"):
        limited(data_of(), batches=0)


@pytest.mark.parametrize("make", [data_of, lambda: foreign_data(40)])
def test_data_move_to_a_device(make):
    data = make()
    moved = to_device(data, "meta")
    for split in (moved.train, moved.test):
        images, labels = next(split.batches(4))
        assert images.device.type == labels.device.type == "meta"
        assert images.shape == (4, 3, 6, 5)
        images, _ = next(split.epoch(4, generator=seeded(0)))
        assert images.device.type == "meta"
    assert moved.fingerprint == data.fingerprint


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_epoch_is_the_same_on_a_gpu():
    split = split_of(augmentation=Augmentation(2, flip=True))
    pairs = zip(split.epoch(5, generator=seeded(1)), split.to("cuda").epoch(5, generator=seeded(1)), strict=True)
    for (images, labels), (there, same) in pairs:
        torch.testing.assert_close(there.cpu(), images)
        assert torch.equal(same.cpu(), labels)


def test_a_split_knows_its_device():
    assert isinstance(split_of(), InMemorySplit)
    assert split_of().device == torch.device("cpu")
