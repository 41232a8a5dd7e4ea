"""Data of one's own are known by what they yield, not by the fingerprint alone that their author gives them."""

import dataclasses

import pytest
import torch

from prunescope.api import Classification, Data
from prunescope.data.identity import identify_data
from prunescope.data.objects import objects_to_data
from prunescope.data.tensors import TensorSplit, from_tensors


class Shifted(TensorSplit):
    """A split whose training examples are moved."""

    def epoch(self, size, *, generator):
        for inputs, targets in super().epoch(size, generator=generator):
            yield inputs + 1, targets


class Harder(Classification):
    """An objective of one's own."""

    def errors(self, outputs, targets):
        return super().errors(outputs, targets)


def made(**changed) -> Data:
    inputs, targets = torch.arange(24.0).reshape(8, 3), torch.tensor([0, 1] * 4)
    data = from_tensors("mine", (inputs, targets), (inputs, targets))
    return dataclasses.replace(data, fingerprint="constant", **changed)


def split(kind=TensorSplit, *, factor=1.0) -> TensorSplit:
    return kind(inputs=torch.arange(24.0).reshape(8, 3) * factor, targets=torch.tensor([0, 1] * 4))


def test_a_constant_fingerprint_hides_no_change():
    given = [
        made(),
        made(train=split(factor=2.0)),
        made(test=split(factor=2.0)),
        made(train=split(Shifted)),
        made(objective=Harder()),
        dataclasses.replace(made(), fingerprint="another constant"),
    ]
    assert len({identify_data(data).fingerprint for data in given}) == len(given)
    assert identify_data(made()).fingerprint == identify_data(made()).fingerprint


def test_data_given_as_an_object_are_told_apart_where_their_code_is_a_persons():
    first, second = (objects_to_data(made(train=split(Shifted, factor=factor))) for factor in (1.0, 2.0))
    assert first.fingerprint != second.fingerprint
    assert objects_to_data(made()).fingerprint == "constant"


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_a_factory_that_returns_data_is_looked_at(monkeypatch, factor):
    from prunescope.data import arrays

    monkeypatch.setattr(arrays, "resolve", lambda _: lambda: made(train=split(factor=factor)))
    found = arrays.from_factory("mine:data", augmentation=arrays.Augmentation())
    assert found.fingerprint == identify_data(made(train=split(factor=factor))).fingerprint != "constant"
