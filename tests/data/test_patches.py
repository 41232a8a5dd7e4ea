"""The generated images: bytes, parts and difficulty."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from prunescope.api.errors import UsageError
from prunescope.data.datasets import Patches
from prunescope.data.patches import NUM_CLASSES, PatchesOptions, generate, project, smooth

BARE = PatchesOptions(background=0.0, distractor=0.0, noise=0.0)


def test_the_bytes_are_those_of_every_other_machine():
    train = generate(PatchesOptions(), 200, split=0, label_noise=0.1)
    small = generate(PatchesOptions(size=12, channels=1, patch=4, intrinsic_dimension=7, seed=3), 50, split=1)
    digests = [
        hashlib.sha256(part.images.tobytes() + part.labels.astype("<i8").tobytes()).hexdigest()[:16]
        for part in (train, small)
    ]
    assert digests == ["2bb047a14c20b4dd", "f30fbc58b7d0846e"]


def test_images_are_uint8_and_classes_are_balanced():
    made = generate(PatchesOptions(size=10, channels=2), 103, split=0)
    assert made.images.shape == (103, 2, 10, 10)
    assert made.images.dtype == np.uint8
    counts = np.bincount(made.labels, minlength=NUM_CLASSES)
    assert sorted(counts) == [10] * 7 + [11] * 3


@pytest.mark.parametrize("change", [{"seed": 1}, {"noise": 0.2}, {"background": 0.1}, {"prototypes": 3}, {"patch": 4}])
def test_each_option_changes_the_images(change):
    one = generate(PatchesOptions(), 20, split=0)
    other = generate(replace(PatchesOptions(), **change), 20, split=0)
    assert not np.array_equal(one.images, other.images)


def test_the_splits_differ_and_share_their_prototypes():
    train, test = (generate(BARE, 2000, split=split) for split in (0, 1))
    assert not np.array_equal(train.images[:50], test.images[:50])
    nearest = KNeighborsClassifier(1).fit(train.images.reshape(2000, -1), train.labels)
    assert nearest.score(test.images.reshape(2000, -1), test.labels) > 0.99


def test_noise_alone_has_the_standard_deviation_asked_for():
    quiet, noisy = (generate(replace(BARE, noise=noise), 500, split=0).images.astype(float) for noise in (0.0, 0.5))
    assert (noisy - quiet).std() == pytest.approx(0.5 * 32, rel=0.02)


def test_an_image_without_anything_but_its_prototype_is_one_patch_of_its_class():
    options = replace(BARE, prototypes=1)
    made = generate(options, 60, split=0)
    for image in made.images.astype(float) - 128:
        _, rows, columns = np.nonzero(image)
        assert np.ptp(rows) < options.patch
        assert np.ptp(columns) < options.patch
    largest = [image[np.nonzero(image)] for image in made.images[made.labels == 3].astype(float) - 128]
    full = [patch for patch in largest if len(patch) == len(max(largest, key=len))]
    for patch in full[1:]:
        assert np.corrcoef(full[0], patch)[0, 1] > 0.99


def test_label_noise_is_exact_and_only_ever_wrong():
    clean = generate(PatchesOptions(), 500, split=0)
    noisy = generate(PatchesOptions(), 500, split=0, label_noise=0.13)
    assert np.array_equal(clean.images, noisy.images)
    assert (clean.labels != noisy.labels).sum() == 65
    everything = generate(PatchesOptions(), 500, split=0, label_noise=1.0)
    assert (clean.labels != everything.labels).all()


@pytest.mark.parametrize("dimension", [1, 5, 30])
def test_intrinsic_dimension_is_the_rank_of_the_images(dimension):
    made = generate(PatchesOptions(intrinsic_dimension=dimension), 400, split=1)
    pixels = made.images.reshape(400, -1).astype(float) - 128
    inside = (made.images > 0).all(axis=(1, 2, 3)) & (made.images < 255).all(axis=(1, 2, 3))
    values = np.linalg.svd(pixels[inside], compute_uv=False)
    rounding = np.sqrt(inside.sum() / 12) * (1 + np.sqrt(192 / inside.sum()))
    assert values[dimension - 1] > 5 * rounding
    assert values[dimension] < 2 * rounding


def test_projection_on_all_directions_changes_nothing():
    images = np.random.default_rng(0).normal(size=(6, 1, 3, 3))
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(9, 9)))[0].reshape(9, 1, 3, 3)
    np.testing.assert_allclose(project(images, basis), images, atol=1e-12)


def test_smooth_equals_a_plain_loop():
    images = np.random.default_rng(0).normal(size=(2, 1, 4, 5))
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    slow = np.zeros_like(images)
    for row in range(4):
        for column in range(5):
            slow[:, :, row, column] = (padded[:, :, row : row + 3, column : column + 3] * kernel).sum(axis=(2, 3))
    slow /= np.sqrt((slow**2).mean(axis=(1, 2, 3), keepdims=True))
    np.testing.assert_allclose(smooth(images, passes=1), slow, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        (PatchesOptions(patch=9), "patches of 9"),
        (PatchesOptions(intrinsic_dimension=193), "193"),
        (PatchesOptions(intrinsic_dimension=0), "dimension of 0"),
    ],
)
def test_impossible_options_are_refused(options, culprit):
    with pytest.raises(UsageError, match=culprit):
        generate(options, 10, split=0)


def test_the_defaults_are_too_hard_for_shallow_methods():
    train, test = generate(PatchesOptions(), 2000, split=0), generate(PatchesOptions(), 1000, split=1)
    x, y = (part.images.reshape(len(part.images), -1) / 32.0 for part in (train, test))
    linear = LogisticRegression(C=0.01, max_iter=500).fit(x, train.labels).score(y, test.labels)
    nearest = KNeighborsClassifier(5).fit(x, train.labels).score(y, test.labels)
    assert 0.2 < linear < 0.5
    assert 0.75 < nearest < 0.88


@pytest.mark.parametrize(
    "absurd",
    [
        {"images": 10**12},
        {"test_images": 10**19},
        {"size": 10**12, "patch": 4},
        {"channels": 10**30},
        {"prototypes": 10**30},
    ],
)
def test_what_fits_into_no_memory_is_named(absurd):
    option, value = next(iter(absurd.items()))
    with pytest.raises(UsageError, match=rf"\b{option}={value}\b.*do not fit into memory"):
        Patches(**absurd).load()
