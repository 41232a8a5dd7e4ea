"""Data that a person holds in a notebook -> Data: pairs of data sets, loaders or tensors, or a function of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from prunescope.api import Data
from prunescope.api.errors import InputError
from prunescope.data import arrays, tensors
from prunescope.data.identity import identify_data
from prunescope.data.loaders import read_examples
from prunescope.data.memory import Augmentation

if TYPE_CHECKING:
    from torch import Tensor

WANTED_DATA = "a name, a folder, Data, or a pair (train, test) of data sets, loaders or (inputs, targets)"


def objects_to_data(given: object) -> Data:
    """Return what was given as Data; inputs are read once, in order, as the data set or loader yields them.

    uint8 images become pixels in [0, 1] normalised by the training images; any other inputs are used as they are.
    A pair of tensors (inputs, targets) alone is both splits: there is nothing held out, and test readings equal those
    of the training set. Raises InputError for anything else.
    """
    if callable(given) and not hasattr(given, "__getitem__"):
        given = given()
    if isinstance(given, Data):
        return given if _is_ours(given) else identify_data(given)
    if isinstance(given, tuple | list) and len(given) == 4:
        given = (given[:2], given[2:])
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InputError(f"cannot read data from {type(given).__name__}", fix=f"give {WANTED_DATA}")
    name = type(given[0]).__name__
    if _is_tensor(given[0]) and _is_tensor(given[1]):
        given = (given, given)
    train, test = (_read_split(side) for side in given)
    if _are_pixels(train[0]):
        return arrays.to_data(name, (*train, *test), augmentation=Augmentation())
    return tensors.from_tensors(name, train, test)


def _is_ours(data: Data) -> bool:
    """Whether prunescope itself reads the data and compares the outputs, so that the fingerprint is of the content."""
    kinds = (type(data.train), type(data.test), type(data.objective))
    return all(kind.__module__.startswith("prunescope.") for kind in kinds)


def _read_split(side: object) -> tuple[Tensor, Tensor]:
    """Return the inputs and the targets of one split."""
    import torch

    if isinstance(side, tuple | list) and len(side) == 2 and _is_tensor(side[0]):
        return torch.as_tensor(side[0]), torch.as_tensor(side[1])
    loader = side if isinstance(side, torch.utils.data.DataLoader) else None
    items = cast("Any", side if loader is None else loader.dataset)
    listed = hasattr(items, "__getitem__") and hasattr(items, "__len__")
    if not listed or isinstance(items, torch.utils.data.IterableDataset):
        raise InputError(f"cannot read a split from {type(side).__name__}", fix=f"give {WANTED_DATA}")
    examples = [items[index] for index in range(len(items))] if loader is None else read_examples(loader)
    try:
        inputs, targets = (torch.stack([torch.as_tensor(example[at]) for example in examples]) for at in (0, 1))
    except (RuntimeError, TypeError, IndexError, KeyError) as error:
        what = f"no item {error}" if isinstance(error, KeyError) else error
        raise InputError(
            f"the items of {type(items).__name__} cannot be stacked: {what}",
            fix="return (input, target), no dictionary, as tensors of one shape: transforms.ToTensor() makes images so",
        ) from error
    return inputs, targets


def _is_tensor(value: object) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _are_pixels(inputs: Tensor) -> bool:
    import torch

    return inputs.dtype == torch.uint8 and inputs.dim() == 4
