"""One thread against all: an epoch of training, for networks around the limit of `threads.DIVISIBLE`."""

from __future__ import annotations

import statistics
from time import perf_counter

import torch

from prunescope.data.datasets import Patches
from prunescope.landscape.flops import layer_flops
from prunescope.networks import models
from prunescope.training.trainers.sgd import Sgd

PAIRS = 3
CASES = ((8, 0.5), (8, 1.0), (16, 1.0), (32, 1.0))
"""Image size, width of PreResNet-20."""


def seconds(size: int, width: float, *, threads: int) -> float:
    """Return the time of one epoch."""
    torch.set_num_threads(threads)
    data = Patches(size=size, images=640, test_images=64).load()
    spec = models.ModelSpec(
        name="preresnet20", num_classes=10, in_chans=3, image_size=(size, size), options={"width": width}
    )
    model = models.create(spec, seed=0)
    started = perf_counter()
    list(Sgd(epochs=1).fit(model, data, seed=0))
    return perf_counter() - started


def main() -> None:
    """Print the ratio of one thread to all, in interleaved pairs."""
    every = torch.get_num_threads()
    print(f"time on {every} threads over time on 1 (median of {PAIRS}); above 1: one thread is faster")
    for size, width in CASES:
        ratios = [seconds(size, width, threads=every) / seconds(size, width, threads=1) for _ in range(PAIRS)]
        spec = models.ModelSpec(
            name="preresnet20", num_classes=10, in_chans=3, image_size=(size, size), options={"width": width}
        )
        counted = layer_flops(models.create(spec, seed=0), torch.zeros(1, 3, size, size))
        operations = sum(layer.dense for layer in counted.values())
        print(
            f"{size}x{size}, width {width}: {operations / 1e6:6.1f} million operations: {statistics.median(ratios):.2f}"
        )


if __name__ == "__main__":
    main()
