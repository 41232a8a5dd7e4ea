"""The examples behind loaders of torch: the part that a sampler draws, as `collate_fn` makes them."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Sampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from prunescope.api.errors import InputError
from prunescope.data.loaders import read_examples
from prunescope.data.objects import objects_to_data

ROWS = torch.arange(24.0).view(12, 2)
LABELS = torch.arange(12) % 3
WHOLE = TensorDataset(ROWS, LABELS)
PART = [9, 2, 5, 7]


class Some(Sampler):
    """The same part at each pass, in another order."""

    def __iter__(self):
        return iter([PART[place] for place in torch.randperm(4)])


class Any(Sampler):
    def __iter__(self):
        return iter(torch.randperm(12)[:4].tolist())


def rows(examples):
    return sorted(int(row[0]) // 2 for row, _ in examples)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": True, "drop_last": True, "batch_size": 5},
        {"batch_size": None},
        {"sampler": RandomSampler(WHOLE, replacement=True, num_samples=3)},
        {"sampler": WeightedRandomSampler([1.0] * 12, 4)},
    ],
)
def test_all_examples_of_a_loader_that_draws_from_all_are_read(options):
    assert rows(read_examples(DataLoader(WHOLE, **options))) == list(range(12))


@pytest.mark.parametrize(
    "options",
    [
        {"sampler": SubsetRandomSampler(PART)},
        {"sampler": PART},
        {"sampler": Some()},
        {"batch_sampler": BatchSampler(SubsetRandomSampler(PART), 3, drop_last=False)},
        {"batch_sampler": [PART[:2], PART[2:]]},
    ],
)
def test_the_part_that_a_sampler_draws_is_read_in_order(options):
    found = read_examples(DataLoader(WHOLE, **options))
    assert [int(row[0]) // 2 for row, _ in found] == sorted(PART)


def test_two_loaders_of_one_data_set_are_two_splits():
    loaders = [DataLoader(WHOLE, 4, sampler=SubsetRandomSampler(part)) for part in (range(8), range(8, 12))]
    data = objects_to_data(loaders)
    assert (len(data.train), len(data.test)) == (8, 4)
    assert float(data.test.inputs.min()) == 16


def test_a_sampler_that_draws_other_examples_each_time_is_refused():
    torch.manual_seed(0)
    with pytest.raises(InputError, match="sampler Any of a DataLoader draws other examples"):
        read_examples(DataLoader(WHOLE, sampler=Any()))


def test_what_collate_does_to_a_batch_is_done_to_each_example():
    def scaled(examples):
        return torch.stack([row for row, _ in examples]) * 2 - 1, torch.stack([label for _, label in examples])

    data = objects_to_data([DataLoader(WHOLE, 4, collate_fn=scaled)] * 2)
    assert torch.equal(data.train.inputs.sort(0).values, ROWS * 2 - 1)
    with pytest.raises(InputError, match=r"collate_fn .* KeyError"):
        read_examples(DataLoader(WHOLE, collate_fn=lambda examples: {"x": examples}))


def test_items_that_are_no_pairs_and_streams_are_refused():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(WHOLE)

        def __len__(self):
            return 12

    with pytest.raises(InputError, match="cannot read a split from DataLoader"):
        objects_to_data([DataLoader(Stream()), DataLoader(WHOLE)])
    with pytest.raises(InputError, match="no item 0") as caught:
        objects_to_data([[{"image": row} for row in ROWS]] * 2)
    assert "no dictionary" in caught.value.fix
