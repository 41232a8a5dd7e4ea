"""One line of the benchmark on a GPU, and where it is measured."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class GpuRow:
    """What was measured of one workload, by the clock."""

    workload: str
    against: str
    """What it is compared with."""
    ratios: tuple[float, ...]
    """Seconds of what it is compared with / seconds of prunescope, round by round."""
    seconds: tuple[float, ...]
    """Of prunescope."""
    checked: str
    """What was found equal before anything was timed, and how nearly."""
    share: float | None = None
    """Of the limit, that prunescope reached."""
    limit: str = ""
    """Which rate the limit is."""
    least: float | None = None
    aim: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the device can do, measured in the same run."""

    copied: float
    """Bytes read and written per second by a copy in its memory."""
    float32: float
    """Operations per second of a matrix product, without TF32."""
    tf32: float
    bfloat16: float
    float64: float


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Where and how large: everything in full, or tiny sizes, for a test of the logic."""

    device: torch.device
    tiny: bool
    limits: Limits

    def of(self, full: int, tiny: int) -> int:
        """Return one of two sizes."""
        return tiny if self.tiny else full

    def clock(self, run: Callable[[], object]) -> float:
        """Return the seconds that `run` takes by the clock, until the device is done."""
        self.wait()
        started = perf_counter()
        run()
        self.wait()
        return perf_counter() - started

    def wait(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def measured_limits(device: torch.device, *, tiny: bool) -> Limits:
    """Measure the memory bandwidth and the matrix rates of a device."""
    scale = Scale(device=device, tiny=tiny, limits=Limits(copied=1, float32=1, tf32=1, bfloat16=1, float64=1))
    size = scale.of(1 << 28, 1 << 16)
    first, second = torch.rand(size, device=device), torch.empty(size, device=device)
    copied = 2 * 4 * size / _best(scale, lambda: second.copy_(first))
    return Limits(
        copied=copied,
        float32=_matrix_rate(scale, torch.float32, tf32=False),
        tf32=_matrix_rate(scale, torch.float32, tf32=True),
        bfloat16=_matrix_rate(scale, torch.bfloat16, tf32=False),
        float64=_matrix_rate(scale, torch.float64, tf32=False),
    )


def _matrix_rate(scale: Scale, dtype: torch.dtype, *, tf32: bool) -> float:
    side = scale.of(4096 if dtype is torch.float64 else 8192, 64)
    one, other = (torch.randn(side, side, device=scale.device).to(dtype) for _ in range(2))
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        return 2 * side**3 / _best(scale, lambda: one @ other)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _best(scale: Scale, run: Callable[[], object]) -> float:
    run()
    return min(scale.clock(run) for _ in range(5))
