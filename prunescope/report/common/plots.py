"""The pictures of a report. Shape and text carry the meaning; colour only repeats it."""

from __future__ import annotations

from itertools import pairwise
from math import log10
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Advice, Regime
from prunescope.api.wording import density_text, lmc_text
from prunescope.report.common import svg, words
from prunescope.report.common.svg import PAINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from prunescope.report.common.view import Headline, Paths, Row

MARKERS: dict[Regime | None, str] = {
    Regime.I: "s",
    Regime.II: "o",
    Regime.II_A: "o",
    Regime.II_B: "o",
    Regime.UNRESOLVED: "D",
    None: "|",
}

FILLS: dict[Regime | None, str] = {Regime.I: "full", Regime.II_A: "left", Regime.II_B: "full"}
"""Not listed: open."""

PAINTS: dict[Regime | None, str] = {
    Regime.I: PAINT["regime-i"],
    Regime.II: PAINT["regime-ii"],
    Regime.II_A: PAINT["regime-iia"],
    Regime.II_B: PAINT["regime-iib"],
    Regime.UNRESOLVED: PAINT["unresolved"],
    None: PAINT["muted"],
}

SHORT: dict[Regime | None, str] = {
    Regime.I: "I",
    Regime.II: "II",
    Regime.II_A: "II-A",
    Regime.II_B: "II-B",
    Regime.UNRESOLVED: "?",
    None: "",
}

LINE_STYLES = ("-", (0, (5, 2.5)), (0, (1.2, 1.8)))
"""Solid, dashed, dotted: one for each pair of three replicas."""

ROOM_FOR_WORD, ROOM_FOR_TICK = 74.0, 32.0
"""Pixels between neighbours that "Regime II-A", or "12.5 %", needs."""

ROOM_FOR_LINE = 0.08
"""Share of a panel's height that a line of text needs."""

RING_STEP = 8.0
"""Pixels between the rings at one density, where there is room."""

PANEL = (330.0, 216.0)


def density_axis(verdicts: Sequence[Headline], *, width: float, name: str) -> str:
    """Draw every verdict at its density: the shape of the regime on the line, an arrow towards hotter or colder."""
    description = ", ".join(
        f"{verdict.label}: {words.REGIMES[verdict.regime]}, {words.ADVICE[verdict.advice]}" for verdict in verdicts
    )
    with svg.drawing():
        made = svg.figure(width, 200)
        left, right = 66 / width, 1 - 14 / width
        axes = made.add_axes((left, 0.17, right - left, 0.80))
        svg.tidy(axes)
        axes.set(xscale="log", ylim=(-1.15, 1.15), yticks=[])
        low, high = _limits([verdict.density for verdict in verdicts], upper=1.0)
        axes.set_xlim(low, high)
        axes.axhline(0, color=PAINT["line"], linewidth=1.2, zorder=1)
        for height, word in ((0.8, "hotter"), (0.0, "as trained"), (-0.8, "colder")):
            axes.annotate(
                word, (-66 / ((right - left) * width), height), xycoords=("axes fraction", "data"), va="center",
                color=PAINT["muted"], fontsize=10.5,
            )  # fmt: skip
        gap = _smallest_gap(
            [verdict.density for verdict in verdicts], pixels=(right - left) * width / log10(high / low)
        )
        for verdict in verdicts:
            _verdict(axes, verdict, word=gap >= ROOM_FOR_WORD)
        _density_ticks(axes, [verdict.density for verdict in verdicts], staggered=gap < ROOM_FOR_TICK, whole=True)
        return svg.inline(made, name=name, label=f"Verdict at each density. {description}")


def lines_between_replicas(paths: Paths, *, top: float, name: str) -> str:
    """Draw the training error along the line between every pair, with the end points, t* and the threshold's band."""
    with svg.drawing():
        made = svg.figure(*PANEL)
        axes = made.add_axes((0.1, 0.155, 0.76, 0.815))
        svg.tidy(axes)
        axes.grid(axis="y")
        axes.set(xlim=(-0.03, 1.03), ylim=(0, top), xticks=[0, 0.25, 0.5, 0.75, 1])
        axes.set_xticklabels(["A", "¼", "½", "¾", "B"])
        axes.locator_params(axis="y", nbins=5)
        if paths.epsilon is not None:
            _band(axes, paths.ends, paths.epsilon, top=top)
        axes.axhline(paths.ends, color=PAINT["muted"], linewidth=0.9, dashes=(2, 2))
        for number, curve in enumerate(paths.curves):
            _curve(axes, curve.values, curve.star, paint=PAINTS[paths.regime], style=_style(number, len(paths.curves)))
        text = f"LMC {lmc_text(paths.lmc)} at {paths.label}"
        return svg.inline(made, name=name, label=f"Training error between replicas at density {paths.label}. {text}.")


def along_density(row: Row, densities: Sequence[float], *, name: str) -> str:
    """Draw a reading at every density: a ring for each pair or replica, a dash at their mean."""
    with svg.drawing():
        made = svg.figure(*PANEL)
        axes = made.add_axes((0.155, 0.155, 0.825, 0.815))
        svg.tidy(axes)
        axes.grid(axis="y")
        axes.set(xscale="log")
        found = [(density, cell.values) for density, cell in zip(densities, row.cells, strict=True) if cell.values]
        low, high = _limits([density for density, _ in found])
        axes.set_xlim(low, high)
        scale = 100.0 if row.style == "percent" else 1.0
        means = [scale * fmean(values) for _, values in found]
        axes.plot([density for density, _ in found], means, color=PAINT["line"], linewidth=1.2, zorder=1)
        decade = 0.82 * PANEL[0] / log10(high / low)
        gap = _smallest_gap([density for density, _ in found], pixels=decade)
        for (density, values), mean in zip(found, means, strict=True):
            step = 10 ** (min(RING_STEP, 0.7 * gap / (len(values) + 1)) / decade)
            _rings(axes, density, [scale * value for value in values], mean=mean, step=step)
        axes.locator_params(axis="y", nbins=5)
        axes.margins(y=0.12)
        _density_ticks(axes, [density for density, _ in found], staggered=gap < ROOM_FOR_TICK)
        description = ", ".join(
            f"{density_text(density)}: {mean:.4g}" for (density, _), mean in zip(found, means, strict=True)
        )
        return svg.inline(made, name=name, label=f"{row.label} at each density. {description}")


def common_top(all_paths: Sequence[Paths]) -> float:
    """Return one height of the error axis for all panels, so that they compare."""
    highest = [max(curve.values) for paths in all_paths for curve in paths.curves]
    bands = [paths.ends + paths.epsilon[1] for paths in all_paths if paths.epsilon is not None]
    return 1.1 * max([*highest, *bands, 0.02])


def _verdict(axes: Axes, verdict: Headline, *, word: bool) -> None:
    paint = PAINTS[verdict.regime]
    sign = {Advice.RAISE: 1, Advice.LOWER: -1}.get(verdict.advice, 0)
    axes.axvline(verdict.density, color=PAINT["line"], linewidth=0.6, zorder=0)
    if sign:
        axes.annotate(
            "", xy=(verdict.density, 0.72 * sign), xytext=(verdict.density, 0.1 * sign),
            arrowprops={
                "arrowstyle": "-|>", "color": paint, "linewidth": 1.8, "mutation_scale": 13, "shrinkA": 0, "shrinkB": 0,
            },
        )  # fmt: skip
    _shape(axes, verdict.density, 0.0, verdict.regime)
    text = words.REGIMES[verdict.regime] if word else SHORT[verdict.regime]
    height, align = (0.78 * sign, "bottom" if sign > 0 else "top") if sign else (0.2, "bottom")
    axes.annotate(
        text, (verdict.density, height), ha="center", va=align, fontsize=11, fontweight="bold", color=paint,
        bbox={"facecolor": PAINT["paper"], "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip


def _shape(axes: Axes, x: float, y: float, regime: Regime | None) -> None:
    paint, fill = PAINTS[regime], FILLS.get(regime, "none")
    axes.plot(
        [x], [y], marker=MARKERS[regime], markersize=12, fillstyle=fill, color=paint,
        markerfacecolor=PAINT["paper"] if fill == "none" else paint, markerfacecoloralt=PAINT["paper"],
        markeredgecolor=paint, markeredgewidth=2.2, linestyle="none", zorder=5,
    )  # fmt: skip
    if fill == "none":  # an open shape lets no line through
        axes.plot(
            [x], [y], marker=MARKERS[regime], markersize=11, color=PAINT["paper"], markeredgecolor="none",
            linestyle="none", zorder=4,
        )  # fmt: skip


def _band(axes: Axes, ends: float, epsilon: tuple[float, float], *, top: float) -> None:
    """Draw where the threshold may lie: a barrier that reaches it means Regime I."""
    axes.axhspan(
        ends + epsilon[0],
        ends + epsilon[1],
        facecolor="none",
        edgecolor=PAINT["band"],
        hatch="////",
        linewidth=0,
        zorder=0,
    )
    _beside(axes, ends + sum(epsilon) / 2, "m + ε")
    if sum(epsilon) / 2 > ROOM_FOR_LINE * top:
        _beside(axes, ends, "m")


def _beside(axes: Axes, height: float, text: str) -> None:
    axes.annotate(
        text, (1.03, height), xycoords=("axes fraction", "data"), va="center", fontsize=10.5, color=PAINT["muted"]
    )


def _curve(axes: Axes, values: Sequence[float], star: int, *, paint: str, style: object) -> None:
    t = np.linspace(0, 1, len(values))
    axes.plot(t, values, color=paint, linewidth=1.7, linestyle=style, zorder=3, clip_on=False)
    axes.plot(
        t[[0, -1]],
        [values[0], values[-1]],
        marker="o",
        markersize=5,
        color=paint,
        linestyle="none",
        zorder=4,
        clip_on=False,
    )
    axes.plot(
        t[[star]], [values[star]], marker="D", markersize=6, markerfacecolor=PAINT["paper"], markeredgecolor=paint,
        markeredgewidth=1.5, linestyle="none", zorder=5,
    )  # fmt: skip


def _style(number: int, pairs: int) -> object:
    return LINE_STYLES[number] if pairs <= len(LINE_STYLES) else "-"


def _rings(axes: Axes, density: float, values: Sequence[float], *, mean: float, step: float) -> None:
    """Draw rings side by side, and a dash through their mean; step: the factor between neighbouring rings."""
    around = [density * step ** (number - (len(values) - 1) / 2) for number in range(len(values))]
    axes.plot(
        around, values, marker="o", markersize=6, markerfacecolor=PAINT["paper"], markeredgewidth=1.5,
        color=PAINT["regime-ii"], linestyle="none", zorder=3,
    )  # fmt: skip
    reach = step ** (len(values) / 2 + 0.8)
    axes.plot([density / reach, density * reach], [mean, mean], color=PAINT["muted"], linewidth=2.4, zorder=2)


def _limits(densities: Sequence[float], *, upper: float | None = None) -> tuple[float, float]:
    low, high = min(densities), upper if upper is not None else max(densities)
    margin = max((high / low) ** 0.1, 1.3)
    return low / margin, high * (1.06 if upper is not None else margin)


def _smallest_gap(densities: Sequence[float], *, pixels: float) -> float:
    """Return the least distance between neighbours; pixels: for a factor of ten."""
    places = sorted(pixels * log10(density) for density in densities)
    return min((after - before for before, after in pairwise(places)), default=pixels)


def _density_ticks(axes: Axes, densities: Sequence[float], *, staggered: bool, whole: bool = False) -> None:
    """Label the densities that were judged, and the whole network; on two lines where they are close."""
    places = sorted({*densities, 1.0} if whole else densities)
    axes.set_xticks(places, minor=False)
    axes.minorticks_off()
    labels = ["100 %" if whole and place == 1 else density_text(place) for place in places]
    axes.set_xticklabels([f"\n{label}" if staggered and number % 2 else label for number, label in enumerate(labels)])
