"""The multiplications of a forward pass and their operands, whoever calls them: layers, or functions with a weight."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

aten = torch.ops.aten


@dataclass(frozen=True, kw_only=True, eq=False)
class Product:
    """One product: a convolution, or matrices."""

    first: Tensor
    """The first: the images of a convolution, or a matrix."""
    second: Tensor
    """The second: the kernel of a convolution, or a matrix."""
    output: Tensor
    convolution: Mapping[str, Any] = field(default_factory=dict)
    """Stride, padding, dilation, transposed and groups; empty for matrices."""

    def places(self, *, second: bool = True) -> int:
        """Return with how many numbers each element of the second (or the first) operand is multiplied."""
        if self.convolution:
            where = self.first if self.convolution["transposed"] else self.output
            return where.numel() // self.second.shape[0]
        if second:
            return self.first.shape[-2]
        return self.second.shape[-1]


class Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Calls `seen` with every product, and `made` with the inputs and outputs of everything else, inside the block.

    It sees what runs below torch's functions: F.linear with another module's weight is a product of matrices as well.
    """

    def __init__(self, seen: Callable[[Product], None], made: Callable[[list[Tensor], list[Tensor]], None]) -> None:
        TorchDispatchMode.__init__(self)  # type: ignore[no-untyped-call]
        self.seen, self.made = seen, made

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        """Run one operation, and show it."""
        output = func(*args, **(kwargs or {}))
        product = _product(func.overloadpacket, args, output)
        if product is None:
            self.made(_tensors((args, kwargs or {})), _tensors(output))
        else:
            self.seen(product)
        return output


@contextmanager
def watched(
    seen: Callable[[Product], None], made: Callable[[list[Tensor], list[Tensor]], None] = lambda *_: None
) -> Iterator[None]:
    """Show every product of the block to `seen`; attention runs the long way, without derivatives."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), Products(seen, made):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _product(func: object, args: tuple[Any, ...], output: Tensor) -> Product | None:
    if func is aten.convolution:
        names = ("stride", "padding", "dilation", "transposed", "output_padding", "groups")
        how = dict(zip(names, args[3:9], strict=True))
        return Product(first=args[0], second=args[1], output=output, convolution=how)
    if func in {aten.mm, aten.bmm}:
        return Product(first=args[0], second=args[1], output=output)
    if func in {aten.addmm, aten.baddbmm}:
        return Product(first=args[1], second=args[2], output=output)
    return None


def _tensors(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        return [tensor for item in value.values() for tensor in _tensors(item)]
    return [tensor for item in value for tensor in _tensors(item)] if isinstance(value, (tuple, list)) else []
