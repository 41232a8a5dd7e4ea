"""Tensors of any kind as data."""

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from prunescope.api.errors import InputError
from prunescope.data import views
from prunescope.data.objectives import MultiLabel, Regression
from prunescope.data.tensors import from_datasets, from_tensors

TOKENS = (torch.arange(60).view(12, 5) % 7, torch.arange(12) % 3)


def test_token_ids_pass_through_in_mixed_order():
    data = from_tensors("tokens", TOKENS, TOKENS)
    assert (data.num_classes, data.in_chans, data.image_size) == (3, 5, ())
    inputs, targets = next(iter(data.train.batches(12)))
    assert inputs.dtype == targets.dtype == torch.int64
    rows = {(tuple(row), label) for row, label in zip(inputs.tolist(), targets.tolist(), strict=True)}
    assert rows == {(tuple(row), label) for row, label in zip(TOKENS[0].tolist(), TOKENS[1].tolist(), strict=True)}
    assert not torch.equal(inputs, TOKENS[0])


def test_an_epoch_is_one_pass_that_follows_from_its_generator():
    data = from_tensors("tokens", TOKENS, TOKENS)
    passes = [list(data.train.epoch(5, generator=torch.Generator().manual_seed(seed))) for seed in (0, 0, 1)]
    assert [len(inputs) for inputs, _ in passes[0]] == [5, 5, 2]
    assert torch.equal(passes[0][0][0], passes[1][0][0])
    assert not torch.equal(passes[0][0][0], passes[2][0][0])
    assert len(list(data.train.epoch(11, generator=torch.Generator()))) == 1  # one example has no variance


def test_images_keep_their_values_and_lie_in_channels_last():
    images, maps = np.random.default_rng(0).normal(size=(6, 2, 4, 4)), np.zeros((6, 3))
    data = from_tensors("maps", (images, maps), (images, maps), objective=Regression(variance=(1.0,)))
    assert (data.num_classes, data.in_chans, data.image_size) == (3, 2, (4, 4))
    for inputs, targets in (
        *data.train.batches(3),
        *data.train.epoch(3, generator=torch.Generator()),
        *views.to_device(views.limited(data, batches=1, batch_size=2), "cpu").train.batches(2),
    ):
        assert inputs.dtype == targets.dtype == torch.float32
        assert inputs.is_contiguous(memory_format=torch.channels_last)


def test_equal_fingerprints_mean_equal_tensors():
    one = from_tensors("tokens", TOKENS, TOKENS).fingerprint
    assert from_tensors("others", TOKENS, TOKENS).fingerprint == one
    assert from_tensors("tokens", (TOKENS[0], (TOKENS[1] + 1) % 3), TOKENS).fingerprint != one
    assert from_tensors("tokens", (TOKENS[0].float(), TOKENS[1]), (TOKENS[0].float(), TOKENS[1])).fingerprint != one


def test_data_sets_of_torch_are_read_into_memory():
    made = TensorDataset(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.ones(5, 2))
    data = from_datasets("rows", made, made, objective=MultiLabel())
    assert (len(data.train), data.num_classes, data.in_chans) == (5, 2, 3)
    assert data.train.targets.dtype == torch.float32


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ((torch.zeros(4, 3), torch.zeros(3)), None, "n targets"),
        ((torch.zeros(4), torch.zeros(4)), None, "n targets"),
        ((torch.zeros(4, 3, dtype=torch.uint8), torch.zeros(4)), None, "uint8"),
        ((torch.zeros(4, 3), ["a", "b"]), None, "not arrays"),
        (None, (torch.zeros(4, 6, dtype=torch.int64), torch.zeros(4, dtype=torch.int64)), "test inputs are int64"),
        (None, (TOKENS[0], TOKENS[1] + 1), "labels run from 1 to 3"),
        ((TOKENS[0], torch.eye(12)), (TOKENS[0], torch.eye(12)), r"labels are float32 of shape \(12, 12\)"),
        ((TOKENS[0], TOKENS[1][:, None]), (TOKENS[0], TOKENS[1][:, None]), r"labels are int64 of shape \(12, 1\)"),
        ((torch.full((4, 3), torch.nan), torch.zeros(4)), None, "NaN or infinite in 4 examples, the first at place 0"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(train, test, message):
    with pytest.raises(InputError, match=message):
        from_tensors("odd", train or TOKENS, test or TOKENS)


def test_items_of_several_shapes_are_one_clear_error():
    ragged = [(torch.zeros(2), 0), (torch.zeros(3), 1)]
    with pytest.raises(InputError, match="cannot be stacked"):
        from_datasets("ragged", ragged, ragged)
