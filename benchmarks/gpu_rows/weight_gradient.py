"""The weight gradient of grouped convolutions with groups merged: the table in networks/grouped/weight_gradient.py.

`python benchmarks/gpu_rows/weight_gradient.py` needs a GPU and takes a quarter of a minute.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import torch

from prunescope.networks.capture import capture_on
from prunescope.networks.grouped.weight_gradient import merged_gradient

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPES = (
    (12, 16, 16, 32, 128, 1),
    (12, 32, 32, 16, 128, 1),
    (12, 64, 64, 8, 128, 1),
    (12, 16, 32, 32, 128, 2),
    (12, 3, 16, 32, 128, 1),
    (24, 16, 16, 32, 64, 1),
    (48, 8, 8, 8, 32, 1),
    (48, 16, 16, 4, 32, 1),
    (48, 32, 32, 2, 32, 1),
)
"""Models, input channels, output channels, height and width, images, stride."""

FACTORS = (1, 2, 3, 4, 6, 8, 12)
REPEATS = 6


def main() -> None:
    """Print microseconds for every shape and number of groups merged, in channels_last, with TF32."""
    device = torch.device("cuda")
    print(torch.cuda.get_device_name(), torch.__version__)
    for shape in SHAPES:
        print(shape, *(f"{factor}: {seconds * 1e6:.0f}" for factor, seconds in _times(shape, device).items()))


def _times(shape: tuple[int, ...], device: torch.device) -> dict[int, float]:
    groups, inputs, outputs, size, images, stride = shape
    how = ((stride, stride), (1, 1), (1, 1))
    tensors = (
        torch.randn(images, groups * outputs, -(-size // stride), -(-size // stride), device=device),
        torch.randn(images, groups * inputs, size, size, device=device),
        torch.randn(groups * outputs, inputs, 3, 3, device=device),
    )
    gradient, x, weight = (tensor.contiguous(memory_format=torch.channels_last) for tensor in tensors)
    found = {}
    for factor in FACTORS:
        if groups % factor == 0 and factor * inputs <= 256:
            place = torch.empty_like(weight)
            run = _repeated(lambda: place.copy_(merged_gradient(gradient, x, weight, how, groups, factor)), device)  # noqa: B023
            found[factor] = run / REPEATS
    return found


def _repeated(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of some repetitions."""

    def step() -> None:
        work()

    repeat = capture_on(device).record(step)
    repeat()
    torch.cuda.synchronize()
    started = perf_counter()
    for _ in range(REPEATS):
        repeat()
    torch.cuda.synchronize()
    return perf_counter() - started


if __name__ == "__main__":
    main()
