"""Training and measuring on a GPU against plain loops, by the clock: every row checks first that both compute the same.

`python benchmarks/bench_gpu.py` needs PyTorch, timm, prunescope and a GPU, and no network; it takes less than five
minutes. `--tiny` runs the same on any device at sizes that test the logic and show nothing. Each row has a process of
its own: one that fails leaves the others alone.
"""

from __future__ import annotations

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
import traceback
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import page
import torch
from gpu_rows.row import GpuRow, Limits, Scale, measured_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECONDS = 120
"""What one row may take."""

WHOLE = 292
"""What all of them may take."""

TOPICS = ("study", "large", "hessian", "training", "measuring")
"""The modules of `gpu_rows` that have rows, those first that no earlier run has measured."""

NOTE = """By the clock, with the device idle before and after; the limits are those of a matrix product and of a copy in
the same run. The plain variants are in `benchmarks/gpu_rows` and are the loops as they are commonly written, data in
the memory of the device."""


def workloads(scale: Scale) -> dict[str, Callable[[], list[GpuRow]]]:
    """Return what measures each workload, by its name, in the order of TOPICS."""
    found: dict[str, Callable[[], list[GpuRow]]] = {}
    for topic in TOPICS:
        if find_spec(f"gpu_rows.{topic}") is not None:
            found |= import_module(f"gpu_rows.{topic}").rows(scale)
    return found


def main() -> None:
    """Measure the limits and the rows, print them and write them into the docs."""
    asked = _arguments()
    if asked.row:
        _write_row(asked)
        return
    device = torch.device(asked.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if device.type == "cpu" and not asked.tiny:
        print("no GPU here: --tiny tests the logic on a CPU")
        return
    started = perf_counter()
    scale = Scale(device=device, tiny=asked.tiny, limits=measured_limits(device, tiny=asked.tiny))
    print(f"{_machine(device)}\n{scale.limits}", flush=True)
    rows, failed, part = [], [], None
    names = [name for name in workloads(scale) if not asked.only or any(part in name for part in asked.only)]
    for name in names:
        print(f"[{perf_counter() - started:5.0f} s] {name}", flush=True)
        left = WHOLE - (perf_counter() - started)
        found = _in_a_process(name, scale, seconds=min(SECONDS, left)) if device.type == "cuda" else _here(name, scale)
        rows += found
        failed += [] if found else [name]
        for row in found:
            print(_line(row), flush=True)
        part = _part(rows, failed, scale)
        _write(part, scale, Path(asked.out) if asked.out else None)  # what is measured stays, whatever comes
    if part is not None:
        print(page.section(part), page.head_table(part.headlines), sep="\n")
    print(f"{perf_counter() - started:.0f} s in all")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="sizes that test the logic, on any device")
    parser.add_argument("--device", help="cuda, cuda:1, cpu; a GPU when there is one")
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of the rows to measure")
    parser.add_argument("--out", help="a folder for gpu.json and gpu.md, in place of the docs")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--exchange", help=argparse.SUPPRESS)
    return parser.parse_args()


def _here(name: str, scale: Scale) -> list[GpuRow]:
    """Measure one workload in this process; print why where it fails."""
    try:
        return workloads(scale)[name]()
    except Exception:  # noqa: BLE001 - the other rows are measured all the same
        traceback.print_exc(file=sys.stdout)
        return []


def _in_a_process(name: str, scale: Scale, *, seconds: float) -> list[GpuRow]:
    """Measure one workload in a process of its own, which is ended after so many seconds."""
    with tempfile.TemporaryDirectory() as folder:
        exchange = Path(folder) / "row.pickle"
        exchange.write_bytes(pickle.dumps(scale))
        command = [sys.executable, __file__, "--row", name, "--exchange", str(exchange)]
        try:
            subprocess.run(command, timeout=max(1, seconds), check=True)  # noqa: S603 - ourselves
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            print(f"{name}: {error}", flush=True)
            return []
        found: list[GpuRow] = pickle.loads(exchange.read_bytes())  # noqa: S301 - written by ourselves
        return found


def _write_row(asked: argparse.Namespace) -> None:
    path = Path(asked.exchange)
    scale: Scale = pickle.loads(path.read_bytes())  # noqa: S301 - written by ourselves
    path.write_bytes(pickle.dumps(workloads(scale)[asked.row]()))


def _line(row: GpuRow) -> str:
    share = "" if row.share is None else f", {row.share:.0%} of {row.limit}"
    goal = "" if row.least is None else f" (at least {row.least:g}, aim {row.aim:g})"
    ratio, fastest = page.number(sorted(row.ratios)[len(row.ratios) // 2]), min(row.seconds)
    return f"    {row.workload}: {ratio}x{goal} against {row.against}; {fastest:.3f} s{share}; equal: {row.checked}"


def _part(rows: Sequence[GpuRow], failed: Sequence[str], scale: Scale) -> page.Part:
    return page.Part(
        title="GPU",
        machine=_machine(scale.device),
        rows=[_page_row(row) for row in rows],
        headlines=[_headline(row) for row in rows if row.least is not None],
        notes=[
            NOTE,
            _limits(scale.limits),
            *_notes(rows),
            *(f"{name} was not measured in this run." for name in failed),
        ],
    )


def _write(part: page.Part, scale: Scale, out: Path | None) -> None:
    """Write gpu.json and gpu.md into `out` where it is given, else the page of the docs."""
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "gpu.md").write_text(page.section(part))
        (out / "gpu.json").write_text(json.dumps(asdict(part), indent=1) + "\n")
    elif not scale.tiny:
        page.put(part)


def _page_row(row: GpuRow) -> page.Row:
    return page.Row(
        workload=row.workload, comparison=f"{row.against} / prunescope", ratios=list(row.ratios), share=row.share
    )


def _headline(row: GpuRow) -> page.Headline:
    if row.least is None:
        raise ValueError(f"{row.workload} has no goal")
    return page.Headline(
        workload=row.workload,
        against=f"{row.against}, by the clock",
        ratios=list(row.ratios),
        least=row.least,
        aim=row.aim,
        share=row.share,
        note=row.note,
    )


def _notes(rows: Sequence[GpuRow]) -> list[str]:
    """Say of each row how long it takes and what was found equal."""
    lines = []
    for row in rows:
        limit = f"; the limit is that of {row.limit}" if row.limit else ""
        note = f"; {row.note}" if row.note else ""
        lines.append(
            f"- {row.workload}, against {row.against}: {min(row.seconds):.3g} s; equal: {row.checked}{limit}{note}."
        )
    return ["\n".join(lines)] if lines else []


def _limits(limits: Limits) -> str:
    rates = {
        "float32": limits.float32,
        "TF32": limits.tf32,
        "bfloat16": limits.bfloat16,
        "float64": limits.float64,
    }
    products = ", ".join(f"{rate / 1e12:.3g} in {name}" for name, rate in rates.items())
    return f"Limits: a copy moves {limits.copied / 1e12:.3g} TB/s; products, in TFLOP/s: {products}."


def _machine(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "a CPU"
    return f"{name}, torch {torch.__version__}"


if __name__ == "__main__":
    main()
