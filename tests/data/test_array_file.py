"""The data set `arrays`: images and labels in an .npz, and files that hold something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from prunescope.api.errors import InputError
from prunescope.data.array_file import read_arrays
from prunescope.data.datasets import ArrayFile

SIZES = {"train_images": 20, "test_images": 10}

DIGITS = Path(__file__).parents[2] / "studies/data/mnist8.npz"


def write(path, *, images=40, **others):
    """Write a file of images whose pixels are their number."""
    x = np.broadcast_to(np.arange(images, dtype=np.uint8)[:, None, None, None], (images, 1, 4, 4))
    np.savez_compressed(path, **({"x": x, "y": np.arange(images) % 3} | others))
    return str(path)


def test_the_first_images_train_and_those_after_them_test(tmp_path):
    found = ArrayFile(file=write(tmp_path / "a.npz"), train_images=20, test_images=10, crop_padding=0).load()
    assert (len(found.train), len(found.test), found.num_classes, found.image_size) == (20, 10, 3, (4, 4))
    assert found.train.images[:, 0, 0, 0].tolist() == list(range(20))
    assert found.test.images[:, 0, 0, 0].tolist() == list(range(20, 30))
    assert found.test.labels.tolist() == [number % 3 for number in range(20, 30)]


def test_equal_content_has_one_fingerprint_whatever_the_path(tmp_path):
    made = [
        ArrayFile(file=write(tmp_path / name, **more), train_images=20, test_images=10).load().fingerprint
        for name, more in (("a.npz", {}), ("b.npz", {}), ("c.npz", {"y": (np.arange(40) + 1) % 3}))
    ]
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ({"y": np.zeros(39, dtype=np.int64)}, r"y int64 \(39,\)"),
        ({"x": np.zeros((40, 1, 4, 4))}, "x float64"),
        ({"x": np.zeros((40, 4, 4), dtype=np.uint8)}, r"\(40, 4, 4\)"),
        ({"y": np.array([{}] * 40, dtype=object)}, "is no .npz"),
    ],
    ids=["another number of labels", "floats", "no channels", "pickled objects"],
)
def test_arrays_of_another_kind_are_refused_by_name(others, says, tmp_path):
    with pytest.raises(InputError, match=says) as caught:
        read_arrays(write(tmp_path / "odd.npz", **others), least=1)
    assert "odd.npz" in caught.value.message


def test_too_few_images_a_text_and_no_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds 40 images, wanted 41"):
        read_arrays(write(tmp_path / "a.npz"), least=41)
    (tmp_path / "text.npz").write_text("not a zip")
    with pytest.raises(InputError, match=r"text\.npz is no \.npz"):
        read_arrays(str(tmp_path / "text.npz"), least=1)
    with pytest.raises(InputError, match=r"cannot read .*none\.npz"):
        read_arrays(str(tmp_path / "none.npz"), least=1)
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(InputError, match=r"other\.npz is no \.npz with the arrays x and y"):
        read_arrays(str(tmp_path / "other.npz"), least=1)


def test_the_digits_of_the_studies_are_there():
    found = ArrayFile(file=str(DIGITS), train_images=400, test_images=2500).load()
    assert (found.num_classes, found.image_size, found.in_chans) == (10, (8, 8), 1)


@pytest.mark.parametrize("shape", [(40, 8, 8, 1), (40, 8, 6, 3), (40, 8, 8, 4)])
def test_channels_that_are_last_are_refused(shape, tmp_path):
    last = np.zeros(shape, dtype=np.uint8)
    with pytest.raises(InputError, match="have their channels last"):
        ArrayFile(file=write(tmp_path / "a.npz", x=last), train_images=20, test_images=10).load()
    first = last.transpose(0, 3, 1, 2)
    assert ArrayFile(file=write(tmp_path / "a.npz", x=first), train_images=20, test_images=10).load().in_chans < 5


def test_names_are_no_labels(tmp_path):
    with pytest.raises(InputError, match="y <U1"):
        ArrayFile(file=write(tmp_path / "a.npz", y=np.array([*"ab"] * 20)), train_images=20, test_images=10).load()


def test_labels_in_another_order_of_bytes_are_the_same_labels(tmp_path):
    written = [
        ArrayFile(file=write(tmp_path / f"{order}.npz", y=(np.arange(40) % 3).astype(f"{order}i8")), **SIZES).load()
        for order in "<>"
    ]
    assert torch.equal(written[0].train.labels, written[1].train.labels)
    assert written[0].fingerprint == written[1].fingerprint


def test_images_stored_by_columns_are_the_same_images(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (40, 1, 4, 4)).astype(np.uint8)
    written = [
        ArrayFile(file=write(tmp_path / "a.npz", x=x), **SIZES).load() for x in (images, np.asfortranarray(images))
    ]
    assert torch.equal(written[0].train.images, written[1].train.images)
    assert written[0].fingerprint == written[1].fingerprint
