"""How much faster compact networks run: the masked network against the one without its empty channels.

    python study/latency.py       # minutes; writes latency.csv beside this file

Passes of both networks alternate, so that whatever else the machine does meets both; the ratio is the median of the
ratios of neighbours.
"""

from __future__ import annotations

import csv
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import torch
from prunescope_structured import compact, files
from prunescope_structured.plugins import ChannelPruning

from prunescope.landscape.flops import layer_flops
from prunescope.networks import masks
from prunescope.networks.models import ModelSpec, create
from prunescope.plugins.testing import toy_data

if TYPE_CHECKING:
    from torch import Tensor, nn

HERE = Path(__file__).parent

NETWORKS = {"preresnet20": 32, "vgg16_bn_cifar": 32, "resnet18": 64}
"""Network -> height and width of its images."""

DENSITIES = (0.5, 0.25, 0.1, 0.05)

BATCH, REPEATS = 64, 15


def main() -> None:
    """Measure every network at every density."""
    torch.set_num_threads(1)
    rows = [row for name, size in NETWORKS.items() for row in network(name, size)]
    with (HERE / "latency.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def network(name: str, size: int) -> list[dict[str, object]]:
    """Return a line for each density."""
    spec = ModelSpec(name=name, num_classes=10, in_chans=3, image_size=(size, size))
    model = create(spec, seed=0).to(memory_format=torch.channels_last).eval()
    images = torch.randn(BATCH, 3, size, size).contiguous(memory_format=torch.channels_last)
    rows = []
    for density in DENSITIES:
        mask = ChannelPruning().mask(model, replace(toy_data(), train=_Images(images)), density, seed=0)  # type: ignore[arg-type]
        masked = create(spec, seed=0).to(memory_format=torch.channels_last).eval()
        masks.apply(masked, mask)
        small, removed = compact.compact(masked, mask, files.example(spec))
        small = small.to(memory_format=torch.channels_last)
        pairs = [(seconds(masked, images), seconds(small, images)) for _ in range(REPEATS)]
        flops = [sum(layer.dense for layer in layer_flops(one, images[:1]).values()) for one in (masked, small)]
        rows.append(
            {
                "network": name,
                "asked": density,
                "density": round(mask.density, 4),
                "channels removed": sum(map(len, removed.values())),
                "parameters": sum(parameter.numel() for parameter in small.parameters()),
                "operations, ratio": round(flops[0] / flops[1], 2),
                "latency, median ratio": round(median(a / b for a, b in pairs), 2),
            }
        )
        print(rows[-1], flush=True)
    return rows


def seconds(model: nn.Module, images: Tensor) -> float:
    """Time one pass."""
    with torch.inference_mode():
        start = time.perf_counter()
        model(images)
        return time.perf_counter() - start


class _Images:
    """A split of some images."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def batches(self, size: int, *, limit: int | None = None) -> list[tuple[Tensor, Tensor]]:  # noqa: ARG002
        return [(self.images[:size], torch.zeros(size, dtype=torch.int64))]


if __name__ == "__main__":
    main()
