"""What the benchmarks share: interleaved timing, the machine, the limit of the core, and the table in the docs."""

from __future__ import annotations

import platform
import statistics
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"

PRODUCT = 1024
"""Rows and columns of the matrices whose product is one limit."""

CONVOLUTION = (64, 32, 16)
"""Channels, height and width, and images of the 3x3 convolution that is the other."""

HEAD = """# Benchmarks

Written by `nox -s bench`. Each ratio compares the processor time of two variants run in turn in the same process, on
one thread: the median over the rounds, with the smallest and the largest in brackets. The plain variant is a
reference-style implementation in `benchmarks/plain.py`: a DataLoader with transforms of each image by PIL, float32
NCHW, a number fetched at every step. All variants compute the same; each benchmark checks that first. The share is that
of the floating-point operations per second of the faster variant, in its best round, in those of the best matrix
product or convolution on the same core in the same run: where it is near 100 %, only fewer operations could be faster.
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table."""

    workload: str
    comparison: str
    ratios: Sequence[float]
    """Processor time of the slower variant / that of the faster, pair by pair."""
    share: float | None
    """Of the limit, reached by the faster variant; None: not measured."""


def interleaved(variants: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of processor time of every variant in every round, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, run in variants.items():
            started = process_time()
            run()
            if number:
                seconds[name].append(process_time() - started)
    return seconds


def compare(
    workload: str, variants: Mapping[str, Callable[[], object]], *, operations: float, rounds: int
) -> list[Row]:
    """Time the variants, slowest first, and the limits beside them; return one row for every pair of variants.

    operations: floating-point operations of the workload.
    """
    limits = {"a matrix product": _product, "a convolution": _convolution}
    seconds = interleaved({**variants, **{name: make() for name, make in limits.items()}}, rounds=rounds)
    channels, side, images = CONVOLUTION
    peak = max(
        2 * PRODUCT**3 / min(seconds["a matrix product"]),
        2 * 9 * channels**2 * side**2 * images / min(seconds["a convolution"]),
    )
    return [
        Row(
            workload=workload,
            comparison=f"{slow} / {fast}",
            ratios=[one / other for one, other in zip(seconds[slow], seconds[fast], strict=True)],
            share=operations / min(seconds[fast]) / peak,
        )
        for slow, fast in combinations(variants, 2)
    ]


def _product() -> Callable[[], object]:
    a, b = torch.randn(PRODUCT, PRODUCT), torch.randn(PRODUCT, PRODUCT)
    return lambda: torch.mm(a, b)


def _convolution() -> Callable[[], object]:
    channels, side, images = CONVOLUTION
    layer = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False).requires_grad_(requires_grad=False)
    batch = torch.randn(images, channels, side, side).contiguous(memory_format=torch.channels_last)
    layer.to(memory_format=torch.channels_last)
    return lambda: layer(batch)


def machine() -> str:
    """Describe the processor and the versions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    vectors = torch.backends.cpu.get_cpu_capability()
    return f"{processor} ({vectors}), one of {len(names) or '?'} cores, torch {torch.__version__}"


def report(title: str, rows: Sequence[Row]) -> None:
    """Print a table and put it into docs/benchmarks.md in place of the one of this title."""
    lines = [f"## {title}", "", f"On {machine()}.", "", "| workload | comparison | ratio | share of the limit |"]
    lines.append("|---|---|---|---|")
    for row in rows:
        middle, low, high = statistics.median(row.ratios), min(row.ratios), max(row.ratios)
        lines.append(
            f"| {row.workload} | {row.comparison} | {middle:.2f} ({low:.2f} to {high:.2f}, {len(row.ratios)} rounds) "
            f"| {'n/a' if row.share is None else format(row.share, '.0%')} |"
        )
    text = "\n".join(lines)
    print(text)
    page = PAGE.read_text() if PAGE.is_file() else HEAD
    parts = [part for part in page.split("\n## ")[1:] if not part.startswith(f"{title}\n")]
    sections = sorted([*(f"## {part.strip()}" for part in parts), text])
    PAGE.write_text("\n".join([HEAD, *(f"{section}\n" for section in sections)]))
