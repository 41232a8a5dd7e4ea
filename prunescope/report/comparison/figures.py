"""Accuracy against compression and speed-up, a line for every pruner; and the seeds one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.wording import density_text
from prunescope.report.common import svg
from prunescope.studies.comparison.layout import CONTROL
from prunescope.studies.comparison.measured import summarize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from prunescope.studies.comparison.measured import MeasuredComparison, Quantity

WIDTH, HEIGHT = 500.0, 350.0

LOOKS = (
    ("-", "o", "regime-ii"),
    ((0, (5, 2)), "s", "regime-i"),
    ((0, (1.2, 1.6)), "^", "regime-iib"),
    ((0, (5, 1.5, 1, 1.5)), "D", "ink"),
    ("-", "v", "unresolved"),
    ((0, (5, 2)), "P", "regime-ii"),
    ((0, (1.2, 1.6)), "<", "regime-i"),
    ((0, (5, 1.5, 1, 1.5)), "h", "regime-iib"),
    ("-", ">", "ink"),
    ((0, (5, 2)), "X", "unresolved"),
)
"""Line, marker and colour: no two pruners share a line and a marker, so that colour only repeats the shape."""

OF_CONTROL = ((0, (1, 1)), "x", "muted")

FIGURE_ROOM = 13.0
"""Pixels between the names of lines."""

Ends = dict[str, tuple[float | None, float, str]]
"""Label -> where its line ends (None: at the right edge) and its colour."""

LEADER = {"arrowstyle": "-", "linewidth": 0.5, "alpha": 0.6, "shrinkA": 1, "shrinkB": 4, "relpos": (0, 0.5)}
"""The line from a name to its last point."""

LEFT, LETTER, LEAST = 0.105, 5.9, 0.4
"""Where the axes begin; pixels of a letter of a name; the least share of the width that the axes take."""


def looks(labels: Sequence[str]) -> dict[str, tuple[object, str, str]]:
    """Return line, marker and colour of every pruner; the random control is always the same faint dotted line."""
    others = [label for label in labels if label != CONTROL]
    return {CONTROL: OF_CONTROL} | {label: LOOKS[number % len(LOOKS)] for number, label in enumerate(others)}


def against(measured: MeasuredComparison, x: Quantity, y: Quantity, *, paint: Mapping[str, str]) -> Figure:
    """Draw one quantity against another: means over seeds, bars of ± one standard deviation, the dense control."""
    made = svg.figure(WIDTH, HEIGHT)
    room = LETTER * max(map(len, ("dense", *measured.pruned))) / WIDTH
    axes = made.add_axes((LEFT, 0.135, max(LEAST, (1 - LEFT - room) / 1.05), 0.835))
    svg.tidy(axes)
    axes.tick_params(labelcolor=paint["muted"])
    axes.grid(axis="y", color=paint["line"])
    axes.set_xscale("log", base=2)
    of_size = y in ("compression", "speedup")
    if of_size:
        axes.set_yscale("log", base=2)
    ends = {} if of_size else _dense(axes, measured, y, paint)
    for label, (style, marker, role) in looks(list(measured.pruned)).items():
        line = _line(measured, label, x, y)
        if len(line):
            _draw(axes, line, style=style, marker=marker, colour=paint[role], paint=paint)
            ends[label] = (float(line[-1, 0]), float(line[-1, 1]), paint[role])
    _ticks(axes, log=of_size)
    _name(axes, ends)
    return made


def _scale(quantity: Quantity) -> float:
    return 100.0 if quantity in ("top1", "top5") else 1.0


def _line(measured: MeasuredComparison, label: str, x: Quantity, y: Quantity) -> np.ndarray:
    """Return rows of x, y and y's deviation, from the densest on."""
    rows = []
    for points in measured.pruned[label].values():
        across, along = summarize(points, x), summarize(points, y)
        if across and along:
            rows.append((across.mean, _scale(y) * along.mean, _scale(y) * (along.deviation or 0.0)))
    return np.array(rows)


def _draw(axes: Axes, line: np.ndarray, *, style: object, marker: str, colour: str, paint: Mapping[str, str]) -> None:
    axes.plot(
        line[:, 0], line[:, 1], color=colour, linewidth=1.7, linestyle=style, marker=marker, markersize=5.5,
        markerfacecolor=colour if marker == "x" else paint["paper"], markeredgewidth=1.4, zorder=4,
    )  # fmt: skip
    axes.vlines(line[:, 0], line[:, 1] - line[:, 2], line[:, 1] + line[:, 2], color=colour, linewidth=1.1, zorder=3)


def _dense(axes: Axes, measured: MeasuredComparison, y: Quantity, paint: Mapping[str, str]) -> Ends:
    """Draw the dense models' mean as a line and ± one standard deviation as a band; return the line's end."""
    found = summarize(measured.dense, y)
    if found is None:
        return {}
    middle, spread = _scale(y) * found.mean, _scale(y) * (found.deviation or 0.0)
    axes.axhline(middle, color=paint["ink"], linewidth=1.1, zorder=2)
    axes.axhspan(middle - spread, middle + spread, color=paint["band"], alpha=0.25, linewidth=0, zorder=1)
    return {"dense": (None, middle, paint["ink"])}


def _ticks(axes: Axes, *, log: bool) -> None:
    """Write 2, 4, 8, ... with a multiplication sign."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    chosen = [(axes.xaxis, True), (axes.yaxis, log)]
    for axis, wanted in chosen:
        if wanted:
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
            axis.set_minor_formatter(NullFormatter())
    if not log:
        axes.locator_params(axis="y", nbins=7)


def _name(axes: Axes, ends: Ends) -> None:
    """Write every pruner's name at the right, none over another, with a thin line to its last point."""
    axes.figure.canvas.draw()
    right = axes.get_xlim()[1]
    heights = {label: float(axes.transData.transform((right, end[1]))[1]) for label, end in ends.items()}
    ordered = sorted(ends, key=lambda label: heights[label])
    to_axes = axes.transAxes.inverted()
    for label, height in zip(ordered, _spread([heights[label] for label in ordered], axes), strict=True):
        x, y, colour = ends[label]
        axes.annotate(
            label, (right if x is None else x, y), xytext=(1.05, to_axes.transform((0.0, height))[1]),
            textcoords="axes fraction", va="center", fontsize=9.5, color=colour, annotation_clip=False,
            arrowprops=LEADER | {"color": colour},
        )  # fmt: skip


def _spread(heights: Sequence[float], axes: Axes) -> list[float]:
    """Move sorted heights apart, as little as it takes, and keep them inside the axes."""
    room = FIGURE_ROOM * axes.figure.dpi / svg.POINTS_PER_INCH
    low, high = axes.bbox.y0, axes.bbox.y1
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + room) if placed else max(height, low))
    over = max(0.0, placed[-1] - high) if placed else 0.0
    for index in range(len(placed) - 1, -1, -1):
        limit = high if index == len(placed) - 1 else placed[index + 1] - room
        placed[index] = min(placed[index], limit) if over else placed[index]
    return placed


def seeds(measured: MeasuredComparison, density: float, *, paint: Mapping[str, str]) -> Figure:
    """Draw the top-1 accuracy of every seed at one density: a ring for each, a dash at their mean."""
    labels = list(measured.pruned)
    made = svg.figure(WIDTH, 30.0 + 24.0 * len(labels))
    bottom = 28.0 / (30.0 + 24.0 * len(labels))
    left = min(1 - LEAST, (14 + 1.1 * LETTER * max(map(len, labels))) / WIDTH)
    axes = made.add_axes((left, bottom, 0.97 - left, 1 - bottom - 0.01))
    svg.tidy(axes)
    axes.tick_params(labelcolor=paint["muted"])
    axes.grid(axis="x", color=paint["line"])
    for row, (label, (_, marker, role)) in enumerate(_in_order(labels)):
        points = [100 * p.top1 for p in measured.pruned[label][density] if p.top1 is not None]
        if points:
            mean = sum(points) / len(points)
            axes.plot([mean, mean], [row - 0.32, row + 0.32], color=paint[role], linewidth=2.2, zorder=3)
            axes.plot(
                points, [row] * len(points), linestyle="none", marker=marker, markersize=6, color=paint[role],
                markerfacecolor=paint[role] if marker == "x" else "none", markeredgewidth=1.3, zorder=4,
            )  # fmt: skip
    dense = summarize(measured.dense, "top1")
    if dense is not None:
        axes.axvline(100 * dense.mean, color=paint["ink"], linewidth=1.1, zorder=2)
    axes.set_yticks(range(len(labels)), [label for label, _ in _in_order(labels)])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.locator_params(axis="x", nbins=7)
    return made


def _in_order(labels: Sequence[str]) -> list[tuple[str, tuple[object, str, str]]]:
    return [(label, look) for label, look in looks(labels).items() if label in labels]


def comparison_caption(measured: MeasuredComparison, x: str, y: str) -> str:
    """Say a picture in words, for those who do not see it."""
    lines = []
    for label, found in measured.pruned.items():
        top1 = [(density, summarize(points, "top1")) for density, points in found.items()]
        known = [f"{100 * one.mean:.1f} at {density_text(density)}" for density, one in top1 if one]
        lines.append(f"{label}: {', '.join(known)}")
    return f"{y} against {x}, a line for every pruner. Top-1 accuracy in percent: {'; '.join(lines)}."
