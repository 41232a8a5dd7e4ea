"""Test error against density for every value of the knob, and LMC curves of the cells across the transition."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.knobs import knob_words
from prunescope.api.wording import density_text
from prunescope.report.common import formatting, plots, svg
from prunescope.report.common.view import PathCurve, Paths
from prunescope.report.phase import labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from prunescope.studies.phase.findings import Findings

WIDTH, HEIGHT = 500.0, 330.0

STYLES = (("-", "s"), ((0, (5, 2.5)), "o"), ((0, (1.2, 1.8)), "D"), ((0, (5, 2, 1, 2)), "^"))
"""Line and marker of the values that are emphasised."""

ROLES = ("regime-i", "ink", "regime-ii", "regime-iib")

ROOM = 12.5
"""Pixels between the labels of lines."""

SHIFT = 0.012
"""Share of the width by which the intervals of neighbouring lines are moved apart."""


def phase_errors(findings: Findings, *, paint: Mapping[str, str], above_best: bool = False) -> Figure:
    """Draw test error (or its distance from the best of each density) along density, a line for every value."""
    diagram = findings.diagram
    grid = 100 * (diagram.above_best() if above_best else diagram.grid("test_error"))
    made = svg.figure(WIDTH, HEIGHT)
    axes = made.add_axes((0.085, 0.13, 0.80, 0.84))
    svg.tidy(axes)
    axes.tick_params(labelcolor=paint["muted"])
    axes.grid(axis="y", color=paint["line"])
    places = np.arange(len(diagram.densities), dtype=np.float64)
    chosen = standing_out(findings)
    for row, value in enumerate(diagram.values):
        known = np.isfinite(grid[row])
        if value in chosen:
            number = chosen.index(value)
            _line(axes, places[known], grid[row][known], number=number, paint=paint)
            if not above_best:
                _intervals(axes, findings, value, number=number, of=len(chosen), paint=paint)
        else:
            axes.plot(places[known], grid[row][known], color=paint["band"], linewidth=1.0, zorder=2)
    axes.set_xlim(-0.35, len(places) - 0.8)
    axes.set_xticks(places, [density_text(density) for density in diagram.densities])
    axes.locator_params(axis="y", nbins=6)
    _name_lines(axes, findings, grid, chosen, paint)
    return made


def standing_out(findings: Findings) -> list[float]:
    """Return the values whose lines are emphasised: hottest, both sides of the transition, coldest."""
    values, found = findings.diagram.values, findings.transition
    wanted = [values[0], *((found.hotter, found.colder) if found else ()), values[-1]]
    return sorted(set(wanted), key=values.index)


def lines_between(findings: Findings) -> list[tuple[str, Paths]]:
    """Return the LMC curves of four cells: both sides of the transition at the lowest and the highest density.

    They are those of the first dense seed; the list is shorter where curves are not known.
    """
    diagram, found = findings.diagram, findings.transition
    values = (found.hotter, found.colder) if found else (diagram.values[0], diagram.values[-1])
    chosen = []
    for density in sorted({diagram.densities[0], diagram.densities[-1]}):
        for value in values:
            paths = _paths(findings, value, density)
            if paths is not None:
                chosen.append((f"{labels.value(diagram.knob, value)}, {density_text(density)}", paths))
    return chosen


def _paths(findings: Findings, value: float, density: float) -> Paths | None:
    cell = findings.diagram.cells[value, density]
    sample = next((one for one in cell.samples if one.paths and one.lmc), None)
    if sample is None:
        return None
    verdict = findings.verdicts.get((value, density))
    ends = fmean(end for path in sample.paths for end in (path[0], path[-1]))
    return Paths(
        density=density,
        label=f"{labels.value(findings.diagram.knob, value)}, {density_text(density)}",
        regime=verdict.regime if verdict else None,
        curves=tuple(
            PathCurve(pair=str(number), values=path, lmc=lmc)
            for number, (path, lmc) in enumerate(zip(sample.paths, sample.lmc, strict=True), start=1)
        ),
        lmc=fmean(sample.lmc),
        ends=ends,
        epsilon=(findings.epsilon.low, findings.epsilon.high),
    )


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, *, number: int, paint: Mapping[str, str]) -> None:
    style, marker = STYLES[number]
    axes.plot(
        x, y, color=paint[ROLES[number]], linewidth=1.9, linestyle=style, marker=marker, markersize=5.5,
        markerfacecolor=paint["paper"], markeredgewidth=1.5, zorder=4,
    )  # fmt: skip


def _intervals(axes: Axes, findings: Findings, value: float, *, number: int, of: int, paint: Mapping[str, str]) -> None:
    """Draw the range of all replicas, moved aside so that lines do not hide each other's."""
    diagram = findings.diagram
    for column, density in enumerate(diagram.densities):
        found = diagram.cells[value, density].summary("test_error")
        if found is not None and found.low < found.high:
            at = column + SHIFT * len(diagram.densities) * (number - (of - 1) / 2)
            axes.plot(
                [at, at], [100 * found.low, 100 * found.high], color=paint[ROLES[number]], linewidth=1.2, zorder=3
            )


def _name_lines(
    axes: Axes, findings: Findings, grid: np.ndarray, chosen: Sequence[float], paint: Mapping[str, str]
) -> None:
    """Write the value at the left end of every line that is emphasised, and of the others where there is room."""
    values = findings.diagram.values
    ends = [(_first(grid[row]), value) for row, value in enumerate(values) if np.isfinite(grid[row]).any()]
    low, high = axes.get_ylim()
    room = ROOM * (high - low) / (0.84 * HEIGHT)
    free: list[float] = []
    width = max((len(formatting.number(value)) for value in values), default=1)
    axes.set_xlim(-0.26 - 0.075 * width * len(findings.diagram.densities) / 6, len(findings.diagram.densities) - 0.8)
    for height, value in sorted(ends, key=lambda end: end[1] not in chosen):
        at = _clear(height, free, room) if value in chosen else height
        if value in chosen or all(abs(at - other) >= room for other in free):
            free.append(at)
            role = ROLES[chosen.index(value)] if value in chosen else "muted"
            axes.annotate(
                formatting.number(value), (0, at), xytext=(-13, 0), textcoords="offset points", ha="right",
                va="center", fontsize=10, color=paint[role], fontweight="bold" if value in chosen else "normal",
            )  # fmt: skip


def _clear(height: float, taken: Sequence[float], room: float) -> float:
    """Return the nearest height at which a label covers no other."""
    steps = [height + sign * step * room / 4 for step in range(40) for sign in (1, -1)]
    return next((at for at in steps if all(abs(at - other) >= room for other in taken)), height)


def _first(row: np.ndarray) -> float:
    return float(row[np.flatnonzero(np.isfinite(row))[0]])


def curve_caption(findings: Findings) -> str:
    """Say the curves in words."""
    named = [formatting.number(value) for value in standing_out(findings)]
    knob = knob_words(findings.diagram.knob)
    return f"Test error against density, a line for every value of {knob}; {', '.join(named)} are highlighted"


def panel(paths: Paths, *, top: float, name: str) -> str:
    """Return one LMC panel as SVG."""
    return plots.lines_between_replicas(paths, top=top, name=name)
