"""Pictures of docs/truth.md as SVG: stated against observed rates, and grids of errors beside the published one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from truth_paper import Grid
    from truth_scores import WayScore

COLOURS = ("#1b6ca8", "#c8553d", "#4f8a3c", "#7a4f9a")

SIDE, EDGE = 240, 46
"""Of a square of axes, and the margin for its labels, pixels."""

CELL = (44, 22)
"""Width and height of a cell of a grid, pixels."""

WORST = 10.0
"""Points above the best from which a cell has the darkest colour."""


def draw_reliability(scores: Mapping[str, WayScore], names: Sequence[str]) -> str:
    """Return stated probabilities against the share that is right, one line a way; areas are numbers of cells."""
    shapes = [_line((0.5, 0.5), (1, 1), "#bbb", dashed=True), *_axes()]
    known = [name for name in names if name in scores and scores[name].reliability is not None]
    for name, colour in zip(known, COLOURS, strict=False):
        found = scores[name].reliability
        bins = [] if found is None else [(one.stated, one.right / one.of, one.of) for one in found.bins]
        shapes += [_line(one[:2], other[:2], colour) for one, other in pairwise(bins)]
        shapes += [_dot(stated, right, of, colour) for stated, right, of in bins]
        place = 20 + 18 * known.index(name)
        shapes.append(_text(SIDE + EDGE + 24, place, name, colour=colour, anchor="start"))
    return _svg(SIDE + EDGE + 250, SIDE + EDGE + 20, shapes)


def draw_grids(grids: Sequence[Grid]) -> str:
    """Return grids side by side: a row a value of the knob, the hottest above; a column a density; darker is worse."""
    shapes, left, height = [], 0, 0
    for grid in grids:
        shapes += _grid(grid, left)
        left += 70 + CELL[0] * len(grid.densities)
        height = max(height, 66 + CELL[1] * len(grid.values))
    return _svg(left, height, shapes)


def _grid(grid: Grid, left: int) -> list[str]:
    wide, high = CELL
    shapes = [_text(left + 4, 14, grid.title, anchor="start"), _text(left + 50, 32, grid.knob, anchor="end")]
    for column, density in enumerate(grid.densities):
        shapes.append(_text(left + 56 + wide * column + wide // 2, 32, f"{density:g}"))
    for line, value in enumerate(grid.values):
        top = 40 + high * line
        shapes.append(_text(left + 50, top + 15, f"{value:g}", anchor="end"))
        for column, above in enumerate(grid.above[line]):
            shapes += _cell(left + 56 + wide * column, top, above)
    return shapes


def _cell(x: int, y: int, above: float) -> list[str]:
    """Return a cell: white at the best, dark at WORST and beyond."""
    share = min(above / WORST, 1) ** 0.5
    red, green, blue = (round(255 + (dark - 255) * share) for dark in (155, 45, 32))
    fill = f"#{red:02x}{green:02x}{blue:02x}"
    box = f'<rect x="{x}" y="{y}" width="{CELL[0] - 1}" height="{CELL[1] - 1}" fill="{fill}" stroke="#ddd"/>'
    return [box, _text(x + CELL[0] // 2, y + 15, f"{above:.1f}", colour="#fff" if share > 0.7 else "#222")]


def _axes() -> list[str]:
    shapes = [f'<rect x="{EDGE}" y="10" width="{SIDE}" height="{SIDE}" fill="none" stroke="#444"/>']
    for tick in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        x, y = _place(tick, tick)
        shapes += [_text(x, SIDE + 26, f"{tick:g}"), _text(EDGE - 6, y + 4, f"{tick:g}", anchor="end")]
    shapes += [_text(EDGE + SIDE // 2, SIDE + 46, "stated"), _text(EDGE + 6, 24, "right", anchor="start")]
    return shapes


def _place(stated: float, right: float) -> tuple[float, float]:
    """Return pixels of a point; shares below a half lie on the lower edge."""
    return EDGE + SIDE * (stated - 0.5) * 2, 10 + SIDE * (1 - (max(right, 0.5) - 0.5) * 2)


def _line(one: Sequence[float], other: Sequence[float], colour: str, *, dashed: bool = False) -> str:
    (x, y), (to_x, to_y) = _place(*one), _place(*other)
    style = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"{style}/>'


def _dot(stated: float, right: float, of: int, colour: str) -> str:
    x, y = _place(stated, right)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.5 + of**0.5 / 2.5:.1f}" fill="{colour}" fill-opacity="0.55"/>'


def _text(x: float, y: float, words: str, *, colour: str = "#222", anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{words}</text>'


def _svg(width: float, height: float, shapes: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
    style = f'height="{height:g}" font-family="sans-serif" font-size="12">'
    ground = f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'
    return head + style + "\n" + "\n".join([ground, *shapes]) + "\n</svg>\n"
