"""Data sets that other libraries read: torchvision, WebDataset and Hugging Face, from files in their real formats."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from cifar10_files import pictures, write_cifar10
from images import refused, same_batches, seeded, write_folder
from PIL import Image

from prunescope.api.errors import InputError, UsageError
from prunescope.data.datasets import Timm
from prunescope.data.library import Where, open_splits
from prunescope.data.memory import InMemorySplit, content_digest
from prunescope.data.order import mixed
from prunescope.data.stream import SequentialSplit
from prunescope.data.views import limited, to_device


def write_mnist(root):
    """Write the four gzipped IDX files, as torchvision finds them on disk."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for prefix, n in (("train", 12), ("t10k", 7)):
        pixels, labels = pictures(n, size=(28, 28), seed=n), (np.arange(n) % 10).astype(np.uint8)
        for name, magic, array in (("images-idx3", 2051, pixels), ("labels-idx1", 2049, labels)):
            header = np.array([magic, *array.shape], dtype=">i4").tobytes()
            (folder / f"{prefix}-{name}-ubyte").write_bytes(header + array.tobytes())
            (folder / f"{prefix}-{name}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))
    return root


def write_webdataset(root, *, n=10, announced=None, size=(80, 80, 3)):
    """Write two shards of n images each with timm's _info.json."""
    root.mkdir()
    splits = {}
    for number, split in enumerate(("train", "validation")):
        shard = f"{split}-0000.tar"
        with tarfile.open(root / shard, "w") as tar:
            for i, pixels in enumerate(pictures(n, size=size, seed=number)):
                png = io.BytesIO()
                Image.fromarray(pixels).save(png, "PNG")
                for suffix, raw in (("png", png.getvalue()), ("cls", str(i % 3).encode())):
                    member = tarfile.TarInfo(f"{i:04d}.{suffix}")
                    member.size = len(raw)
                    tar.addfile(member, io.BytesIO(raw))
        count = announced or n
        splits[split] = {"name": split, "num_samples": count, "filenames": [shard], "shard_lengths": [count]}
    (root / "_info.json").write_text(json.dumps({"splits": splits}))
    return root


# ---- torchvision's ----


def test_cifar10_is_read_from_its_own_files_into_memory(tmp_path, monkeypatch):
    write_cifar10(tmp_path, monkeypatch)
    data = Timm(dataset="torch/cifar10", root=str(tmp_path)).load()
    assert isinstance(data.train, InMemorySplit)
    assert (len(data.train), len(data.test)) == (30, 6)
    assert (data.num_classes, data.in_chans, data.image_size) == (10, 3, (32, 32))
    want = np.concatenate([pictures(6, size=(3, 32, 32), seed=number) for number in range(5)])
    assert torch.equal(data.train.images, torch.from_numpy(want)[mixed(30)])
    labels = torch.tensor([(number + i) % 10 for number in range(5) for i in range(6)])
    assert torch.equal(data.train.labels, labels[mixed(30)])
    np.testing.assert_allclose(data.train.mean, want.mean((0, 2, 3)) / 255, rtol=1e-12)
    assert (data.train.augmentation.crop_padding, data.train.augmentation.flip) == (4, True)
    assert data.fingerprint == content_digest(data.train, data.test)


def test_the_whole_array_and_decoding_image_by_image_agree(tmp_path, monkeypatch):
    write_cifar10(tmp_path, monkeypatch)
    spec = {"dataset": "torch/cifar10", "root": str(tmp_path)}
    whole, decoded = Timm(**spec).load(), Timm(**spec, crop_pct=1.0).load()
    assert torch.equal(whole.train.images, decoded.train.images)
    assert whole.fingerprint == decoded.fingerprint


def test_the_look_of_images_is_as_asked(tmp_path, monkeypatch):
    write_cifar10(tmp_path, monkeypatch)
    spec = {"dataset": "torch/cifar10", "root": str(tmp_path)}
    data = Timm(**spec, image_size=16, in_chans=1, mean=(0.4,), std=(0.2,), crop_padding=2, flip=False).load()
    assert (data.in_chans, data.image_size) == (1, (16, 16))
    assert data.train.images.shape == (30, 1, 16, 16)
    assert (data.train.mean, data.test.std) == ((0.4,), (0.2,))
    assert (data.train.augmentation.crop_padding, data.train.augmentation.flip) == (2, False)


def test_mnist_is_grey(tmp_path):
    data = Timm(dataset="torch/mnist", root=str(write_mnist(tmp_path))).load()
    assert (data.in_chans, data.image_size, data.num_classes) == (1, (28, 28), 10)
    assert torch.equal(data.test.images[:, 0], torch.from_numpy(pictures(7, size=(28, 28), seed=7))[mixed(7)])
    colour = Timm(dataset="torch/mnist", root=str(tmp_path), in_chans=3).load()
    assert torch.equal(colour.test.images[:, 2], data.test.images[:, 0])
    streamed = Timm(dataset="torch/mnist", root=str(tmp_path), in_memory="never").load()
    images, labels = next(streamed.test.batches(7))
    torch.testing.assert_close(images, (data.test.images / 255 - 0.449) / 0.226)
    assert torch.equal(labels, data.test.labels)


def test_torchvisions_own_image_folder_works(tmp_path):
    write_folder(tmp_path, size=(70, 70))
    data = Timm(dataset="torch/image_folder", root=str(tmp_path)).load()
    assert (len(data.train), len(data.test), data.num_classes) == (12, 9, 3)
    assert data.fingerprint == Timm(dataset="torch/image_folder", root=str(tmp_path)).load().fingerprint


# ---- WebDataset and Hugging Face ----

needs_webdataset = pytest.mark.skipif(find_spec("webdataset") is None, reason="needs webdataset")
# webdataset leaves its shards to the garbage collector to close
leaks_files = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning", "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"
)
needs_datasets = pytest.mark.skipif(find_spec("datasets") is None, reason="needs datasets")


@needs_webdataset
@leaks_files
def test_webdataset_shards_are_streamed_in_order_and_shuffled_in_a_buffer(tmp_path):
    data = Timm(dataset="wds/mine", root=str(write_webdataset(tmp_path / "w")), image_size=32, in_memory="never").load()
    assert isinstance(data.train, SequentialSplit)
    assert (len(data.train), len(data.test), data.num_classes) == (10, 10, 3)
    batches = list(data.test.batches(4))
    assert torch.cat([labels for _, labels in batches]).tolist() == [i % 3 for i in range(10)]
    assert same_batches(batches, data.test.batches(4))
    assert [len(labels) for _, labels in data.test.batches(4, limit=2)] == [4, 4]
    epoch = list(data.train.epoch(3, generator=seeded(1)))
    assert [len(labels) for _, labels in epoch] == [3, 3, 3]
    assert same_batches(epoch, data.train.epoch(3, generator=seeded(1)))
    assert [len(labels) for _, labels in to_device(data, "meta").train.epoch(5, generator=seeded())] == [5, 5]
    assert [len(labels) for _, labels in limited(data, batches=3, batch_size=2).test.batches(4)] == [4, 2]


@needs_webdataset
@leaks_files
@pytest.mark.parametrize("buffer", [1, 3, 100])
def test_a_buffer_loses_no_image(tmp_path, buffer):
    data = Timm(dataset="wds/mine", root=str(write_webdataset(tmp_path / "w")), image_size=32, in_memory="never").load()
    split = SequentialSplit(source=data.train.source, eyes=data.train.eyes, buffer=buffer)
    labels = torch.cat([labels for _, labels in split.epoch(5, generator=seeded(1))]).tolist()
    assert sorted(labels) == sorted(i % 3 for i in range(10))


@needs_webdataset
@leaks_files
def test_small_webdataset_images_go_into_memory(tmp_path):
    data = Timm(dataset="wds/mine", root=str(write_webdataset(tmp_path / "w", size=(16, 16, 3)))).load()
    assert isinstance(data.train, InMemorySplit)
    assert torch.equal(
        data.train.images, torch.from_numpy(pictures(10, size=(16, 16, 3))).permute(0, 3, 1, 2)[mixed(10)]
    )


@needs_webdataset
@leaks_files
def test_shards_with_fewer_images_than_announced_are_refused(tmp_path):
    root = write_webdataset(tmp_path / "w", announced=12)
    data = Timm(dataset="wds/mine", root=str(root), in_memory="never").load
    with pytest.raises(InputError, match="10 images could be read, 12"):
        data()


@needs_datasets
def test_a_hugging_face_data_set_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write_folder(tmp_path / "set", splits=("train", "test"))
    data = Timm(dataset=f"hfds/{tmp_path / 'set'}", root=str(tmp_path / "cache")).load()
    assert (len(data.train), len(data.test), data.num_classes, data.image_size) == (12, 9, 3, (20, 24))
    with pytest.raises(InputError, match="'nonesuch' split"):
        Timm(dataset=f"hfds/{tmp_path / 'set'}", root=str(tmp_path / "cache"), test_split="nonesuch").load()


def test_data_that_are_not_on_disk_are_not_fetched(tmp_path):
    said = refused(InputError, dataset="torch/cifar10", root=str(tmp_path))
    assert "torch/cifar10" in said
    assert "download" in said
    assert not list(tmp_path.iterdir())


def test_a_torch_name_close_to_a_known_one():
    assert "torch/cifar10" in refused(UsageError, dataset="torch/cifar11")


def test_a_library_timm_does_not_know():
    assert "torch/" in refused(UsageError, dataset="nolib/x")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("prunescope.data.library.find_spec", lambda _: None)
    assert "pip install tensorflow-datasets" in refused(InputError, dataset="tfds/mnist")


@needs_webdataset
@leaks_files
def test_classes_are_counted_unless_their_number_is_given(tmp_path):
    spec = {"dataset": "wds/mine", "root": str(write_webdataset(tmp_path / "w"))}
    assert open_splits(Where(**spec)).num_classes == 3
    assert open_splits(Where(**spec, num_classes=7)).num_classes == 7
    assert "labels run from 0 to 2" in refused(InputError, **spec, num_classes=2, in_memory="always")
