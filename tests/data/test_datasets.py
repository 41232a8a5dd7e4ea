"""The built-in data sets, read from files in their real formats that the tests write."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from cifar10_files import pictures, write_cifar10
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from prunescope.api.errors import InputError, PrunescopeError, UsageError
from prunescope.data.datasets import Digits, Factory, Patches, Timm
from prunescope.data.digits import divide_by_class, read_digits
from prunescope.data.library import Where, open_splits
from prunescope.data.memory import InMemorySplit, content_digest
from prunescope.data.order import mixed
from prunescope.data.stream import SequentialSplit, StreamSplit, seeded_worker
from prunescope.data.views import limited, to_device
from prunescope.plugins import options


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def same_batches(one, two):
    return all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(one, two, strict=True))


def write_folder(root, *, splits=("train", "val"), classes=("ant", "bee", "cow"), size=(20, 24), per_class=4):
    for number, split in enumerate(splits):
        for place, name in enumerate(classes):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i, pixels in enumerate(pictures(per_class - number, size=(*size, 3), seed=10 * number + place)):
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return root


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


# ---- digits and patches ----


def test_digits_are_divided_by_class_and_complete():
    data = Digits().load()
    assert (len(data.train), len(data.test)) == (1297, 500)
    assert (data.num_classes, data.in_chans, data.image_size) == (10, 1, (8, 8))
    original = load_digits()
    counts = np.bincount(original.target)
    for split, share in ((data.train, 1297 / 1797), (data.test, 500 / 1797)):
        assert np.abs(np.bincount(split.labels) - counts * share).max() <= 1
    rows = np.concatenate([np.rint(split.images.numpy()[:, 0] * (16 / 255)) for split in (data.train, data.test)])
    assert sorted(map(bytes, rows.astype(np.uint8))) == sorted(map(bytes, original.images.astype(np.uint8)))
    assert (data.train.augmentation.crop_padding, data.train.augmentation.flip) == (1, False)
    assert data.fingerprint == Digits().load().fingerprint != Digits(seed=1).load().fingerprint


def test_the_digits_are_those_of_scikit_learn():
    original = load_digits()
    images, labels = read_digits()
    assert (images == original.images).all()
    assert (labels == original.target).all()
    assert labels.dtype == np.int64


@pytest.mark.parametrize("test", [10, 37, 500, 1787])
@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_the_division_is_that_of_scikit_learn(test, seed):
    _, labels = read_digits()
    wanted = train_test_split(np.arange(len(labels)), test_size=test, random_state=seed, stratify=labels)
    found = divide_by_class(labels, test=test, seed=seed)
    assert all((mine == theirs).all() for mine, theirs in zip(found, wanted, strict=True))


def test_a_division_without_a_class_is_refused():
    with pytest.raises(UsageError, match="leave a class of 10 without any"):
        Digits(test_images=1790).load()


def test_patches_pass_every_option_on():
    data = Patches(images=30, test_images=20, size=12, channels=1, label_noise=0.5, intrinsic_dimension=3).load()
    assert (len(data.train), len(data.test), data.num_classes) == (30, 20, 10)
    assert (data.in_chans, data.image_size) == (1, (12, 12))
    changes = {
        "patch": 4,
        "prototypes": 3,
        "background": 0.1,
        "distractor": 0.1,
        "noise": 0.1,
        "label_noise": 0.2,
        "intrinsic_dimension": 4,
        "seed": 1,
    }
    prints = {Patches(images=30, test_images=20, **{name: value}).load().fingerprint for name, value in changes.items()}
    assert len(prints | {Patches(images=30, test_images=20).load().fingerprint}) == 9


@pytest.mark.parametrize("plugin", [Digits, Patches, Timm, Factory])
def test_options_have_help_and_round_trip(plugin):
    fields = options.fields(plugin)
    assert all(field.option.help for field in fields)
    built = options.build_plugin(plugin, {"factory": "a:b"} if plugin is Factory else {})
    assert options.build_plugin(plugin, options.all_options(built)) == built


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


# ---- folders of images ----


def test_a_folder_of_small_images_goes_into_memory(tmp_path):
    data = Timm(root=str(write_folder(tmp_path))).load()
    assert isinstance(data.train, InMemorySplit)
    assert (len(data.train), len(data.test), data.num_classes, data.image_size) == (12, 9, 3, (20, 24))
    want = np.concatenate([pictures(4, size=(20, 24, 3), seed=place) for place in range(3)])
    assert torch.equal(data.train.images, torch.from_numpy(want).permute(0, 3, 1, 2)[mixed(12)])
    assert torch.equal(data.train.labels, torch.arange(3).repeat_interleave(4)[mixed(12)])


@pytest.mark.parametrize("name", ["val", "validation", "test"])
def test_the_test_folder_may_have_several_names(tmp_path, name):
    assert len(Timm(root=str(write_folder(tmp_path, splits=("train", name)))).load().test) == 9


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
    first = list(data.train.epoch(5, generator=generator(1)))
    random.seed(5)
    torch.manual_seed(5)
    state, python = torch.get_rng_state(), random.getstate()
    again = list(data.train.epoch(5, generator=generator(1)))
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == python
    assert same_batches(first, again)
    assert sorted(torch.cat([labels for _, labels in first]).tolist()) == [0] * 4 + [1] * 4 + [2] * 4
    other = list(data.train.epoch(5, generator=generator(2)))
    assert not torch.equal(first[0][0], other[0][0])
    assert [len(labels) for _, labels in data.train.epoch(11, generator=generator())] == [11]


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_workers_change_nothing(tmp_path):
    write_folder(tmp_path, size=(70, 70))
    spec = {"root": str(tmp_path), "image_size": 24, "in_memory": "never"}
    alone, helped = (Timm(**spec, workers=workers).load() for workers in (0, 2))
    assert same_batches(alone.train.epoch(5, generator=generator(1)), helped.train.epoch(5, generator=generator(1)))
    assert same_batches(alone.test.batches(4), helped.test.batches(4))


def test_flip_and_scale_reach_the_streamed_images(tmp_path):
    write_folder(tmp_path, size=(70, 70), classes=("only",), per_class=2)
    spec = {"root": str(tmp_path), "image_size": 70, "in_memory": "never", "scale_min": 1.0, "crop_pct": 1.0}
    plain = next(Timm(**spec).load().train.batches(2))[0]

    def seen(*, flip):
        split = Timm(**spec, flip=flip).load().train
        return torch.cat([next(split.epoch(2, generator=generator(seed)))[0] for seed in range(20)])

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
    epoch = list(data.train.epoch(3, generator=generator(1)))
    assert [len(labels) for _, labels in epoch] == [3, 3, 3]
    assert same_batches(epoch, data.train.epoch(3, generator=generator(1)))
    assert [len(labels) for _, labels in to_device(data, "meta").train.epoch(5, generator=generator())] == [5, 5]
    assert [len(labels) for _, labels in limited(data, batches=3, batch_size=2).test.batches(4)] == [4, 2]


@needs_webdataset
@leaks_files
@pytest.mark.parametrize("buffer", [1, 3, 100])
def test_a_buffer_loses_no_image(tmp_path, buffer):
    data = Timm(dataset="wds/mine", root=str(write_webdataset(tmp_path / "w")), image_size=32, in_memory="never").load()
    split = SequentialSplit(source=data.train.source, eyes=data.train.eyes, buffer=buffer)
    labels = torch.cat([labels for _, labels in split.epoch(5, generator=generator(1))]).tolist()
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


# ---- what is refused ----


def refused(error, **spec):
    with pytest.raises(error) as caught:
        Timm(**spec).load()
    assert caught.value.fix
    return str(caught.value)


def test_a_missing_split_is_named(tmp_path):
    write_folder(tmp_path, splits=("train", "other"))
    said = refused(InputError, root=str(tmp_path))
    assert "no val/" in said
    assert "other" in said
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


def test_factory_passes_augmentation_on(tmp_path, monkeypatch):
    (tmp_path / "arrays_for_factory.py").write_text(
        "import numpy as np\ndef make(): return [np.zeros((4, 1, 2, 2), np.uint8), np.arange(4) % 2] * 2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    data = Factory(factory="arrays_for_factory:make", crop_padding=1, flip=True).load()
    assert (data.train.augmentation.crop_padding, data.train.augmentation.flip) == (1, True)


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


@needs_webdataset
@leaks_files
def test_classes_are_counted_unless_their_number_is_given(tmp_path):
    spec = {"dataset": "wds/mine", "root": str(write_webdataset(tmp_path / "w"))}
    assert open_splits(Where(**spec)).num_classes == 3
    assert open_splits(Where(**spec, num_classes=7)).num_classes == 7
    assert "labels run from 0 to 2" in refused(InputError, **spec, num_classes=2, in_memory="always")
