"""Steps that are tried: nothing is different afterwards, and what cannot be repeated is found."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from prunescope.networks.capture.interface import NotCapturable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

READING = frozenset({"aten::_local_scalar_dense", "aten::equal", "aten::is_nonzero"})
"""Operations whose result is a value on the host."""

SIZING = frozenset({"aten::nonzero", "aten::masked_select", "aten::_unique2", "aten::unique_dim", "aten::bincount"})
"""Operations whose result has a size that depends on values."""

COPYING = {"aten::_to_copy": 0, "aten::copy_": 1}
"""Operations that may go from one device to another, and which argument they copy."""

CONSTANT = "aten::lift_fresh"
"""The operation that brings a constant of the program."""

WARM_UP = 3
"""Steps before the recording, in which the libraries choose their kernels and allocate what they need."""

INDEXING = frozenset({"aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"})


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Raises NotCapturable where a step makes host or device wait for the other.

    see: is called after every operation, with the function, its arguments and its results.
    """

    def __init__(self, see: Callable[[Any, Any, Any], None] | None = None) -> None:
        TorchDispatchMode.__init__(self)  # type: ignore[no-untyped-call]
        self.see = see

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401 - torch's own signature
        """Perform the operation, if it may be repeated."""
        check_repeatable(func, args)
        found = func(*args, **(kwargs or {}))
        name = func._schema.name  # noqa: SLF001 - no public way to ask
        if name in COPYING:
            check_copy(args[COPYING[name]], found)
        if name == CONSTANT and found.device.type == "cuda":
            raise NotCapturable("it copies values from the host")
        if self.see is not None:
            self.see(func, (args, kwargs or {}), found)
        return found


def check_repeatable(operation: Any, arguments: Sequence[Any]) -> None:  # noqa: ANN401 - an operation of torch has no public type
    """Raise NotCapturable for an operation that makes the host wait for a value."""
    name = operation._schema.name  # noqa: SLF001 - no public way to ask
    if name in READING:
        raise NotCapturable("it reads a value on the host")
    if name in SIZING or (name in INDEXING and _by_mask(arguments[1])):
        raise NotCapturable("the size of a tensor depends on values")


def check_copy(source: Tensor, copy: Tensor) -> None:
    """Raise NotCapturable for a copy between host and device."""
    if source.device.type == "cpu" != copy.device.type:
        raise NotCapturable("it copies values from the host")
    if copy.device.type == "cpu" != source.device.type:
        raise NotCapturable("it reads a value on the host")


def _by_mask(indices: Sequence[Tensor | None]) -> bool:
    return any(one is not None and one.dtype in {torch.bool, torch.uint8} for one in indices)


def rehearse(step: Callable[[], None], state: Sequence[Tensor]) -> None:
    """Run the step a few times, from the same state each time: there may be no room for more than one.

    Raises NotCapturable where it cannot be repeated.
    """
    for number in range(WARM_UP):
        with unchanged(state), nullcontext() if number else Watch():
            step()


@contextmanager
def unchanged(state: Sequence[Tensor]) -> Iterator[None]:
    """Give the tensors, and torch's generators, their values back after the block."""
    saved = [tensor.detach().clone() for tensor in state]
    devices = sorted({tensor.device.index for tensor in state if tensor.device.type == "cuda"})
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(state, saved, strict=True):
                tensor.copy_(value)
