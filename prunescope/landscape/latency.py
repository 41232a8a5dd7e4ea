"""How long a forward pass takes, measured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import UsageError
from prunescope.landscape.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

_WARM_UP = 3


@dataclass(frozen=True)
class Latency:
    """Wall time of `n` forward passes, seconds."""

    median: float
    spread: float
    """Interquartile range."""
    n: int


def latency(model: nn.Module, images: Tensor, *, repeats: int) -> Latency:
    """Median wall time of a forward pass over `images`, in eval mode, after three passes to warm up.

    The device is waited for before the clock is read. Zero weights are multiplied like any other: masking alone speeds
    nothing up. The one measurement that differs from call to call. Unit: second.

    Raises UsageError with fewer than one repeat.
    """
    with guarded([model]), torch.inference_mode():
        return time_calls(lambda: model(images), repeats=repeats, device=images.device)


def time_calls(call: Callable[[], object], *, repeats: int, device: torch.device) -> Latency:
    """Median wall time of a call that computes on `device`, after three calls to warm up; see `latency`."""
    if repeats < 1:
        raise UsageError(f"{repeats} repeats measure nothing", fix="use one repeat or more")
    times = []
    for _ in range(repeats + _WARM_UP):
        start = _now(device)
        call()
        times.append(_now(device) - start)
    quartiles = torch.tensor(times[_WARM_UP:], dtype=torch.float64).quantile(
        torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    )
    return Latency(median=float(quartiles[1]), spread=float(quartiles[2] - quartiles[0]), n=repeats)


def _now(device: torch.device) -> float:
    """Return the clock when the device has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()
