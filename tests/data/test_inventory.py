"""What lies in a folder of images is read as it lies there, and whatever is skipped is named."""

from __future__ import annotations

import contextlib
import json
import os
import socket

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data.readers.reader_image_folder import ReaderImageFolder
from torchvision.datasets import ImageFolder

from prunescope.api.errors import InputError
from prunescope.data.classes import displaced, ordered, read_classes
from prunescope.data.datasets import Timm
from prunescope.data.inventory import Inventory, describe

AIRCRAFT = ("A320", "C-130", "C-47", "DC-10", "DC-3", "b52", "Z-37")


def write(path, level=100, *, size=(8, 8), dtype=np.uint8):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, level, dtype=dtype)).save(path)


def write_splits(root, names, *, count=2, **more):
    for split in ("train", "val"):
        for level, name in enumerate(names):
            for i in range(count):
                write(root / split / name / f"{i}.png", 10 * level, **more)
    return root


def told(root, **options):
    found = Timm(root=str(root), **options).inventory()["train"]
    return Inventory(**found), describe(Inventory(**found), what="train")


def labels_by_level(root, **options):
    """Return the label of each grey level: images show the number of their class."""
    split = Timm(root=str(root), **options).load().train
    return {int(image[0, 0, 0]) // 10: int(label) for image, label in zip(split.images, split.labels, strict=True)}


def test_both_orders_of_class_folders(tmp_path):
    write_splits(tmp_path, AIRCRAFT)
    for order, reader in (
        ("text", ImageFolder(tmp_path / "train").class_to_idx),
        ("natural", ReaderImageFolder(str(tmp_path / "train")).class_to_idx),
    ):
        wanted = {level: reader[name] for level, name in enumerate(AIRCRAFT)}
        assert labels_by_level(tmp_path, class_order=order) == wanted
        assert ordered(AIRCRAFT, order) == list(reader)
    assert set(displaced(AIRCRAFT)) == {"C-130", "DC-10", "Z-37", "b52"}
    assert displaced(["ant", "bee"]) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.txt", "dog\ncat\n"),
        ("c.txt", "cat 1\ndog 0\n"),
        ("c.csv", "cat,1\ndog,0\n"),
        ("c.json", json.dumps(["dog", "cat"])),
        ("c.json", json.dumps({"cat": 1, "dog": 0})),
        ("c.json", json.dumps({"1": "cat", "0": "dog"})),
    ],
)
def test_a_class_map_says_which_folder_is_which_label(tmp_path, name, text):
    write_splits(tmp_path / "data", ("cat", "dog", "eel"))
    (tmp_path / name).write_text(text)
    assert labels_by_level(tmp_path / "data", classes=(str(tmp_path / name),)) == {0: 1, 1: 0}
    assert labels_by_level(tmp_path / "data", classes=("dog", "cat")) == {0: 1, 1: 0}
    assert "2 class 'eel', not in the class map" in told(tmp_path / "data", classes=("dog", "cat"))[1]


@pytest.mark.parametrize("text", ["", "cat\ncat\n", "{}", '{"cat": 0, "dog": 0}', "[1, 2]", "{"])
def test_a_class_map_that_says_nothing_is_refused(tmp_path, text):
    path = tmp_path / ("c.json" if text[:1] in ("{", "[") else "c.txt")
    path.write_text(text)
    with pytest.raises(InputError):
        read_classes((str(path),))
    with pytest.raises(InputError, match="cannot be read"):
        read_classes((str(tmp_path / "nowhere.txt"),))


@pytest.mark.parametrize(
    ("name", "text"), [("c.txt", "cat 1\ndog 2\n"), ("c.txt", "cat,1\ndog,2\n"), ("c.json", '{"cat": 1, "dog": 2}')]
)
def test_a_class_map_that_numbers_from_one_is_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match="labels run from 1 to 2, and none is 0"):
        read_classes((str(tmp_path / name),))


@pytest.mark.parametrize(("name", "text"), [("c.txt", "cat\ndog\n"), ("c.json", '["cat", "dog"]')])
def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path, name, text):
    (tmp_path / name).write_text(f"\ufeff{text}", encoding="utf-8")
    assert read_classes((str(tmp_path / name),)) == {"cat": 0, "dog": 1}


def test_folders_in_a_class_belong_to_it(tmp_path):
    for split in ("train", "val"):
        for level, (name, hour) in enumerate((n, h) for n in ("cat", "dog") for h in ("day", "night")):
            write(tmp_path / split / name / hour / "1.png", 10 * level)
    assert labels_by_level(tmp_path) == {0: 0, 1: 0, 2: 1, 3: 1}
    assert labels_by_level(tmp_path, class_level="leaf") == {0: 0, 1: 1, 2: 0, 3: 1}  # as timm reads it


def test_what_is_hidden_loose_or_no_image_is_skipped_and_named(tmp_path):
    write_splits(tmp_path, ("cat", "dog"))
    write(tmp_path / "train" / "cat" / ".ipynb_checkpoints" / "0.png")
    write(tmp_path / "train" / ".thumbs" / "0.png")
    write(tmp_path / "train" / "loose.png")
    (tmp_path / "train" / "cat" / "notes.txt").write_text("x")
    (tmp_path / "train" / "eel").mkdir()
    found, line = told(tmp_path)
    assert found.classes == ("cat", "dog")
    assert found.counts == (2, 2)
    assert found.skipped == {
        "hidden or left by the system": 2,
        "images outside the class folders": 1,
        "no images (.txt)": 1,
        "class folder 'eel', which has no images": 1,
    }
    assert "4 images of 2 classes (cat, dog), 2 each" in line
    assert len(Timm(root=str(tmp_path)).load().train) == 4


def test_every_kind_of_image_counts(tmp_path):
    write_splits(tmp_path, ("cat", "dog"))
    for kind in ("bmp", "webp", "tif", "jpg", "gif"):
        write(tmp_path / "train" / "eel" / f"1.{kind}")
    data = Timm(root=str(tmp_path)).load()
    assert (data.num_classes, len(data.train)) == (3, 9)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled(tmp_path, suffix):
    levels = (0, 10_000, 50_000, 65_535)
    for split in ("train", "val"):
        for level in levels:
            write(tmp_path / split / f"c{level:05d}" / f"1.{suffix}", level, dtype=np.uint16)
    train = Timm(root=str(tmp_path)).load().train
    found = {int(label): int(image[0, 0, 0]) for image, label in zip(train.images, train.labels, strict=True)}
    assert [found[label] for label in range(4)] == [0, 39, 195, 255]
    assert "4 of 4 with 16 bits, scaled to 8" in told(tmp_path)[1]
    streamed = Timm(root=str(tmp_path), in_memory="never", mean=(0.0,), std=(1.0,)).load().train
    images, labels = next(streamed.batches(4))
    seen = {int(label): float(image.mean()) for image, label in zip(images, labels, strict=True)}
    assert seen[1] == pytest.approx(39 / 255)


@pytest.mark.parametrize("bits", [9, 12, 15])
def test_images_of_fewer_bits_in_sixteen_are_refused(tmp_path, bits):
    for split in ("train", "val"):
        for level, name in ((1, "cat"), ((1 << bits) - 1, "dog")):
            write(tmp_path / split / name / "1.png", level, dtype=np.uint16)
    with pytest.raises(InputError, match=f"of 65,535: they have {bits} bits"):
        Timm(root=str(tmp_path)).load()
    write(tmp_path / "train" / "dog" / "2.png", 1 << 15, dtype=np.uint16)
    assert len(Timm(root=str(tmp_path)).load().train) == 3


def test_pixels_whose_range_is_unknown_are_refused(tmp_path):
    write_splits(tmp_path, ("cat", "dog"))
    Image.fromarray(np.full((8, 8), 0.5, dtype=np.float32)).save(tmp_path / "train" / "cat" / "f.tif")
    with pytest.raises(InputError, match=r"f\.tif.*mode 'F'"):
        Timm(root=str(tmp_path)).load()


def test_one_thumbnail_does_not_set_the_size(tmp_path):
    write_splits(tmp_path, ("cat", "dog"), count=3, size=(90, 120))
    write(tmp_path / "train" / "cat" / "00_thumb.png", size=(30, 40))
    assert Timm(root=str(tmp_path)).load().image_size == (224, 224)
    assert "mixed sizes from 40x30 to 120x90 pixels, 120x90 most often (6 of 7 looked at)" in told(tmp_path)[1]


def test_one_photograph_does_not_set_the_size_of_thumbnails(tmp_path):
    write_splits(tmp_path, ("cat", "dog"), count=3, size=(30, 40))
    write(tmp_path / "train" / "cat" / "00_photo.png", size=(300, 400))
    assert Timm(root=str(tmp_path)).load().image_size == (30, 40)


def test_a_picture_too_large_to_decode_is_named(tmp_path, monkeypatch):
    write_splits(tmp_path, ("cat", "dog"))
    write(tmp_path / "train" / "cat" / "huge.png", size=(100, 100))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match=r"huge\.png"):
        Timm(root=str(tmp_path)).load()


def test_links_in_a_circle_end(tmp_path):
    write_splits(tmp_path, ("cat", "dog"))
    (tmp_path / "train" / "cat" / "again").symlink_to(tmp_path / "train")
    assert len(Timm(root=str(tmp_path)).load().train) == 4


def test_a_class_that_is_a_link_to_another_has_its_images(tmp_path):
    write_splits(tmp_path, ("cat", "dog"))
    (tmp_path / "train" / "wolf").symlink_to(tmp_path / "train" / "dog")
    counted = told(tmp_path)[0]
    assert dict(zip(counted.classes, counted.counts, strict=True)) == {"cat": 2, "dog": 2, "wolf": 2}
    assert len(ImageFolder(tmp_path / "train")) == 6


def test_equal_folders_have_equal_fingerprints_and_a_class_map_another(tmp_path):
    write_splits(tmp_path, ("cat", "dog"))
    first = Timm(root=str(tmp_path)).load()
    assert Timm(root=str(tmp_path)).load().fingerprint == first.fingerprint
    assert Timm(root=str(tmp_path), classes=("dog", "cat")).load().fingerprint != first.fingerprint
    assert torch.equal(first.train.labels.sort().values, torch.tensor([0, 0, 1, 1]))


@pytest.mark.parametrize(
    "kind", ["a pipe", "a socket", "a device", "a folder in a circle", "a link to nothing", "a link into /proc"]
)
def test_what_is_no_file_is_never_waited_for(kind, tmp_path):
    write_splits(tmp_path, ["cat", "dog"])
    place = tmp_path / "train" / "cat" / "x.png"
    if kind == "a pipe":
        os.mkfifo(place)
    elif kind == "a socket":
        with contextlib.chdir(place.parent), socket.socket(socket.AF_UNIX) as made:
            made.bind(place.name)  # a path of a few characters: longer ones are no names of sockets
    else:
        place.symlink_to(
            {"a device": "/dev/zero", "a folder in a circle": "x.png", "a link into /proc": "/proc/self/stat"}.get(
                kind, "nowhere"
            )
        )
    with pytest.raises(InputError, match=r"x\.png"):
        told(tmp_path)


def test_a_hidden_link_out_of_the_folder_is_not_followed(tmp_path):
    write_splits(tmp_path / "images", ["cat", "dog"])
    (tmp_path / "far").mkdir()
    for number in range(5):
        (tmp_path / "far" / str(number)).write_text("")
    (tmp_path / "images" / "train" / ".far").symlink_to(tmp_path / "far")
    found, _ = told(tmp_path / "images")
    assert found.skipped == {"hidden or left by the system": 1}
