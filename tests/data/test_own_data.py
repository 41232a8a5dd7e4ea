"""A person's own data: arrays, and factories that make them."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from images import images_of

from prunescope.api.errors import InputError, UsageError
from prunescope.data.arrays import from_factory, to_data
from prunescope.data.identity import identify_data
from prunescope.data.memory import Augmentation


def test_arrays_become_data_normalised_by_the_training_images():
    data = to_data(
        "mine", (images_of(12), np.arange(12) % 3, images_of(6, seed=1), np.arange(6) % 3), augmentation=Augmentation(1)
    )
    assert (data.num_classes, data.in_chans, data.image_size) == (3, 3, (6, 5))
    assert data.test.mean == data.train.mean
    assert data.train.augmentation == Augmentation(1)
    assert data.test.augmentation == Augmentation()


@pytest.mark.parametrize(
    ("arrays", "culprit"),
    [
        ((images_of(4), torch.tensor([0, 1, 2, -1]), images_of(2), torch.tensor([0, 1])), "from -1 to 2"),
        ((images_of(2), torch.tensor([0, 1]), images_of(2), torch.tensor([0, 2])), "from 0 to 2"),
        ((images_of(3), torch.tensor([1, 2, 3]), images_of(2), torch.tensor([1, 2])), "from 1 to 3, and none is 0"),
        ((images_of(2), torch.tensor([0, 1]), images_of(2, width=4), torch.tensor([0, 1])), r"\(3, 6, 4\)"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(arrays, culprit):
    with pytest.raises(InputError, match=culprit):
        to_data("mine", arrays, augmentation=Augmentation())


def test_arrays_in_another_order_of_bytes_or_of_rows_are_what_they_show():
    images = np.random.default_rng(0).integers(0, 255, (4, 1, 2, 2)).astype(np.uint8)
    labels = np.arange(4) % 2
    plain = to_data("mine", (images[::-1].copy(), labels, images, labels), augmentation=Augmentation())
    other = to_data("mine", (images[::-1], labels.astype(">i4"), images, labels), augmentation=Augmentation())
    assert other.fingerprint == plain.fingerprint


@pytest.mark.parametrize("labels", [np.array(list("abab")), np.array([{}] * 4, dtype=object)], ids=["texts", "objects"])
def test_labels_that_are_no_numbers_are_refused(labels):
    images = np.zeros((4, 1, 2, 2), np.uint8)
    with pytest.raises(InputError, match="labels are no array of numbers"):
        to_data("mine", (images, labels, images, labels), augmentation=Augmentation())


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "mydata_for_tests.py").write_text(
        "import numpy as np\n"
        "from prunescope.data.memory import Augmentation\n"
        "number = 3\n"
        "def four(): return [np.zeros((4, 1, 2, 2), np.uint8), np.arange(4) % 2] * 2\n"
        "def data():\n"
        "    from prunescope.data.arrays import to_data\n"
        "    return to_data('own', four(), augmentation=Augmentation())\n"
        "def three(): return four()[:3]\n"
        "def text(): return 'x'\n"
        "def broken(): return 1 / 0\n"
        "class Holder: make = staticmethod(four)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "mydata_for_tests"


def four_in_order(module):
    arrays = importlib.import_module(module).four()
    return to_data("own", tuple(arrays), augmentation=Augmentation())


def test_a_factory_gives_arrays_or_data(module):
    four = from_factory(f"{module}:four", augmentation=Augmentation(1))
    assert (four.name, four.num_classes, four.train.augmentation) == (f"{module}:four", 2, Augmentation(1))
    own = from_factory(f"{module}:data", augmentation=Augmentation(1))
    assert own.name == "own"
    assert own.fingerprint == identify_data(four_in_order(module)).fingerprint  # what it says of itself, and holds
    assert len(from_factory(f"{module}:Holder.make", augmentation=Augmentation()).train) == 4


@pytest.mark.parametrize(
    ("attribute", "error", "culprit"),
    [
        ("three", InputError, "list of 3"),
        ("text", InputError, "returned a str"),
        ("broken", InputError, "ZeroDivisionError"),
        ("number", UsageError, "is a int"),
        ("missing", UsageError, "has no 'missing'"),
        ("", UsageError, "names no factory"),
    ],
)
def test_a_factory_that_cannot_work_is_named(module, attribute, error, culprit):
    with pytest.raises(error, match=culprit) as caught:
        from_factory(f"{module}:{attribute}", augmentation=Augmentation())
    assert module in str(caught.value)


def test_a_missing_module_is_named():
    with pytest.raises(UsageError, match="no_such_module_here"):
        from_factory("no_such_module_here:make", augmentation=Augmentation())
