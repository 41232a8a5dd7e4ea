"""Heat maps over knob x density: a number in every cell, computed boundaries, learning-rate drops; bright is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from prunescope.api.knobs import knob_words
from prunescope.api.wording import MINUS, density_text, points_text
from prunescope.report.common import formatting, svg, words
from prunescope.report.common.plots import FILLS, MARKERS, PAINTS, SHORT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    from prunescope.api import Diagnosis, Regime
    from prunescope.studies.phase.diagram import PhaseDiagram, Quantity
    from prunescope.studies.phase.findings import Findings

CELL_WIDTH, CELL_HEIGHT = 54.0, 31.0

LEFT, RIGHT, TOP, BOTTOM = 58.0, 26.0, 22.0, 46.0

DARK_TEXT = 0.45
"""Cells brighter than this carry black text."""


@dataclass(frozen=True, kw_only=True)
class MapLayer:
    """What one map shows."""

    key: str
    title: str
    about: str
    quantity: Quantity
    text: Callable[[float], str]
    low_is_better: bool = False
    above_best: bool = False
    """Shown as the difference from the best of the column, with the arrow of the advice."""


LAYERS = (
    MapLayer(
        key="test-error",
        title="Test error of retrained replicas, %",
        about="",
        quantity="test_error",
        text=lambda value: f"{100 * value:.1f}",
        low_is_better=True,
    ),
    MapLayer(
        key="above-best",
        title="Points above the best of each density",
        about="",
        quantity="test_error",
        text=points_text,
        low_is_better=True,
        above_best=True,
    ),
    MapLayer(key="lmc", title="LMC", about="", quantity="lmc", text=lambda value: _short(value, 3)),
    MapLayer(
        key="cka", title="CKA at the softmax outputs", about="", quantity="cka", text=lambda value: _short(value, 4)
    ),
)


def regimes(findings: Findings, *, paint: Mapping[str, str]) -> Figure:
    """Draw the regime and the advice of every cell, the boundary of Regime I and the band it may lie in."""
    made, axes = _frame(findings, paint)
    diagram = findings.diagram
    _band(axes, findings, paint)
    crossed = _crossed(findings)
    for row, value in enumerate(diagram.values):
        for column, density in enumerate(diagram.densities):
            found = findings.verdicts.get((value, density))
            if found is None:
                _missing(axes, column, row, paint)
                continue
            _verdict_cell(axes, column, row, found, paint=paint, crossed=bool(crossed[row, column]))
    _shapes(axes, findings, paint)
    _between_a_and_b(axes, findings, paint)
    _boundary(axes, findings, ink=paint["ink"], halo=paint["paper"], ends=False)
    _drops(axes, findings, paint)
    return made


def heat(findings: Findings, layer: MapLayer, *, paint: Mapping[str, str]) -> Figure:
    """Draw a map of numbers."""
    made, axes = _frame(findings, paint)
    values = findings.diagram.above_best() if layer.above_best else findings.diagram.grid(layer.quantity)
    colours, crossed = cell_colours(values, low_is_better=layer.low_is_better), _crossed(findings)
    _fill(axes, values, colours, paint)
    for row, column in np.ndindex(values.shape):
        if np.isfinite(values[row, column]):
            text = layer.text(float(values[row, column]))
            arrow = _arrow(findings, layer, row, column)
            _number(
                axes, column, row, text, arrow=arrow, colour=colours[row, column], crossed=bool(crossed[row, column])
            )
        else:
            _missing(axes, column, row, paint)
    if layer.quantity == "test_error":
        _best(axes, findings, colours)
    _boundary(axes, findings, ink="#000000", halo="#ffffff", ends=layer.quantity == "lmc")
    _drops(axes, findings, paint)
    return made


def map_caption(findings: Findings, layer: MapLayer) -> str:
    """Say a map in words for those who do not see it: the value of every cell."""
    return _by_column(layer.title, findings.diagram, layer_texts(findings, layer))


def told_regimes(findings: Findings) -> str:
    """Say the map of regimes in words."""
    return _by_column("Regime and advice", findings.diagram, verdict_texts(findings))


def layer_texts(findings: Findings, layer: MapLayer) -> list[list[str]]:
    """Return the number in every cell of a map: a list per value of the knob."""
    diagram = findings.diagram
    values = diagram.above_best() if layer.above_best else diagram.grid(layer.quantity)
    return [[layer.text(float(found)) if np.isfinite(found) else "n/a" for found in row] for row in values]


def verdict_texts(findings: Findings) -> list[list[str]]:
    """Return regime and advice of every cell: a list per value of the knob."""
    diagram = findings.diagram
    return [[_verdict(findings, value, density) for density in diagram.densities] for value in diagram.values]


def frame_place(diagram: PhaseDiagram) -> tuple[float, float, float, float]:
    """Return where the cells lie in the picture of a map: left, top, width and height as shares of the picture."""
    columns, rows = len(diagram.densities), len(diagram.values)
    width, height = map_size(diagram)
    return LEFT / width, TOP / height, columns * CELL_WIDTH / width, rows * CELL_HEIGHT / height


def map_size(diagram: PhaseDiagram) -> tuple[float, float]:
    """Return width and height of the picture of a map in pixels."""
    width = LEFT + len(diagram.densities) * CELL_WIDTH + RIGHT
    return width, TOP + len(diagram.values) * CELL_HEIGHT + BOTTOM


def _by_column(title: str, diagram: PhaseDiagram, texts: list[list[str]]) -> str:
    names = [formatting.number(value) for value in diagram.values]
    columns = [
        f"{density_text(density)}: "
        + ", ".join(f"{name}: {row[column]}" for name, row in zip(names, texts, strict=True))
        for column, density in enumerate(diagram.densities)
    ]
    return f"{title} by density and {knob_words(diagram.knob)}. {'; '.join(columns)}."


def _verdict(findings: Findings, value: float, density: float) -> str:
    found = findings.verdicts.get((value, density))
    return "n/a" if found is None else f"{words.REGIMES[found.regime]}, {words.ADVICE[found.advice]}"


def _frame(findings: Findings, paint: Mapping[str, str]) -> tuple[Figure, Axes]:
    diagram = findings.diagram
    columns, rows = len(diagram.densities), len(diagram.values)
    size = map_size(diagram)
    made = svg.figure(*size)
    left, _, width, height = frame_place(diagram)
    axes = made.add_axes((left, BOTTOM / size[1], width, height))
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=4, labelsize=10.5, labelcolor=paint["ink"])
    axes.set_xticks(range(columns), [density_text(density) for density in diagram.densities])
    axes.set_yticks(range(rows), [formatting.number(value) for value in diagram.values])
    axes.set_xlabel("density →", fontsize=10.5, color=paint["muted"], labelpad=5, loc="left")
    knob = knob_words(diagram.knob)
    axes.text(
        (2 - LEFT) / (columns * CELL_WIDTH), 1 + 8 / (rows * CELL_HEIGHT), f"{knob}, hotter ↑",
        transform=axes.transAxes, fontsize=10.5, color=paint["muted"], ha="left", va="bottom",
    )  # fmt: skip
    return made, axes


def cell_colours(values: np.ndarray, *, low_is_better: bool) -> np.ndarray:
    """Return RGB for every cell: cividis, whose brightness grows evenly, bright where it is better."""
    import matplotlib as mpl

    low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (0.0, 1.0)
    shares = (np.nan_to_num(values, nan=low) - low) / ((high - low) or 1.0)
    return np.asarray(mpl.colormaps["cividis"](1 - shares if low_is_better else shares)[..., :3])


def ink_on(colour: np.ndarray) -> str:
    """Return black or white, whichever has more contrast with a colour."""
    return "#000000" if float(colour @ np.array([0.2126, 0.7152, 0.0722])) > DARK_TEXT else "#ffffff"


def _verdict_cell(
    axes: Axes, column: int, row: int, found: Diagnosis, *, paint: Mapping[str, str], crossed: bool
) -> None:
    """Write name and arrow of a verdict, over the boundary where it passes."""
    style: dict[str, Any] = {"va": "center", "zorder": 7}
    if crossed:
        style["bbox"] = {"facecolor": paint["paper"], "edgecolor": "none", "pad": 0.6}
    name, sign = SHORT[found.regime] or "–", words.ARROWS[found.advice]
    axes.text(column - 0.1, row, name, ha="left", fontsize=9.5, color=_role(found.regime, paint), **style)
    axes.text(column + 0.36, row, sign, ha="center", fontsize=12, fontweight="bold", color=paint["ink"], **style)


def _fill(axes: Axes, values: np.ndarray, colours: np.ndarray, paint: Mapping[str, str]) -> None:
    """Paint all cells at once."""
    rows, columns = values.shape
    shown = np.where(np.isfinite(values)[..., None], np.dstack([colours, np.ones(values.shape)]), 0.0)
    axes.pcolormesh(
        np.arange(columns + 1) - 0.5,
        np.arange(rows + 1) - 0.5,
        shown,
        edgecolors=paint["paper"],
        linewidth=1.6,
        zorder=1,
    )


def _number(axes: Axes, column: int, row: int, text: str, *, arrow: str, colour: np.ndarray, crossed: bool) -> None:
    """Write a cell's number, over the boundary where it passes."""
    from matplotlib.colors import to_hex

    style: dict[str, Any] = {"va": "center", "color": ink_on(colour), "zorder": 7}
    if crossed:
        style["bbox"] = {"facecolor": to_hex(tuple(colour.tolist())), "edgecolor": "none", "pad": 0.6}
    if arrow:
        axes.text(column - 0.4, row, text, ha="left", fontsize=10, **style)
        axes.text(column + 0.34, row, arrow, ha="center", fontsize=11, fontweight="bold", **style)
    else:
        axes.text(column, row, text, ha="center", fontsize=10, **style)


def _crossed(findings: Findings) -> np.ndarray:
    """Return which cells the boundary, or its band, may pass: those whose surroundings lie on both sides."""
    lmc = np.pad(findings.diagram.grid("lmc"), 1, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(lmc, (3, 3)).reshape(*findings.diagram.grid("lmc").shape, 9)
    low, high = (np.nan_to_num(around, nan=fill) for fill in (np.inf, -np.inf))
    return np.asarray((low.min(axis=-1) < -findings.epsilon.low) & (high.max(axis=-1) > -findings.epsilon.high))


def _arrow(findings: Findings, layer: MapLayer, row: int, column: int) -> str:
    if not layer.above_best:
        return ""
    diagram = findings.diagram
    found = findings.verdicts.get((diagram.values[row], diagram.densities[column]))
    return words.ARROWS[found.advice] if found else ""


def _missing(axes: Axes, column: int, row: int, paint: Mapping[str, str]) -> None:
    axes.add_patch(_box(column, row, facecolor="none", edgecolor=paint["band"], hatch="xxxx", linewidth=0))


def _box(column: float, row: float, **style: Any) -> Rectangle:  # noqa: ANN401 - as matplotlib takes them
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.485, row - 0.475), 0.97, 0.95, **style)


def _best(axes: Axes, findings: Findings, colours: np.ndarray) -> None:
    """Frame the best cell of every density."""
    from matplotlib.patches import Rectangle

    above = findings.diagram.above_best()
    for row, column in np.argwhere(above <= 0):
        ink = ink_on(colours[row, column])
        axes.add_patch(
            Rectangle((column - 0.44, row - 0.41), 0.88, 0.82, facecolor="none", edgecolor=ink, linewidth=1.2)
        )


def _boundary(axes: Axes, findings: Findings, *, ink: str, halo: str, ends: bool) -> None:
    """Draw LMC = -epsilon; `ends`: and, dotted, at the least and the greatest plausible epsilon."""
    epsilon = findings.epsilon
    _contour(axes, findings, -epsilon.middle, halo, 4.2, "solid")
    _contour(axes, findings, -epsilon.middle, ink, 2.0, "solid")
    for end in (epsilon.low, epsilon.high) if ends else ():
        _contour(axes, findings, -end, halo, 2.0, "dotted")
        _contour(axes, findings, -end, ink, 1.2, "dotted")


def _contour(axes: Axes, findings: Findings, level: float, colour: str, width: float, style: str) -> None:
    x, y, lmc = _surface(findings)
    if lmc is not None and np.nanmin(lmc) < level < np.nanmax(lmc):
        axes.contour(x, y, lmc, levels=[level], colors=[colour], linewidths=[width], linestyles=[style], zorder=6)


def _band(axes: Axes, findings: Findings, paint: Mapping[str, str]) -> None:
    """Hatch where the boundary may lie."""
    x, y, lmc = _surface(findings)
    low, high = -findings.epsilon.high, -findings.epsilon.low
    if lmc is not None and np.nanmin(lmc) < high and np.nanmax(lmc) > low:
        drawn = axes.contourf(x, y, lmc, levels=[low, high], colors=["none"], hatches=["////"], zorder=0)
        drawn.set_edgecolor(paint["band"])
        drawn.set_linewidth(0)


def _surface(findings: Findings) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return LMC at the centres of the cells, carried on to the edge of the outer ones; missing cells stay missing."""
    lmc = findings.diagram.grid("lmc")
    rows, columns = lmc.shape
    x = np.array([-0.5, *range(columns), columns - 0.5])
    y = np.array([-0.5, *range(rows), rows - 0.5])
    padded = np.pad(lmc, 1, mode="edge")
    return x, y, np.ma.masked_invalid(padded) if np.isfinite(lmc).any() else None


def _between_a_and_b(axes: Axes, findings: Findings, paint: Mapping[str, str]) -> None:
    """Draw the edges between cells of Regime II-A and II-B, as one line: that border is relative, not interpolated."""
    diagram = findings.diagram
    regimes_of = [[_regime(findings, value, density) for density in diagram.densities] for value in diagram.values]
    x: list[float] = []
    y: list[float] = []
    for row, line in enumerate(regimes_of):
        for column, here in enumerate(line):
            below = regimes_of[row + 1][column] if row + 1 < len(regimes_of) else None
            beside = line[column + 1] if column + 1 < len(line) else None
            if {here, below} == {"II-A", "II-B"}:
                x += [column - 0.5, column + 0.5, np.nan]
                y += [row + 0.5, row + 0.5, np.nan]
            if {here, beside} == {"II-A", "II-B"}:
                x += [column + 0.5, column + 0.5, np.nan]
                y += [row - 0.5, row + 0.5, np.nan]
    axes.plot(x, y, color=paint["ink"], linewidth=1.0, linestyle=(0, (1, 2)), zorder=4)


def _regime(findings: Findings, value: float, density: float) -> str | None:
    found = findings.verdicts.get((value, density))
    return str(found.regime) if found and found.regime else None


def _drops(axes: Axes, findings: Findings, paint: Mapping[str, str]) -> None:
    """Mark, between two rows, where the learning rate falls."""
    values, columns = findings.diagram.values, len(findings.diagram.densities)
    for drop in findings.diagram.drops:
        before = sum(value <= drop for value in values)
        if 0 < before < len(values):
            edge = before - 0.5
            axes.plot(
                [-0.5, columns - 0.5 + 0.12],
                [edge, edge],
                color=paint["ink"],
                linewidth=1.1,
                dashes=(6, 3),
                zorder=5,
                clip_on=False,
            )
            axes.text(columns - 0.5 + 0.16, edge, "η↓", ha="left", va="center", fontsize=10.5, color=paint["ink"])


def _shapes(axes: Axes, findings: Findings, paint: Mapping[str, str]) -> None:
    """Draw the shape of every cell's regime, all of one regime at once."""
    diagram = findings.diagram
    places: dict[Regime | None, list[tuple[int, int]]] = {}
    for row, value in enumerate(diagram.values):
        for column, density in enumerate(diagram.densities):
            found = findings.verdicts.get((value, density))
            if found is not None:
                places.setdefault(found.regime, []).append((column, row))
    for regime, cells in places.items():
        colour, fill = _role(regime, paint), FILLS.get(regime, "none")
        axes.plot(
            [column - 0.3 for column, _ in cells], [row for _, row in cells],
            marker=MARKERS[regime], markersize=7.5, fillstyle=fill, color=colour,
            markerfacecolor=paint["paper"] if fill == "none" else colour, markerfacecoloralt=paint["paper"],
            markeredgecolor=colour, markeredgewidth=1.5, linestyle="none", zorder=8,
        )  # fmt: skip


def _role(regime: Regime | None, paint: Mapping[str, str]) -> str:
    """Return a regime's colour in this paint."""
    role = next(role for role, stand_in in svg.PAINT.items() if stand_in == PAINTS[regime])
    return paint[role]


def _short(value: float, places: int) -> str:
    """Write a number between -1 and 1 without its leading zero.

    >>> _short(-0.0456, 3), _short(0.9111, 4), _short(1.0, 4), _short(-0.0, 3)
    ('−.046', '.9111', '1.0000', '.000')
    """
    text = f"{value:.{places}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return (text.replace("0.", ".", 1) if abs(float(text)) < 1 else text).replace("-", MINUS)
