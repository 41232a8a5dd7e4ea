"""Networks without memory for their weights whose constructors compute with small numbers of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WEIGHTS = frozenset({torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn})
"""Functions that weights are made by; a rate of each depth is made by torch.linspace and read at once."""


class WeightlessMode(TorchFunctionMode):
    """Makes weights on the meta device and leaves all else where it is.

    On the meta device alone no number can be read, which constructors of timm 1.0.16 do.

    >>> with WeightlessMode():
    ...     layer, rate = torch.nn.Linear(10**6, 10**6), torch.linspace(0, 1, 3)[1].item()
    >>> layer.weight.device, rate
    (device(type='meta'), 0.5)
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        arguments: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> object:
        """Call `function`, on the meta device where it makes weights and no other device is named."""
        del types
        named = dict(named or {})
        if function in WEIGHTS and named.get("device") is None:
            named["device"] = "meta"
        return function(*arguments, **named)
