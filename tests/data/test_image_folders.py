"""Folders of images: in memory or streamed, and what is refused of them."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from cifar10_files import pictures
from images import refused, same_batches, seeded, write_folder
from PIL import EpsImagePlugin, Image

from prunescope.api.errors import InputError, PrunescopeError, UsageError
from prunescope.data.datasets import Timm
from prunescope.data.memory import InMemorySplit
from prunescope.data.order import mixed
from prunescope.data.stream import StreamSplit, seeded_worker
from prunescope.data.views import limited, to_device


def test_a_folder_of_small_images_goes_into_memory(tmp_path):
    data = Timm(root=str(write_folder(tmp_path))).load()
    assert isinstance(data.train, InMemorySplit)
    assert (len(data.train), len(data.test), data.num_classes, data.image_size) == (12, 9, 3, (20, 24))
    want = np.concatenate([pictures(4, size=(20, 24, 3), seed=place) for place in range(3)])
    assert torch.equal(data.train.images, torch.from_numpy(want).permute(0, 3, 1, 2)[mixed(12)])
    assert torch.equal(data.train.labels, torch.arange(3).repeat_interleave(4)[mixed(12)])


@pytest.mark.parametrize("name", ["val", "validation", "test", "testing", "Val", "TEST"])
def test_the_test_folder_may_have_several_names(tmp_path, name):
    assert len(Timm(root=str(write_folder(tmp_path, splits=("train", name)))).load().test) == 9


def test_folders_in_other_letters_and_several_of_them(tmp_path):
    write_folder(tmp_path, splits=("Training", "Testing"))
    assert len(Timm(root=str(tmp_path)).load().test) == 9
    (tmp_path / "testing").mkdir()
    with pytest.raises(InputError, match="has no class folders"):
        Timm(root=str(tmp_path)).load()


def test_named_splits(tmp_path):
    write_folder(tmp_path, splits=("mine", "yours"))
    assert len(Timm(root=str(tmp_path), train_split="mine", test_split="yours").load().test) == 9


def test_the_test_folder_may_lack_a_class(tmp_path):
    write_folder(tmp_path)
    for path in (tmp_path / "val" / "ant").iterdir():
        path.unlink()
    assert Timm(root=str(tmp_path)).load().test.labels.tolist() == torch.tensor([1] * 3 + [2] * 3)[mixed(6)].tolist()


def test_a_folder_of_large_images_is_streamed(tmp_path):
    data = Timm(root=str(write_folder(tmp_path, size=(70, 90))), image_size=32, in_memory="never").load()
    assert isinstance(data.train, StreamSplit)
    batches = list(data.test.batches(4))
    assert [images.shape for images, _ in batches] == [(4, 3, 32, 32)] * 2 + [(1, 3, 32, 32)]
    assert all(images.is_contiguous(memory_format=torch.channels_last) for images, _ in batches)
    assert same_batches(batches, data.test.batches(4))
    assert [len(labels) for _, labels in data.test.batches(4, limit=2)] == [4, 4]
    assert torch.equal(torch.cat([labels for _, labels in batches]), torch.arange(3).repeat_interleave(3)[mixed(9)])
    assert Timm(root=str(tmp_path)).load().image_size == (224, 224)


@pytest.mark.parametrize("in_memory", ["always", "never"])
def test_batches_of_a_folder_are_mixed_not_class_by_class(tmp_path, in_memory):
    """BatchNorm re-estimated from batches of one class manufactures barriers."""
    write_folder(tmp_path, size=(70, 70))
    data = Timm(root=str(tmp_path), image_size=16, in_memory=in_memory).load()
    assert all(len(set(labels.tolist())) > 1 for _, labels in data.train.batches(4))


def test_streamed_and_decoded_images_measure_the_same(tmp_path):
    write_folder(tmp_path, size=(70, 90))
    spec = {"root": str(tmp_path), "image_size": 40, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.25)}
    streamed, decoded = (Timm(**spec, in_memory=where).load() for where in ("never", "always"))
    for (images, labels), (kept, same) in zip(streamed.test.batches(4), decoded.test.batches(4), strict=True):
        torch.testing.assert_close(images, kept)
        assert torch.equal(labels, same)


def test_the_crop_that_measuring_sees(tmp_path):
    write_folder(tmp_path, size=(40, 40))
    seen = next(Timm(root=str(tmp_path), image_size=20, crop_pct=0.5, in_memory="never").load().test.batches(1))[0]
    first = int(mixed(9)[0])
    path = tmp_path / "val" / sorted(folder.name for folder in (tmp_path / "val").iterdir())[first // 3]
    image = np.asarray(Image.open(path / f"{first % 3}.png"))[10:30, 10:30] / 255
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(seen[0].permute(1, 2, 0), (image - mean) / std, rtol=1e-5, atol=1e-5)


def test_a_streamed_epoch_depends_on_its_generator_alone(tmp_path):
    data = Timm(root=str(write_folder(tmp_path, size=(70, 70))), image_size=24, in_memory="never").load()
    first = list(data.train.epoch(5, generator=seeded(1)))
    random.seed(5)
    torch.manual_seed(5)
    state, python = torch.get_rng_state(), random.getstate()
    again = list(data.train.epoch(5, generator=seeded(1)))
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == python
    assert same_batches(first, again)
    assert sorted(torch.cat([labels for _, labels in first]).tolist()) == [0] * 4 + [1] * 4 + [2] * 4
    other = list(data.train.epoch(5, generator=seeded(2)))
    assert not torch.equal(first[0][0], other[0][0])
    assert [len(labels) for _, labels in data.train.epoch(11, generator=seeded())] == [11]


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_workers_change_nothing(tmp_path):
    write_folder(tmp_path, size=(70, 70))
    spec = {"root": str(tmp_path), "image_size": 24, "in_memory": "never"}
    alone, helped = (Timm(**spec, workers=workers).load() for workers in (0, 2))
    assert same_batches(alone.train.epoch(5, generator=seeded(1)), helped.train.epoch(5, generator=seeded(1)))
    assert same_batches(alone.test.batches(4), helped.test.batches(4))


def test_flip_and_scale_reach_the_streamed_images(tmp_path):
    write_folder(tmp_path, size=(70, 70), classes=("only",), per_class=2)
    spec = {"root": str(tmp_path), "image_size": 70, "in_memory": "never", "scale_min": 1.0, "crop_pct": 1.0}
    plain = next(Timm(**spec).load().train.batches(2))[0]

    def seen(*, flip):
        split = Timm(**spec, flip=flip).load().train
        return torch.cat([next(split.epoch(2, generator=seeded(seed)))[0] for seed in range(20)])

    def as_they_are(images, originals):
        return [any(torch.allclose(image, original) for original in originals) for image in images]

    assert all(as_they_are(seen(flip=False), plain))
    still, mirrored = as_they_are(seen(flip=True), plain), as_they_are(seen(flip=True), plain.flip(3))
    assert [not one for one in still] == mirrored
    assert 10 <= sum(mirrored) <= 30


def test_a_streamed_split_can_be_limited_and_moved(tmp_path):
    data = Timm(root=str(write_folder(tmp_path, size=(70, 70))), image_size=24, in_memory="never").load()
    less = limited(data, batches=3, batch_size=2)
    assert torch.equal(
        torch.cat([labels for _, labels in less.train.batches(4)]), torch.arange(3).repeat_interleave(4)[mixed(12)][::2]
    )
    images, labels = next(to_device(less, "meta").train.batches(2))
    assert images.device.type == labels.device.type == "meta"


def test_the_fingerprint_of_a_folder_sees_names_sizes_and_labels(tmp_path):
    write_folder(tmp_path, size=(70, 70))

    def fingerprint(**more):
        return Timm(root=str(tmp_path), **more).load().fingerprint

    seen = [fingerprint(), fingerprint(image_size=100), fingerprint(image_size=100, interpolation="bilinear")]
    assert fingerprint() == seen[0]
    first = tmp_path / "train" / "ant" / "0.png"
    first.write_bytes(first.read_bytes() + b"\0")
    seen.append(fingerprint())
    first.rename(first.with_name("9.png"))
    seen.append(fingerprint())
    (tmp_path / "train" / "ant" / "9.png").rename(tmp_path / "train" / "bee" / "9.png")
    seen.append(fingerprint())
    assert len(set(seen)) == 6


def test_one_pixel_changes_the_fingerprint_in_memory(tmp_path):
    write_folder(tmp_path)
    before = Timm(root=str(tmp_path)).load().fingerprint
    path = tmp_path / "val" / "cow" / "1.png"
    pixels = np.array(Image.open(path))
    pixels[3, 4, 1] ^= 1
    Image.fromarray(pixels).save(path)
    assert Timm(root=str(tmp_path)).load().fingerprint != before


def test_memory_limit_decides_what_auto_keeps(tmp_path):
    write_folder(tmp_path)
    assert isinstance(Timm(root=str(tmp_path), memory_limit=0).load().train, StreamSplit)
    assert isinstance(Timm(root=str(tmp_path), memory_limit=0, in_memory="always").load().train, InMemorySplit)


# ---- what is refused ----


def test_a_missing_split_is_named(tmp_path):
    write_folder(tmp_path, splits=("train", "other"))
    said = refused(InputError, root=str(tmp_path))
    assert "no val/" in said
    assert "other" in said
    assert "train_split=FOLDER" in said
    assert "no train/" in refused(InputError, root=str(tmp_path / "train"))
    assert "no yours/" in refused(InputError, root=str(tmp_path), test_split="yours")


def test_folders_without_images_are_named(tmp_path):
    (tmp_path / "train").mkdir()
    assert "no class folders" in refused(InputError, root=str(tmp_path))
    (tmp_path / "train" / "ant").mkdir()
    assert "no images" in refused(InputError, root=str(tmp_path))
    assert "there is no data folder" in refused(InputError, root=str(tmp_path / "nowhere"))
    assert "there is no data folder" in refused(InputError)


def test_a_class_that_is_only_tested_is_named(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "val" / "ant").rename(tmp_path / "val" / "yak")
    assert "'yak'" in refused(InputError, root=str(tmp_path))


@pytest.mark.parametrize("damage", [b"", b"not an image", None])
def test_a_damaged_image_is_named_and_never_skipped(tmp_path, damage):
    write_folder(tmp_path)
    path = tmp_path / "train" / "bee" / "2.png"
    path.write_bytes(path.read_bytes()[:200] if damage is None else damage)
    assert "2.png" in refused(InputError, root=str(tmp_path))
    streamed = Timm(root=str(tmp_path), in_memory="never").load()
    with pytest.raises(InputError, match=r"2\.png"):
        list(streamed.train.batches(4))


def test_an_image_that_is_a_program_is_not_run(tmp_path, monkeypatch):
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {tmp_path / 'canary'}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None, raising=False)  # not looked for yet
    path = write_folder(tmp_path / "images") / "train" / "bee" / "2.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 5\n%%EndComments\n")
    assert "2.png" in refused(InputError, root=str(tmp_path / "images"))
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("size", [(1, 100_000), (100_000, 1)])
def test_an_image_that_is_nearly_a_line_is_named_before_it_is_scaled(tmp_path, size):
    write_folder(tmp_path)
    Image.new("L", size).save(tmp_path / "train" / "bee" / "2.png")
    assert "one side more than" in refused(InputError, root=str(tmp_path))


@pytest.mark.parametrize(
    ("look", "culprit"),
    [
        ({"mean": (0.5, 0.5), "std": (0.5, 0.5)}, "mean has 2 values"),
        ({"mean": (0.5, 0.5, 0.5)}, "must be given together"),
        ({"in_chans": 2}, "in_chans is 2"),
    ],
)
def test_a_look_that_cannot_be(tmp_path, look, culprit):
    assert culprit in refused(UsageError, root=str(write_folder(tmp_path)), **look)


def test_seeding_is_undone_after_an_error():
    state, python = torch.get_rng_state(), random.getstate()

    def fail():
        torch.rand(2)
        random.random()
        raise PrunescopeError("stop")

    with pytest.raises(PrunescopeError, match="stop"), seeded_worker(3):
        fail()
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == python
