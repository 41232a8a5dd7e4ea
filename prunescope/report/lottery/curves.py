"""Curves: test error of tickets against density; barrier and error of copies against the step at which they part."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from prunescope.api.wording import density_text
from prunescope.report.common import svg
from prunescope.report.lottery.sentences import by_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from prunescope.studies.lottery.outcomes import Curve, Lottery

WIDTH, PANEL = 560.0, 240.0
"""Of a figure, and the height of one of its panels, in pixels."""

LEFT, TOP, BETWEEN, BELOW, LEGEND_LINE = 56.0, 14.0, 30.0, 52.0, 14.5
"""Room around the panels, in pixels; below them are the label of the axis and the lines of the legend."""

LOTTERY_STYLES = (("-", "o"), ((0, (5, 2.5)), "s"), ((0, (1.2, 1.8)), "D"), ((0, (5, 2, 1, 2)), "^"))
"""Line and marker, one for each kind of network; colours only repeat them."""

LOTTERY_ROLES = ("regime-ii", "regime-i", "ink", "regime-iib", "unresolved")

CURVE_COLUMNS = 2
"""Of the legend."""

ASIDE, ASIDE_ALL = 0.07, 0.5
"""How far the points of neighbouring lines are moved apart, and those of all, in distances between ticks."""


def lottery_errors(found: Lottery, *, paint: Mapping[str, str]) -> Figure:
    """Draw test error in percent against density: mean and range over seeds; the dense networks as a band."""
    groups = by_label(found)
    made, (axes,) = _panels(1, paint, lines=-(-(len(groups) + 1) // CURVE_COLUMNS))
    densities = sorted({row.density for row in found.rows}, reverse=True)
    place = {density: number for number, density in enumerate(densities)}
    middle, spread = 100 * found.dense.mean, 100 * (found.dense.deviation or 0.0)
    axes.axhspan(middle - spread, middle + spread, color=paint["line"], linewidth=0, zorder=0)
    axes.axhline(middle, color=paint["muted"], linewidth=1.2, dashes=(2, 2), label="dense, ± over seeds", zorder=1)
    for number, (label, rows) in enumerate(groups.items()):
        aside = _aside(number, of=len(groups))
        places = [place[row.density] + aside for row in rows]
        values = [[100 * value for value in row.test.values] for row in rows]
        _line(axes, places, values, number=number, label=label, paint=paint)
    axes.set_xticks(range(len(densities)), [density_text(density) for density in densities])
    axes.set_xlabel("density", fontsize=10.5, color=paint["muted"])
    axes.set_ylabel("test error, %", fontsize=10.5, color=paint["muted"])
    _legend(made, axes, paint)
    return made


def barriers(curves: Sequence[Curve], threshold: float, dense: float, *, paint: Mapping[str, str]) -> Figure:
    """Draw the barrier between copies, and their test error, in percent against the step at which they part."""
    made, (upper, lower) = _panels(2, paint, lines=-(-(len(curves) + 1) // CURVE_COLUMNS))
    upper.axhline(100 * threshold, color=paint["muted"], linewidth=1.2, dashes=(5, 3), label="stable below", zorder=1)
    lower.axhline(100 * dense, color=paint["muted"], linewidth=1.2, dashes=(2, 2), label="dense", zorder=1)
    steps = sorted({step for curve in curves for step in curve.steps})
    for number, curve in enumerate(curves):
        aside = _aside(number, of=len(curves))
        places = [steps.index(step) + aside for step in curve.steps]
        for axes, table in ((upper, curve.barrier), (lower, curve.error)):
            values = [[100 * row[at] for row in table] for at in range(len(curve.steps))]
            _line(axes, places, values, number=number, label=curve.label, paint=paint)
    upper.set_ylabel("barrier, % of error", fontsize=10.5, color=paint["muted"])
    lower.set_ylabel("test error, %", fontsize=10.5, color=paint["muted"])
    lower.set_xlabel("step from which the copies are trained", fontsize=10.5, color=paint["muted"])
    upper.set_xticks(range(len(steps)), [""] * len(steps))
    lower.set_xticks(range(len(steps)), [str(step) for step in steps])
    _legend(made, upper, paint)
    return made


def _panels(count: int, paint: Mapping[str, str], *, lines: int) -> tuple[Figure, list[Axes]]:
    """Return a figure of panels above each other, with room for so many lines of the legend."""
    below = BELOW + LEGEND_LINE * lines
    height = TOP + count * PANEL + (count - 1) * BETWEEN + below
    made, panels = svg.figure(WIDTH, height), []
    for number in reversed(range(count)):
        foot = (below + number * (PANEL + BETWEEN)) / height
        axes = made.add_axes((LEFT / WIDTH, foot, 1 - (LEFT + TOP) / WIDTH, PANEL / height))
        svg.tidy(axes)
        axes.tick_params(labelcolor=paint["muted"])
        axes.grid(axis="y", color=paint["line"])
        axes.locator_params(axis="y", nbins=6)
        panels.append(axes)
    return made, panels


def _aside(number: int, *, of: int) -> float:
    step = min(ASIDE, ASIDE_ALL / of)
    return step * (number - (of - 1) / 2)


def _line(
    axes: Axes,
    places: Sequence[float],
    values: Sequence[Sequence[float]],
    *,
    number: int,
    label: str,
    paint: Mapping[str, str],
) -> None:
    """Draw the means as a line, and the range over seeds as a stroke through each."""
    style, marker = LOTTERY_STYLES[number % len(LOTTERY_STYLES)]
    colour = paint[LOTTERY_ROLES[number % len(LOTTERY_ROLES)]]
    axes.plot(
        places, [fmean(each) for each in values], color=colour, linewidth=1.8, linestyle=style, marker=marker,
        markersize=5.5, markerfacecolor=paint["paper"], markeredgewidth=1.5, label=label, zorder=4,
    )  # fmt: skip
    for place, each in zip(places, values, strict=True):
        axes.plot([place, place], [min(each), max(each)], color=colour, linewidth=1.2, zorder=3)


def _legend(made: Figure, axes: Axes, paint: Mapping[str, str]) -> None:
    handles, labels = axes.get_legend_handles_labels()
    made.legend(
        handles, labels, loc="lower center", ncols=CURVE_COLUMNS, frameon=False, fontsize=9.5,
        labelcolor=paint["ink"], handlelength=3,
    )  # fmt: skip
