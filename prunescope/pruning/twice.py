"""Activations whose second derivative torch has not written down, by others that it can differentiate twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn import functional
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor


class TwiceDifferentiable(TorchFunctionMode):
    """Compute hardsigmoid(x) as relu6(x + 3) / 6, which it is, while the block runs: GraSP of MobileNetV3 needs it.

    >>> import torch
    >>> x = torch.tensor([-4.0, 0.0, 1.5, 9.0])
    >>> with TwiceDifferentiable():
    ...     functional.hardsigmoid(x)
    tensor([0.0000, 0.5000, 0.7500, 1.0000])
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function returns
        """Call `func`, or what replaces it."""
        return _hardsigmoid(args[0]) if func is functional.hardsigmoid else func(*args, **(kwargs or {}))


def _hardsigmoid(inputs: Tensor) -> Tensor:
    return functional.relu6(inputs + 3) / 6
