"""Both sides of the flip, on dense seeds on which nothing was chosen: studies/flips, docs/data/flips.csv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from truth_tables import as_table

from prunescope.api.knobs import KNOBS
from prunescope.runs.store import Store
from prunescope.studies.grid import studyfolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FLIPS = Path(__file__).parents[2] / "studies" / "flips"

TABLE = Path(__file__).parents[1] / "data" / "flips.csv"

SURE = 4.0
"""|z| from which a pair counts as sure."""

WORDS = """The studies above have four dense seeds each, and a z of pooled spreads. Pairs that differ most there were
trained again with twelve, sixteen or forty other dense seeds (`prunescope sweep studies/flips/NAME.toml`; `nox -s truth
-- --collect` reads them). z: mean difference of the test error over dense seeds, each the mean of three replicas, in
standard errors of these differences alone; positive: the colder one is better. In brackets the 95 % interval of the
difference, in points (t, dense seeds). All that were trained again are in the table. What four seeds showed of the
flip at low density shrinks to half and less on others, because it was picked; over the batch size on MNIST its
interval is without 0. A best value with worse ones on both sides is there. `digits-batch-optimum` missed |z| ≥ 4 on one
side; `digits-batch-replication` repeats it on forty other dense seeds, a number that was fixed from its spread, with
what counts, before the first run was started (the head of its file); the earlier seeds are not added to it."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two values of a knob at one density, over dense seeds."""

    study: str
    knob: str
    density: float
    hotter: float
    colder: float
    seeds: int
    gain: float
    """Test error of the hotter one minus that of the colder one: mean over dense seeds, fraction."""
    half: float
    """Half of its central 95 % interval."""
    z: float


def collect_flips(folder: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of one study whose steps are finished: mean test error of the replicas of every cell."""
    studyfolder.settle(FLIPS / f"{name}.toml", folder)
    grid, store = studyfolder.load_grid(folder), Store(folder)
    known = set(store.ids())
    rows = []
    for cell in grid.cells:
        if cell.probes[0].id in known:
            errors = np.asarray(store.read(cell.probes[0].id).readings["errors"]["test_error"].value)
            row = (
                name,
                grid.study.knob,
                f"{cell.value:g}",
                f"{cell.density:g}",
                str(cell.seed),
                f"{errors.mean():.6f}",
            )
            rows.append(dict(zip(("study", "knob", "value", "density", "seed", "test_error"), row, strict=True)))
    return rows


def write_flips(rows: Sequence[dict[str, str]], path: Path = TABLE) -> None:
    """Write the table of the errors."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def read_pairs(path: Path = TABLE) -> list[Pair]:
    """Return every pair of values at every density, over the dense seeds that have both."""
    from scipy.special import stdtrit

    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for study, knob, density in sorted({(row["study"], row["knob"], float(row["density"])) for row in rows}):
        here = [row for row in rows if row["study"] == study and float(row["density"]) == density]
        values = sorted({float(row["value"]) for row in here}, key=lambda value: -KNOBS[knob].hotter * value)
        for hotter, colder in combinations(values, 2):
            gains = _differences(here, hotter, colder)
            error = float(gains.std(ddof=1)) / len(gains) ** 0.5
            half = error * float(stdtrit(len(gains) - 1, 0.975))
            found.append(
                Pair(
                    study=study,
                    knob=knob,
                    density=density,
                    hotter=hotter,
                    colder=colder,
                    seeds=len(gains),
                    gain=float(gains.mean()),
                    half=half,
                    z=float(gains.mean()) / error,
                )
            )
    return found


def write_pairs(pairs: Iterable[Pair]) -> str:
    """Return the pairs as a table, and which studies show both sides with |z| of 4 or more."""
    pairs = list(pairs)
    lines = [
        (
            f"`{one.study}`",
            KNOBS[one.knob].words,
            f"{one.density:g}",
            f"{one.hotter:g} against {one.colder:g}",
            str(one.seeds),
            f"{100 * one.gain:+.2f} [{100 * (one.gain - one.half):+.2f}, {100 * (one.gain + one.half):+.2f}]",
            f"{one.z:+.1f}",
        )
        for one in pairs
    ]
    columns = ("study", "knob", "density", "hotter against colder", "dense seeds", "points", "z")
    named = ", ".join(f"`{study}`" for study in find_both_sides(pairs)) or "no study"
    return "\n\n".join([WORDS, as_table(columns, lines), f"Both sides with |z| ≥ {SURE:g}: {named}."])


def find_both_sides(pairs: Sequence[Pair]) -> dict[str, str]:
    """Return the studies that show both sides with |z| of SURE or more, and their knobs."""
    sure = [one for one in pairs if abs(one.z) >= SURE]
    colder, hotter = ({one.study for one in sure if (one.z > 0) is positive} for positive in (True, False))
    return {one.study: one.knob for one in sure if one.study in colder & hotter}


def _differences(rows: Sequence[dict[str, str]], hotter: float, colder: float) -> np.ndarray:
    errors = {(float(row["value"]), row["seed"]): float(row["test_error"]) for row in rows}
    seeds = sorted({seed for value, seed in errors if value == hotter and (colder, seed) in errors})
    return np.array([errors[hotter, seed] - errors[colder, seed] for seed in seeds])
