"""check_dataset fails on each defect of a data set."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

import pytest
import torch
from defects import fails, plugin

from prunescope.api import Dataset
from prunescope.plugins.testing import check_dataset, toy_data
from prunescope.plugins.testing.toys import ToySplit


def dataset(*, side=None, data=None, **values):
    """Return a data set of toy data with other fields, or another training split."""

    def load(self):  # noqa: ARG001
        toy = (data or toy_data)()
        changed = {"train": side(toy.train.images, toy.train.labels)} if side else {}
        return dataclasses.replace(toy, **changed, **{name: value() for name, value in values.items()})

    return plugin(Dataset, load=load)


@dataclass(frozen=True)
class Split:
    """A right split, taken from toy data, to override."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self):
        return len(self.labels)

    def batches(self, size, *, limit=None):
        yield from ToySplit(self.images, self.labels).batches(size, limit=limit)

    def epoch(self, size, *, generator):
        yield from ToySplit(self.images, self.labels).epoch(size, generator=generator)


class Shuffled(Split):
    def batches(self, size, *, limit=None):
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(random.getrandbits(40)))
        yield from ToySplit(
            self.images[order].contiguous(memory_format=torch.channels_last), self.labels[order]
        ).batches(size, limit=limit)


class Unlimited(Split):
    def batches(self, size, *, limit=None):  # noqa: ARG002
        yield from ToySplit(self.images, self.labels).batches(size)


class Dropping(Split):
    def batches(self, size, *, limit=None):
        full = [batch for batch in ToySplit(self.images, self.labels).batches(size) if len(batch[0]) == size]
        yield from full[:limit]


class PerBatch(Split):
    def batches(self, size, *, limit=None):
        for images, labels in ToySplit(self.images, self.labels).batches(size, limit=limit):
            yield images - images.mean(), labels


class GlobalGenerator(Split):
    def epoch(self, size, *, generator):
        for images, labels in ToySplit(self.images, self.labels).epoch(size, generator=generator):
            yield images + torch.randn_like(images), labels


class InOrder(Split):
    def epoch(self, size, *, generator):  # noqa: ARG002
        yield from (batch for batch in self.batches(size) if len(batch[0]) > 1)


class Half(Split):
    def epoch(self, size, *, generator):
        yield from list(ToySplit(self.images, self.labels).epoch(size, generator=generator))[::2]


class LastOfOne(Split):
    def epoch(self, size, *, generator):
        for chosen in torch.split(torch.randperm(len(self), generator=generator), size):
            yield self.images[chosen].contiguous(memory_format=torch.channels_last), self.labels[chosen]


def not_a_number(images, labels):
    images[5, 0, 0, 0] = float("nan")
    return Split(images, labels)


DEFECTIVE_DATASETS = {
    "batches differ the second time": {"side": Shuffled},
    "are not the first two": {"side": Unlimited},
    "have the sizes": {"side": Dropping},
    "depend on the batch size": {"side": PerBatch},
    "is not determined by its generator": {"side": GlobalGenerator},
    "ignores its generator": {"side": InOrder},
    "not one pass over all images": {"side": Half},
    "leave out the last one": {"side": LastOfOne},
    "NaN or infinite": {"side": not_a_number},
    "images torch.float64": {"side": lambda images, labels: Split(images.double(), labels)},
    "labels torch.int32": {"side": lambda images, labels: Split(images, labels.int())},
    "labels outside 0 to 3": {"side": lambda images, labels: Split(images, labels + 1)},
    "not channels_last": {"side": lambda images, labels: Split(images.contiguous(), labels)},
    r"images of shape \(3, 8, 8\)": {"image_size": lambda: (16, 16)},
    "1 class": {"num_classes": lambda: 1},
    "no name": {"name": str},
    "no fingerprint": {"fingerprint": str},
    "the fingerprint differs": {"fingerprint": lambda: str(random.random())},
    "the training images differ when loaded again": {"data": lambda: toy_data(seed=random.getrandbits(30))},
    "1 training and 65 test images": {"data": lambda: toy_data(train=1)},
}


def test_a_right_data_set_passes():
    check_dataset(dataset(side=Split))


@pytest.mark.parametrize("message", DEFECTIVE_DATASETS)
def test_defects_of_datasets(message):
    fails(check_dataset, dataset(**DEFECTIVE_DATASETS[message]), message)


def test_data_must_be_data():
    fails(check_dataset, plugin(Dataset, load=lambda self: {"train": 1}), "loads a dict")  # noqa: ARG005
