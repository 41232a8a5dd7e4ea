"""A study as `sweep` runs it, on one and on two processes, and as plain loops would, one after the other.

The study is patches-epochs with fewer cells and epochs. Two processes are to be worth their cores by the clock, which
is believed on a quiet machine only; processor time is told on any. The plain loops are timed on one cell and on two
epochs of dense training, and multiplied: nothing in them depends on what came before.
"""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np
import plain
from harness import one_thread, report
from page import Headline, Row

from prunescope.api import Mask
from prunescope.data import sources
from prunescope.networks import checkpoints, models
from prunescope.runs.store import Store
from prunescope.studies.grid import study, studyfolder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from prunescope.studies.grid.layout import Grid, StudyCell

STUDY = Path(__file__).parent.parent / "studies" / "patches-epochs.toml"

SMALLER = {
    r"^epochs = \d+$": "epochs = 10",
    r"^epochs = \[.*\]$": "epochs = [5, 10]",
    r"^dense = \[.*\]$": "dense = [0, 1, 2, 3]",
}
"""What makes the study smaller, line by line; the first is the dense training."""

WHO = ("plain loops", "sweep on one process", "sweep on two processes", "starting")

QUIET = 0.15
"""Share of a core that others may take of two, for the clock still to tell something."""

SPIN = """
from time import perf_counter, process_time
started = perf_counter()
while perf_counter() - started < 3:
    pass
print(process_time() / (perf_counter() - started))
"""
"""Prints the share of a core that a process gets; the start of Python, which is in it, is some hundredths of it."""

NOTE = """The study is `studies/patches-epochs.toml` with {cells} of its {all_cells} cells and as few of the dense
epochs. The plain loops are timed on one cell and on {epochs} dense epochs, and multiplied. Checked: plain measurements
of the study's own replicas give the readings it stored, and plain retraining the same test error within its spread."""

DENSE_EPOCHS = 2
"""Of plain dense training that are timed."""

BATCH = 256
"""Images per batch of all measurements."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds by the clock and by the processors."""

    wall: float
    processor: float


def smaller(text: str) -> str:
    """Return the study with fewer cells and epochs."""
    for old, new in SMALLER.items():
        text, count = re.subn(old, new, text, count=1, flags=re.MULTILINE)
        assert count, f"the study has no line {old}"  # noqa: S101 - it has changed
    return text


def swept(file: Path, folder: Path, *, workers: int, more: tuple[str, ...] = ()) -> Times:
    """Run the study in processes of its own."""
    before, started = getrusage(RUSAGE_CHILDREN), perf_counter()
    command = [
        sys.executable,
        "-m",
        "prunescope",
        "sweep",
        str(file),
        "--study",
        str(folder),
        "--workers",
        str(workers),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, *more], check=True, capture_output=True, env=environment)  # noqa: S603 - ourselves
    after = getrusage(RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Times(wall=perf_counter() - started, processor=spent)


def plain_cell(grid: Grid, store: Store) -> Times:
    """Retrain the replicas of one cell and measure them, plainly; check that both ways agree on what they measure."""
    cell = grid.cells[-1]
    data = sources.open_source(cell.prune.arguments["data"], device="cpu")
    pruned = store.load_weights(cell.prune.id)
    start = checkpoints.to_model(pruned)
    how = grid.study.retrain.options
    seen = plain.loader(data.train, batch_size=how["batch_size"], training=True)
    sides = [plain.loader(side, batch_size=BATCH, training=False) for side in (data.train, data.test)]
    epochs = how["epochs"]
    drops = (round(epochs / 2), round(3 * epochs / 4))
    settings = {name: how[name] for name in ("learning_rate", "weight_decay", "epochs")}
    wall, processor = perf_counter(), process_time()
    replicas = []
    for _ in cell.retrainings:
        model = copy.deepcopy(start)
        plain.train(model, seen, mask=pruned.mask, drops=drops, **settings)
        replicas.append(model)
    errors = [[plain.error(model, side) for side in sides] for model in replicas]
    for first, second in combinations(replicas, 2):
        plain.path(pruned.spec, first, second, sides[:1], points=11)
        plain.cka(first, second, sides[0])
    taken = Times(wall=perf_counter() - wall, processor=process_time() - processor)
    check(cell, store, sides, errors)
    return taken


def check(cell: StudyCell, store: Store, sides: list, errors: list[list[float]]) -> None:
    """Compare the readings of the study with plain measurements of its own replicas, and its training with plain."""
    found = {name: reading for recipe in cell.probes for name, reading in named(store, recipe.id).items()}
    kept = [store.load_weights(recipe.id) for recipe in cell.retrainings]
    replicas = [checkpoints.to_model(one) for one in kept]
    pairs = list(combinations(replicas, 2))
    paths = [[loss for (loss,) in plain.path(kept[0].spec, *pair, sides[:1], points=11)] for pair in pairs]
    np.testing.assert_allclose(found["lmc/train_loss_path"], paths, atol=1e-5)
    np.testing.assert_allclose(found["cka/softmax"], [plain.cka(*pair, sides[0]) for pair in pairs], atol=1e-4)
    mine = [plain.error(model, sides[1]) for model in replicas]
    np.testing.assert_allclose(found["errors/test_error"], mine, atol=1e-3)
    spread = 4 * np.std([*mine, *(test for _, test in errors)]) + 0.02
    assert abs(np.mean(mine) - np.mean([test for _, test in errors])) < spread, "trained otherwise"  # noqa: S101


def named(store: Store, run_id: str) -> dict[str, object]:
    """Return the values of a probe's readings."""
    readings = store.read(run_id).readings
    return {f"{probe}/{name}": one.value for probe, all_of in readings.items() for name, one in all_of.items()}


def plain_dense(grid: Grid) -> Times:
    """Train the dense network for two epochs, plainly."""
    recipe = grid.trainings[0]
    spec = models.ModelSpec.from_json(recipe.arguments["model"])
    data = sources.open_source(recipe.arguments["data"], device="cpu")
    model: nn.Module = models.create(spec, seed=0)
    how = grid.study.train.options
    seen = plain.loader(data.train, batch_size=how["batch_size"], training=True)
    settings = {name: how[name] for name in ("learning_rate", "weight_decay")}
    wall, processor = perf_counter(), process_time()
    plain.train(model, seen, mask=Mask({}), epochs=DENSE_EPOCHS, **settings)
    return Times(wall=perf_counter() - wall, processor=process_time() - processor)


def outside(grid: Grid, store: Store, spent: float) -> float:
    """Return the share of the time that neither trainers nor probes took."""
    steps = [recipe for recipe in grid.recipes if recipe.step in ("train", "retrain", "probe")]
    return 1 - sum(store.read(recipe.id).wall_seconds for recipe in steps) / spent


def taken_by_others() -> float:
    """Return how much of two cores two busy processes do not get: 0 on a quiet machine, 1 where another one runs.

    The load average would remember the benchmark before.
    """
    command = [sys.executable, "-c", SPIN]
    two = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]  # noqa: S603 - ourselves
    return len(two) - sum(min(1.0, float(process.communicate()[0])) for process in two)


def tell(times: Mapping[str, Times], share: float, *, cells: int, others: float) -> None:
    """Print the table and write it into the docs; others: cores that were taken before the benchmark."""
    plainly, one, two, starting = (times[who] for who in WHO)
    pairs = {"sweep on one process": one, "sweep on two processes": two}
    rows = [
        Row(
            workload="`patches-epochs`, scaled down, processor time of all processes",
            comparison=f"plain loops / {who}",
            ratios=[plainly.processor / took.processor],
            share=None,
        )
        for who, took in pairs.items()
    ]
    spent = ", ".join(f"{who} {took.processor:.0f} s" for who, took in times.items())
    notes = [NOTE.format(epochs=DENSE_EPOCHS, cells=cells, all_cells=cells_of_the_study()), f"Processor time: {spent}."]
    if others > QUIET:
        notes.append(f"Not measured: times by the clock; {others:.1f} of two cores were taken by other processes.")
        report("A study", rows, notes=notes)
        return
    notes.append(f"Neither training nor measuring: {share:.1%} of the time of one process after it has started.")
    whole = Headline(
        workload="`patches-epochs`, scaled down, on two processes",
        against="plain loops, one after the other, by the clock",
        ratios=[plainly.wall / two.wall],
        least=6,
        aim=10,
        note=f"{plainly.wall:.0f} s and {two.wall:.0f} s, of these {starting.wall:.1f} s starting",
    )
    scaling = Headline(
        workload="the same",
        against="one process, both without starting, by the clock",
        ratios=[(one.wall - starting.wall) / (two.wall - starting.wall)],
        least=1 / 0.55,
    )
    report("A study", rows, headlines=[whole, scaling], notes=notes)


def cells_of_the_study() -> int:
    """Return how many cells the whole study has."""
    whole = study.load_study(STUDY)
    return len(whole.values) * len(whole.densities) * len(whole.dense_seeds)


def main() -> None:
    """Print the table and write it into the docs."""
    one_thread()
    others = taken_by_others()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "study.toml"
        file.write_text(smaller(STUDY.read_text()))
        starting = swept(file, Path(folder) / "none", workers=1, more=("--list",))
        two = swept(file, Path(folder) / "two", workers=2)
        one = swept(file, Path(folder) / "one", workers=1)
        store, grid = Store(Path(folder) / "one"), studyfolder.load_grid(Path(folder) / "one")
        cell, dense = plain_cell(grid, Store(Path(folder) / "two")), plain_dense(grid)
        share = outside(grid, store, one.wall - starting.wall)
    epochs = len(grid.trainings) * grid.trainings[0].options["epochs"] / DENSE_EPOCHS
    plainly = Times(
        wall=cell.wall * len(grid.cells) + dense.wall * epochs,
        processor=cell.processor * len(grid.cells) + dense.processor * epochs,
    )
    tell(dict(zip(WHO, (plainly, one, two, starting), strict=True)), share, cells=len(grid.cells), others=others)


if __name__ == "__main__":
    main()
