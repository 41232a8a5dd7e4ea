"""The examples behind a DataLoader: those that its sampler draws, each as its `collate_fn` makes it, in fixed order."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch.utils.data import DataLoader


def read_examples(loader: DataLoader[Any]) -> list[Any]:
    """Return the examples of a loader once, in the order of its data set.

    What its own `collate_fn` does to a batch (a normalisation, for example) is done to each example.

    Raises:
        InputError: the sampler draws other examples each time, or `collate_fn` takes no single example.
    """
    from torch.utils.data import default_collate, default_convert

    examples = [loader.dataset[place] for place in _places(loader)]
    if loader.collate_fn in (default_collate, default_convert):
        return examples
    try:
        batches = [loader.collate_fn([example]) for example in examples]
        return [(batch[0][0], batch[1][0]) for batch in batches]
    except Exception as error:
        raise InputError(
            f"the collate_fn of a DataLoader makes no (input, target) of one example: {type(error).__name__}: {error}",
            fix="give a data set that returns (input, target) as the network takes them",
        ) from error


def _places(loader: DataLoader[Any]) -> Sequence[int]:
    """Return the places in the data set that a loader draws from: all, or the part that its sampler has."""
    from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler, WeightedRandomSampler
    from torch.utils.data.distributed import DistributedSampler

    total, batches = len(loader.dataset), loader.batch_sampler  # type: ignore[arg-type]
    own = batches is not None and type(batches) is not BatchSampler
    holder: Any = loader if batches is None else batches
    sampler = holder if own else holder.sampler
    if isinstance(sampler, (SequentialSampler, RandomSampler, WeightedRandomSampler, DistributedSampler)):
        return range(total)
    first, second = (_drawn(sampler, total, batched=own) for _ in range(2))
    if first != second:
        raise InputError(
            f"the sampler {type(sampler).__name__} of a DataLoader draws other examples each time",
            fix="give the data set itself, or a torch.utils.data.Subset of it",
        )
    return sorted(first)


def _drawn(sampler: Any, total: int, *, batched: bool) -> set[int]:  # noqa: ANN401 - a sampler of any class
    """Return the places that a sampler has listed, or those of one pass."""
    listed: Iterable[Any] = getattr(sampler, "indices", None) or (chain.from_iterable(sampler) if batched else sampler)
    return {int(place) for place in islice(listed, total)}
