"""How long a network takes on a device, as steps and studies ask it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class ForwardTime:
    """Wall time of a forward pass, seconds."""

    median: float
    spread: float
    """Interquartile range."""
    n: int
    """Timed passes."""


def time_forward(model: nn.Module, inputs: Tensor, *, repeats: int) -> ForwardTime:
    """Time a network on the device of the inputs, laid out as prunescope runs it: see `landscape.latency`."""
    from prunescope.landscape.latency import latency
    from prunescope.networks.layout import laid_out

    found = latency(laid_out(model.to(inputs.device)), inputs, repeats=repeats)
    return ForwardTime(median=found.median, spread=found.spread, n=found.n)
