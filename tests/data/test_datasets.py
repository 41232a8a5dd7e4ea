"""The data sets that come with prunescope, their options, and factories."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from prunescope.api.errors import UsageError
from prunescope.data.datasets import Digits, Factory, Patches, Timm
from prunescope.data.digits import divide_by_class, read_digits
from prunescope.plugins import options


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


def test_factory_passes_augmentation_on(tmp_path, monkeypatch):
    (tmp_path / "arrays_for_factory.py").write_text(
        "import numpy as np\ndef make(): return [np.zeros((4, 1, 2, 2), np.uint8), np.arange(4) % 2] * 2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    data = Factory(factory="arrays_for_factory:make", crop_padding=1, flip=True).load()
    assert (data.train.augmentation.crop_padding, data.train.augmentation.flip) == (1, True)
