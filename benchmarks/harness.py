"""What the benchmarks share: interleaved timing, the machine, the limit of the core, and their part of the page."""

from __future__ import annotations

import math
import platform
from itertools import combinations
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import torch
from page import Headline, Part, Row, head_table, put, section
from threadpoolctl import threadpool_limits
from torch.profiler import profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PRODUCT = 1024
"""Rows and columns of the matrices whose product is one limit."""

CONVOLUTION = (64, 32, 16)
"""Channels, height and width, and images of the 3x3 convolution that is the other."""


def one_thread() -> None:
    """Let torch, and the BLAS of numpy, compute on one thread from now on."""
    torch.set_num_threads(1)
    threadpool_limits(1)


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


def convolution_share(run: Callable[[], object], *, rounds: int) -> float:
    """Return the share of the time of `run` that torch's convolutions take; of each operator, its best round."""
    run()
    spent: dict[str, float] = {}
    for _ in range(rounds):
        with profile() as seen:
            run()
        for event in seen.key_averages():
            spent[event.key] = min(event.self_cpu_time_total, spent.get(event.key, math.inf))
    return sum(time for name, time in spent.items() if "convolution" in name) / sum(spent.values())


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


def report(title: str, rows: Sequence[Row], *, headlines: Sequence[Headline] = (), notes: Sequence[str] = ()) -> None:
    """Print a table and put it into docs/benchmarks.md in place of the one of this title.

    headlines: lines for the table at the head of the page and for the picture. notes: paragraphs below the table.
    """
    part = Part(title=title, machine=machine(), rows=rows, headlines=headlines, notes=notes)
    print(section(part))
    if headlines:
        print(head_table(headlines))
    put(part)


def headline(row: Row, *, least: float, aim: float | None = None, note: str = "") -> Headline:
    """Make the line of a row for the head of the page; its comparison is "what it is compared with / what is ours"."""
    against = row.comparison.partition(" / ")[0]
    return Headline(
        workload=row.workload, against=against, ratios=row.ratios, least=least, aim=aim, share=row.share, note=note
    )
