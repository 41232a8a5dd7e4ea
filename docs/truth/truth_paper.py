"""Studies beside figure 2 of Zhou et al. 2023: the best of each density, and how sure each neighbouring pair is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from truth_published import read_figure
from truth_tables import as_table

from prunescope.api.knobs import KNOBS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from truth_cells import Row

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


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Points of test error above the best of each density."""

    title: str
    knob: str
    values: tuple[float, ...]
    """Of the knob, the hottest first."""
    densities: tuple[float, ...]
    above: tuple[tuple[float, ...], ...]
    """(values, densities)."""


def list_grids(rows: Sequence[Row]) -> list[Grid]:
    """Return the published grid, and those of STUDIES."""
    found = [read_published()]
    for study in STUDIES:
        known = [row for row in rows if row.study == study]
        if known:
            values, densities, errors = _errors(known)
            means = errors.mean(axis=2)
            above = 100 * (means - means.min(axis=0))
            given = tuple(tuple(map(float, line)) for line in above)
            words = KNOBS[known[0].knob].words
            found.append(Grid(title=study, knob=words, values=values, densities=densities, above=given))
    return found


def read_published() -> Grid:
    """Return the cells of figure 2 as they were read off it, in points above the best of each density."""
    found = {(cell.epochs, cell.density): cell.above for cell in read_figure()}
    values, densities = sorted({value for value, _ in found}), sorted({density for _, density in found})
    best = {density: min(found[value, density] for value in values) for density in densities}
    above = tuple(tuple(100 * (found[v, d] - best[d]) for d in densities) for v in values)
    title = "published (PreResNet-20, CIFAR-10)"
    return Grid(title=title, knob="epochs", values=tuple(values), densities=tuple(densities), above=above)


def _published() -> str:
    grid = read_published()
    lines = [
        (f"{value:g}", *(f"{one:.2f}" for one in above)) for value, above in zip(grid.values, grid.above, strict=True)
    ]
    return as_table(("epochs, hotter above", *(f"{density:g}" for density in grid.densities)), lines)


def _errors(rows: Sequence[Row]) -> tuple[tuple[float, ...], tuple[float, ...], np.ndarray]:
    """Return values, the hottest first, densities, and mean test errors (values, densities, dense seeds)."""
    knob = rows[0].knob
    values = tuple(sorted({row.value for row in rows}, key=lambda value: -KNOBS[knob].hotter * value))
    densities, seeds = tuple(sorted({row.density for row in rows})), sorted({row.seed for row in rows})
    errors = [[[float(np.mean(_cell(rows, v, d, s).test_errors)) for s in seeds] for d in densities] for v in values]
    return values, densities, np.array(errors)


def _grid(rows: Sequence[Row]) -> str:
    """Return a line for each value, the hottest first: points above the best (z of the step to the next line)."""
    knob, seeds = rows[0].knob, {row.seed for row in rows}
    values, densities, errors = _errors(rows)
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
    return as_table(columns, lines) + "\n\n" + words


def _cell(rows: Sequence[Row], value: float, density: float, seed: int) -> Row:
    return next(row for row in rows if (row.value, row.density, row.seed) == (value, density, seed))
