"""Bookkeeping: listing and reporting a study of 5,043 runs against reading its files, and a sweep against its steps."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import monotonic, process_time

import h5py
from harness import Row, report

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import synthetic_phase

from prunescope.plugins import registry
from prunescope.runs.files import glance
from prunescope.runs.scheduling import scheduler
from prunescope.runs.store import Store
from prunescope.studies.grid import studyfolder

ROUNDS = 3

KNOBS = tuple(range(5, 81, 5))
DENSITIES = tuple(round(0.02 * place, 2) for place in range(1, 16))

TINY = Path(__file__).parents[1] / "studies" / "patches-tiny.toml"


def large_study(folder: Path) -> Store:
    """Write a study of three dense seeds, sixteen values, fifteen densities and three replicas, as if it had run."""
    (folder / "study.toml").write_text(
        f"""
        model = {{ name = "preresnet8", width = 0.5 }}
        data = {{ name = "patches", images = 40, test_images = 20 }}
        train = {{ plugin = "sgd", epochs = 80 }}
        prune = {{ plugin = "magnitude" }}
        retrain = {{ plugin = "sgd", epochs = 8 }}
        probes = [{{ plugin = "errors" }}, {{ plugin = "lmc" }}, {{ plugin = "cka" }}]
        axes = {{ epochs = {list(KNOBS)}, density = {list(DENSITIES)} }}
        seeds = {{ dense = [0, 1, 2], replicas = 3 }}
        """
    )
    studyfolder.settle(folder / "study.toml", folder)
    store = Store(folder)
    synthetic_phase.write(studyfolder.load_grid(folder), store)
    return store


def bare(store: Store) -> float:
    """Return the processor time of h5py opening every file and reading all of its attributes and values."""
    started = process_time()
    for path in sorted(store.runs.glob("*.h5")):
        with h5py.File(path, "r") as file:
            dict(file.attrs)
            file.visititems(lambda _, item: (dict(item.attrs), item[()] if isinstance(item, h5py.Dataset) else None))
    return process_time() - started


def command(*words: str) -> tuple[float, float]:
    """Return processor time and wall time of a command in processes of its own, start and imports included."""
    before, started = getrusage(RUSAGE_CHILDREN), monotonic()
    subprocess.run([sys.executable, "-m", "prunescope", *words], check=True, capture_output=True)  # noqa: S603 - ours
    after, ended = getrusage(RUSAGE_CHILDREN), monotonic()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ended - started


def of_the_files(folder: Path) -> tuple[list[Row], str]:
    """Time the commands and the bare reading in turn; return rows of processor time, and wall times as a sentence."""
    store = large_study(folder)
    commands = {
        "sweep --list": ("sweep", "--list", str(folder)),
        "report --json": ("report", str(folder), "--json"),
        "report with every figure": ("report", str(folder), "--output", str(folder / "report.html")),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ("", *commands)}
    walls: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        seconds[""].append(bare(store))
        for name, words in commands.items():
            taken, wall = command(*words)
            seconds[name].append(taken)
            walls[name].append(wall)
    count = len(store.ids())
    rows = []
    for name in commands:
        ratios = [one / other for one, other in zip(seconds[name], seconds[""], strict=True)]
        rows.append(
            Row(workload=f"{name}, {count:,} runs", comparison="command / bare reading", ratios=ratios, share=None)
        )
    for name, taken in seconds.items():
        print(f"{name or 'bare reading'}: {min(taken):.2f} s of processor time at best")
    told = ", ".join(f"{name} {min(taken):.1f} s" for name, taken in walls.items())
    size = (folder / "report.html").stat().st_size / 1e6
    return rows, f"By the clock, at best of {ROUNDS} rounds: {told}. The page of the report has {size:.1f} MB."


def of_a_sweep(folder: Path) -> tuple[Row, float]:
    """Run a small study in this process; return the time of the whole / its steps, and the seconds between per step.

    The first round is not counted: it loads what a process loads once.
    """
    ratios, between = [], []
    for number in range(ROUNDS + 1):
        home = folder / str(number)
        studyfolder.settle(TINY, home)
        grid, store = studyfolder.load_grid(home), Store(home)
        executor = replace(registry.make("executors", "local", {}).instance, workers=1)
        started = monotonic()
        outcomes = list(scheduler.run(grid.recipes, store, executor, device="cpu"))
        whole = monotonic() - started
        steps = sum(glance.wall_seconds(store.path(outcome.id)) for outcome in outcomes)
        ratios.append(whole / steps)
        between.append((whole - steps) / len(outcomes))
        print(f"{len(outcomes)} steps: {1000 * between[-1]:.1f} ms of bookkeeping each")
    ratios, between = ratios[1:], between[1:]
    title = f"sweep of {TINY.name}, {len(outcomes)} steps, one worker"
    return Row(workload=title, comparison="whole / its steps", ratios=ratios, share=None), median(between)


def main() -> None:
    """Print the table and write it into the docs."""
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large"
        large.mkdir()
        rows, walls = of_the_files(large)
        row, between = of_a_sweep(Path(folder))
    note = (
        "A command's processor time includes the start of Python and its imports. The bare reading opens every file of "
        "the study with h5py and reads all its attributes and values. The share does not apply: nothing is multiplied."
    )
    per_step = (
        f"Between its steps that sweep takes {1000 * between:.1f} ms for each: results and weights are written and "
        f"synced. That is less than 1 % of steps that take more than {100 * between:.2f} s."
    )
    report("Bookkeeping", [*rows, row], notes=(note, walls, per_step))


if __name__ == "__main__":
    main()
