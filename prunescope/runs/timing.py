"""How long a network takes on a device, as steps and studies ask it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

RUNTIMES = ("torch", "onnx")


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


def time_in_onnxruntime(model: nn.Module, inputs: Tensor, *, repeats: int) -> ForwardTime:
    """Time a network, exported as `results export --to onnx` does, in onnxruntime on the CPU, as many threads as torch.

    Raises UsageError where `require_runtime("onnx")` does or torch cannot export the network, MismatchError where
    onnxruntime computes something else.
    """
    import torch

    from prunescope.landscape.latency import time_calls
    from prunescope.networks.exports.onnx_runtime import checked_call

    found = time_calls(checked_call(model.cpu(), inputs.cpu()), repeats=repeats, device=torch.device("cpu"))
    return ForwardTime(median=found.median, spread=found.spread, n=found.n)


def require_runtime(name: str) -> None:
    """Raise UsageError for a runtime that does not exist, or whose library is not installed."""
    if name not in RUNTIMES:
        raise UsageError(f"--runtime got {name!r}", fix=f"it requires one of: {', '.join(RUNTIMES)}")
    if name == "onnx":
        from prunescope.networks.exports.onnx_runtime import require_onnxruntime

        require_onnxruntime()
