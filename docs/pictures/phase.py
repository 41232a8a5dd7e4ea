"""Sweep the shipped studies on generated images, and write the pictures and tables of "Reading a phase diagram".

python docs/pictures/phase.py [FOLDER]: with a folder, what is finished there is not computed again.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from PIL import Image

from prunescope.api.wording import MINUS, density_text, points_text
from prunescope.plugins import registry
from prunescope.regimes.direction import hottest_first
from prunescope.report.common import formatting
from prunescope.report.phase import labels
from prunescope.runs.scheduling import scheduler
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.studies.cases import bench, measured, tuning
from prunescope.studies.grid import studyfolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prunescope.runs.recipe import Recipe
    from prunescope.studies.grid.layout import Grid

DOCS = Path(__file__).parents[1]
PICTURES = {
    "patches-epochs": ("regimes", "above-best", "lmc", "cka", "error-against-density"),
    "patches-batch": ("regimes", "above-best"),
    "patches-sam": ("above-best",),
}
AGAIN = {
    "patches-epochs": ("epochs, again", (10, 11, 12, 13, 14)),
    "patches-batch": ("batch, again", (10, 11, 12, 13, 14, 15)),
}
"""Studies swept a second time: what the tables call that, and other dense seeds, on which no setting was chosen."""

COLOURS = 64
"""Enough for these pictures, and a quarter of the bytes."""

HEAD = ("study", "step", "density", "points, colder − hotter", "z", "each dense seed")
"""Of the differences across the transition."""

SHARE = 0.4
"""Of the grid's runs, for tuning."""

PROVEN = 2.0
"""|z| from here on is set in bold."""


def main() -> None:
    """Sweep, report, tune, write."""
    if len(sys.argv) > 1:
        make(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))


def make(folder: Path) -> None:
    """Write docs/images/phase-*.png and docs/tables/phase-*.md."""
    found = {name: reported(folder / name) for name in PICTURES}
    for name, pictures in PICTURES.items():
        for picture in pictures:
            target = DOCS / "images" / f"phase-{name.partition('-')[2]}-{picture}.png"
            Image.open(folder / name / "figures" / f"{picture}.png").convert("RGB").quantize(COLOURS).save(
                target, optimize=True
            )
    again = {called: repeated(folder, name, seeds) for name, (called, seeds) in AGAIN.items()}
    write("transition", (row for name, report in found.items() for row in transition(name, report)))
    write("again", [HEAD, *(row for name, report in again.items() for row in transition(name, report))])
    write("boundary", boundary(found | again))
    write("direction", direction(found | again))
    write("selection", selection(found))
    write("tuning", (row for name in found for row in tuned(name, folder / name)))
    write("cost", cost(found))


def reported(folder: Path) -> dict[str, Any]:
    """Sweep a shipped study into a folder, unless that is done, and return its report."""
    return swept(DOCS.parent / "studies" / f"{folder.name}.toml", folder)


def swept(study: Path, folder: Path) -> dict[str, Any]:
    """Sweep a study into a folder and return its report."""
    run("sweep", study, "--study", folder)
    outputs = ("--output", folder / "report.html", "--figures", folder / "figures")
    found: dict[str, Any] = json.loads(run("report", folder, "--json", *outputs))
    return found


def repeated(folder: Path, name: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Sweep a shipped study once more with other dense seeds, and return its report."""
    text = (DOCS.parent / "studies" / f"{name}.toml").read_text(encoding="utf-8")
    again = folder / f"repeat-{name.partition('-')[2]}"
    study = again.with_suffix(".toml")
    study.write_text(re.sub(r"^dense = .*$", f"dense = {list(seeds)}", text, flags=re.MULTILINE), encoding="utf-8")
    return swept(study, again)


def run(*words: object) -> str:
    """Run a command of prunescope and return what it prints."""
    command = [sys.executable, "-m", "prunescope", *map(str, words)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def write(name: str, rows: Iterable[Sequence[str]]) -> None:
    """Write a Markdown table; the first row is its head."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    (DOCS / "tables" / f"phase-{name}.md").write_text(f"{text}\n", encoding="utf-8")
    print(f"{name}\n{text}\n")


def transition(name: str, report: dict[str, Any]) -> Iterable[Sequence[str]]:
    """Yield the differences across the transition; the head before those of the first study only."""
    if name == next(iter(PICTURES)):
        yield HEAD
    for found in filter(None, (report["transition"], report["to_the_end"])):
        for one in found["differences"]:
            z = "n/a" if one["z"] is None else f"{one['z']:+.1f}".replace("-", MINUS)
            proven = one["z"] is not None and abs(one["z"]) >= PROVEN
            yield (
                name,
                f"{formatting.number(found['hotter'])} → {formatting.number(found['colder'])}",
                density_text(one["density"]),
                points_text(one["mean"], signed=True),
                f"**{z}**" if proven else z,
                ", ".join(points_text(each, signed=True) for each in one["by_seed"]),
            )


def boundary(found: dict[str, dict[str, Any]]) -> Iterable[Sequence[str]]:
    """Yield the critical value at every density."""
    yield (
        "study",
        "critical value at each density",
        "slope, rows per density (95 %)",
        "moves",
        "at ε = 0.08, at 0.15",
        "each dense seed alone",
    )
    for name, report in found.items():
        told = [f"{density_text(one['density'])}: {_critical(one)}" for one in report["boundary"]]
        ends, alone = (", ".join(report[key]) for key in ("bend_at_ends", "bend_of_each_seed"))
        yield (name, "; ".join(told), _slope(report["bend_slope"]), report["bend"], ends, alone)


def _slope(found: dict[str, Any]) -> str:
    numbers = (f"{number:+.2f}".replace("-", MINUS) for number in (found["mean"], *found["interval"]))
    return "{} ({} to {})".format(*numbers)


def _critical(one: dict[str, Any]) -> str:
    return one["side"] if one["value"] is None else f"{one['value']:.3g}"


def direction(found: dict[str, dict[str, Any]]) -> Iterable[Sequence[str]]:
    """Yield how often each way to advise is right, over all densities."""
    yield ("study", "cells", "rule: right", "wrong", "abstains", *(labels.DIRECTIONS[key][0] for key in _keys(found)))
    for name, report in found.items():
        own = [sum(one[key] for one in report["direction"]) for key in ("right", "wrong", "abstained")]
        others = report["plain_directions"]
        right = [str(sum(one["right"] for one in others[key])) if key in others else "–" for key in _keys(found)]
        yield (name, str(sum(own)), *map(str, own), *right)


def _keys(found: dict[str, dict[str, Any]]) -> list[str]:
    return [key for key in labels.DIRECTIONS if any(key in report["plain_directions"] for report in found.values())]


def selection(found: dict[str, dict[str, Any]]) -> Iterable[Sequence[str]]:
    """Yield the mean and worst regret of every way to choose."""
    yield ("way to choose", *(f"{name}: mean, worst" for name in found))
    for place, way in enumerate(next(iter(found.values()))["selection"]):
        regrets = [report["selection"][place] for report in found.values()]
        yield (
            labels.WAYS[way["key"]][0],
            *("n/a" if one["regret"] is None else _regrets([one["regret"], one["worst"]]) for one in regrets),
        )


def _regrets(values: Sequence[float]) -> str:
    return ", ".join(map(points_text, values))


def tuned(name: str, folder: Path) -> Iterable[Sequence[str]]:
    """Yield what tuning finds at every density: screening on each dense seed in turn, and charged on one left out."""
    if name == next(iter(PICTURES)):
        yield (
            "study",
            "density",
            "values found, screening on each dense seed",
            "most of the grid's runs",
            "regret, points",
            "on a dense seed left out",
            "of the whole grid there",
        )
    grid, session = studyfolder.load_grid(folder), Session(store=Store(folder))
    for density in grid.study.densities:
        column = measured.measured_column(grid, session, density=density)
        whole = [_tuned(grid, session, density, seeds) for seeds in _rotated(grid.study.dense_seeds)]
        left = [
            (_charge(column, one.value, out), _charge(column, _best(column, seeds), out))
            for out, *others in _rotated(grid.study.dense_seeds)
            for seeds in _rotated(others)
            for one, _ in [_tuned(grid, session, density, seeds)]
        ]
        aim = _aim(grid, grid.study.dense_seeds, runs=0)
        yield (
            name,
            density_text(density),
            ", ".join(formatting.number(one.value) for one, _ in whole),
            f"{max(one.runs / runs for one, runs in whole):.0%}",
            _regrets([tuning.regret(column, aim, one.value) or 0.0 for one, _ in whole]),
            points_text(fmean(mine for mine, _ in left)),
            points_text(fmean(grids for _, grids in left)),
        )


def _rotated(seeds: Sequence[int]) -> list[tuple[int, ...]]:
    return [(*seeds[place:], *seeds[:place]) for place in range(len(seeds))]


def _tuned(grid: Grid, session: Session, density: float, seeds: Sequence[int]) -> tuple[tuning.Tuned, int]:
    """Return what tuning on some dense seeds finds, and how many runs the grid of these seeds takes."""
    runs = bench.runs(grid, density=density) * len(seeds) // len(grid.study.dense_seeds)
    at = bench.GridBench(grid=grid, full=None, density=density, session=session, complete=partial(_complete, session))
    return tuning.tune_grid(at, _aim(grid, seeds, runs=runs)), runs


def _aim(grid: Grid, seeds: Sequence[int], *, runs: int) -> tuning.Aim:
    study = grid.study
    return tuning.Aim(
        values=tuple(hottest_first(study.values, knob=study.knob)),
        seeds=tuple(seeds),
        replicas=study.replicas,
        limit=int(SHARE * runs),
    )


def _complete(session: Session, recipes: Sequence[Recipe]) -> None:
    """Measure the pairs that a first look compares: the trainings themselves are the sweep's."""
    executor = registry.make("executors", "local", {"in_process": True}).instance
    for outcome in scheduler.run(recipes, session.store, executor, device="cpu"):
        if outcome.error:
            raise SystemExit(outcome.error)


def _best(column: Sequence[measured.MeasuredModel], seeds: Sequence[int]) -> float:
    """Return what the whole grid of some dense seeds would choose."""
    values = {one.value for one in column}
    return min(values, key=lambda value: fmean(_error(column, value, seed) for seed in seeds))


def _charge(column: Sequence[measured.MeasuredModel], value: float, seed: int) -> float:
    """Return the regret of a value on one dense seed."""
    least = min(_error(column, one.value, seed) for one in column)
    return _error(column, value, seed) - least


def _error(column: Sequence[measured.MeasuredModel], value: float, seed: int) -> float:
    (found,) = [one for one in column if one.value == value and one.seed == seed]
    if found.test_error is None:
        raise SystemExit(f"{found.name} has no test error")
    return found.test_error


def cost(found: dict[str, dict[str, Any]]) -> Iterable[Sequence[str]]:
    """Yield how many steps every study has and the time they took, summed over workers."""
    yield ("study", "cells", "dense seeds", "steps", "time of all steps, summed")
    for name, report in found.items():
        yield (
            name,
            f"{len(report['values'])} × {len(report['densities'])}",
            str(len(report["dense_seeds"])),
            str(sum(step["of"] for step in report["steps"])),
            formatting.duration_text(report["seconds"]),
        )


if __name__ == "__main__":
    main()
