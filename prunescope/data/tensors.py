"""Tensors of any kind as data: token ids, rows of numbers, images; labels, label sets, numbers, masks, positions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prunescope.api import CLASSIFICATION, Data
from prunescope.api.errors import InputError
from prunescope.api.wording import count_text
from prunescope.data.arrays import check_labels
from prunescope.data.order import mixed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch.utils.data import Dataset

    from prunescope.api import Objective

Pair = tuple[Any, Any]
"""Inputs and targets: tensors or arrays of equal length."""


@dataclass(frozen=True, kw_only=True)
class TensorSplit:
    """The examples of one split in memory, as they are; implements prunescope.api.Split without augmentation."""

    inputs: Tensor
    """float32 or int64 (n, ...); images in channels_last."""
    targets: Tensor
    """(n, ...)."""

    def __len__(self) -> int:
        return len(self.inputs)

    def to(self, device: str | torch.device) -> TensorSplit:
        """Return the split on another device."""
        return replace(self, inputs=self.inputs.to(device), targets=self.targets.to(device))

    def subset(self, indices: Tensor) -> TensorSplit:
        """Return the split of the examples at `indices`, in that order."""
        here = indices.to(self.inputs.device)
        return replace(self, inputs=_laid_out(self.inputs[here]), targets=self.targets[here])

    def batches(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (inputs, targets) in fixed order; see prunescope.api.Split."""
        end = len(self) if limit is None else min(len(self), limit * size)
        for start in range(0, end, size):
            stop = min(start + size, end)
            yield self.inputs[start:stop], self.targets[start:stop]

    def epoch(self, size: int, *, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one pass in random order; see prunescope.api.Split."""
        order = torch.randperm(len(self), generator=generator).to(self.inputs.device)
        for chosen in torch.split(order, size):
            if len(chosen) > 1:
                yield _laid_out(self.inputs[chosen]), self.targets[chosen]


def from_tensors(
    name: str, train: Pair, test: Pair, *, objective: Objective = CLASSIFICATION, num_classes: int | None = None
) -> Data:
    """Return (inputs, targets) of training and of testing as data, for any objective.

    inputs: (n, ...), floating point (used as float32, not normalised) or whole numbers (token ids, used as int64).
    targets: (n, ...), what the objective takes; floating point becomes float32, whole numbers and bool int64.
    num_classes: outputs that a network needs; by default what the objective needs for the training targets.
    The examples come in a fixed mixed order, since arrays may list them class by class.

    Raises InputError for tensors of other kinds, and for splits that do not fit each other.

    >>> data = from_tensors("xor", ([[0, 1], [1, 0]], [1, 1]), ([[1, 1]], [0]))
    >>> data.num_classes, data.in_chans, data.image_size
    (2, 2, ())
    """
    seen, held_out = (_split(name, side, *pair) for side, pair in (("training", train), ("test", test)))
    for what in ("inputs", "targets"):
        one, other = (getattr(split, what) for split in (seen, held_out))
        if (one.shape[1:], one.dtype) != (other.shape[1:], other.dtype):
            raise InputError(
                f"{name}: test {what} are {_kind(other)}, training {what} {_kind(one)}", fix="make both of one kind"
            )
    outputs = objective.num_outputs(seen.targets) if num_classes is None else num_classes
    if outputs is None:
        raise InputError(
            f"{name}: the number of outputs of a network does not follow from the targets", fix="give num_classes"
        )
    if objective == CLASSIFICATION:
        for split in (seen, held_out):
            check_labels(name, split.targets, num_classes=outputs)
    return Data(
        name=name,
        train=seen.subset(mixed(len(seen))),
        test=held_out.subset(mixed(len(held_out))),
        num_classes=outputs,
        in_chans=seen.inputs.shape[1],
        image_size=tuple(seen.inputs.shape[2:]),
        fingerprint=_digest(seen, held_out),
        objective=objective,
    )


def from_datasets(
    name: str,
    train: Dataset[Any],
    test: Dataset[Any],
    *,
    objective: Objective = CLASSIFICATION,
    num_classes: int | None = None,
) -> Data:
    """Return two data sets of torch, whose items are (input, target), as data: every item is read once, into memory.

    Raises InputError where items are of different shapes; see `from_tensors`.
    """
    return from_tensors(name, _stacked(name, train), _stacked(name, test), objective=objective, num_classes=num_classes)


def _stacked(name: str, dataset: Dataset[Any]) -> tuple[Tensor, Tensor]:
    items = [dataset[index] for index in range(len(dataset))]  # type: ignore[arg-type]
    try:
        inputs, targets = (torch.stack([torch.as_tensor(item[at]) for item in items]) for at in (0, 1))
    except (RuntimeError, TypeError, IndexError) as error:
        raise InputError(
            f"{name}: the items cannot be stacked: {error}", fix="return (input, target), each of one shape"
        ) from error
    return inputs, targets


def _split(name: str, side: str, inputs: object, targets: object) -> TensorSplit:
    try:
        x, y = torch.as_tensor(inputs), torch.as_tensor(targets)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{name}: the {side} data are not arrays: {error}", fix="give tensors or numpy arrays"
        ) from error
    if x.dim() < 2 or y.dim() < 1 or len(x) != len(y) or not x.numel():
        raise InputError(
            f"{name}: {side} inputs are {_kind(x)}, targets {_kind(y)}, wanted (n, ...) for n targets",
            fix="put one example in each row",
        )
    for what, tensor in (("inputs", x), ("targets", y)):
        if tensor.is_complex() or (what == "inputs" and tensor.dtype in (torch.uint8, torch.bool)):
            raise InputError(
                f"{name}: {side} {what} are {_kind(tensor)}",
                fix="convert them to float32, the type of the network's input, or to int64 for token ids",
            )
    _check_finite(f"{name}: {side} inputs", x)
    return TensorSplit(inputs=_laid_out(_plain(x)), targets=_plain(y))


def _check_finite(what: str, inputs: Tensor) -> None:
    """Raise InputError for inputs that are NaN or infinite: no loss of them is a number."""
    odd = ~torch.isfinite(inputs).flatten(1).all(1) if inputs.is_floating_point() else torch.zeros(1)
    if odd.any():
        raise InputError(
            f"{what} are NaN or infinite in {count_text(int(odd.sum()), 'example')}, the first at place "
            f"{int(odd.nonzero()[0])}",
            fix="replace these numbers, or take the examples out",
        )


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().to(torch.float32 if tensor.is_floating_point() else torch.int64)


def _laid_out(inputs: Tensor) -> Tensor:
    """Return images in channels_last, other inputs contiguous."""
    layout = torch.channels_last if inputs.dim() == 4 else torch.contiguous_format
    return inputs.contiguous(memory_format=layout)


def _kind(tensor: Tensor) -> str:
    return f"{tensor.dtype} of shape {tuple(tensor.shape)}".replace("torch.", "")


def _digest(*splits: TensorSplit) -> str:
    """Return a digest of shapes, types and values: 32 hexadecimal digits of SHA-256."""
    digest = hashlib.sha256()
    for tensor in (tensor for split in splits for tensor in (split.inputs, split.targets)):
        digest.update(_kind(tensor).encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]
