"""Studies beside figure 2 of Zhou et al. 2023: the best of each density, and how sure each neighbouring pair is."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.knobs import KNOBS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from truth_cells import Row

PUBLISHED = Path(__file__).parents[2] / "tests" / "data" / "phase_preresnet20_cifar10.csv"

STUDIES = ("preresnet-patches-epochs", "vgg-mnist-epochs", "preresnet-mnist-batch", "vgg-digits-batch")
"""Epochs and batch size, on generated and on real images."""

SURE = 4.0
"""|z| from which a pair counts as sure."""


def write_paper(rows: Sequence[Row]) -> str:
    """Return the grids and the pairs as Markdown."""
    parts = ["### Published: epochs, points of test error above the best of each density", _published()]
    for study in STUDIES:
        known = [row for row in rows if row.study == study]
        if known:
            parts += [f"### `{study}`: points above the best, and z towards the next colder value", _grid(known)]
    return "\n\n".join(parts)


def _published() -> str:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(line for line in file if not line.startswith("#")))
    errors = {
        (float(one["train_epochs"]), float(one["density_pct"]) / 100): float(one["test_error_frac"]) for one in cells
    }
    values, densities = sorted({value for value, _ in errors}), sorted({density for _, density in errors})
    lines = []
    for value in values:
        above = []
        for density in densities:
            column = [errors[one] for one in errors if one[1] == density]
            found = errors.get((value, density))
            above.append("" if found is None else f"{100 * (found - min(column)):.2f}")
        lines.append((f"{value:g}", *above))
    return _table(("epochs, hotter above", *(f"{density:g}" for density in densities)), lines)


def _grid(rows: Sequence[Row]) -> str:
    """Return a line for each value, the hottest first: points above the best (z of the step to the next line)."""
    knob = rows[0].knob
    values = sorted({row.value for row in rows}, key=lambda value: -KNOBS[knob].hotter * value)
    densities, seeds = sorted({row.density for row in rows}), sorted({row.seed for row in rows})
    errors = np.array(
        [[[float(np.mean(_cell(rows, v, d, s).test_errors)) for s in seeds] for d in densities] for v in values]
    )
    steps = errors[:-1] - errors[1:]  # positive where the colder one is better; (pairs, densities, seeds)
    spread = np.sqrt(steps.var(axis=2, ddof=1).mean(axis=0)) if len(seeds) > 1 else math.nan
    z = steps.mean(axis=2) / (spread / math.sqrt(len(seeds)))
    above = 100 * (errors.mean(axis=2) - errors.mean(axis=2).min(axis=0))
    lines = []
    for place, value in enumerate(values):
        cells = [
            f"{above[place, column]:.2f}" + (f" (z {z[place, column]:+.1f})" if place < len(z) else "")
            for column in range(len(densities))
        ]
        lines.append((f"{value:g}", *cells))
    sure = [(density, z[:, column]) for column, density in enumerate(densities)]
    both = [f"{density:g}" for density, found in sure if (found >= SURE).any() and (found <= -SURE).any()]
    colder, hotter = int((z >= SURE).sum()), int((z <= -SURE).sum())
    words = (
        f"{len(seeds)} dense seeds; z: mean difference over dense seeds, in standard errors of the spread that is "
        f"pooled over the pairs of a density. Positive: the colder one is better. |z| ≥ {SURE:g}: colder in {colder}, "
        f"hotter in {hotter} of {z.size} pairs; in both directions at density: {', '.join(both) or 'none'}."
    )
    columns = (f"{KNOBS[knob].words}, hotter above", *(f"{density:g}" for density in densities))
    return _table(columns, lines) + "\n\n" + words


def _cell(rows: Sequence[Row], value: float, density: float, seed: int) -> Row:
    return next(row for row in rows if (row.value, row.density, row.seed) == (value, density, seed))


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [columns, ["---"] * len(columns), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
