"""Small pictures by the hundred, without matplotlib: LMC curves and errors of cells, in frames that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.wording import lmc_text
from prunescope.report.common.nice_steps import nice_ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.report.common.view import PathCurve

LEFT, RIGHT, TOP, BOTTOM = 36.0, 292.0, 8.0, 164.0
"""Edges of the plotted area, in pixels of the picture."""

VIEW = "0 0 330 186"

DASHES = ("", ' class="one"', ' class="two"')
"""Of the curves of the first, second and third dense seed; further ones are solid."""

SIGMAS = 2.0
"""Standard errors that a stroke at t* reaches to either side."""


def path_frame(top: float) -> str:
    """Return axes and labels of LMC curves, as a group that every cell refers to; top: the error at the upper edge."""
    lines = "".join(_level(value, _height(value, top)) for value in nice_ticks(0.0, top))
    names = "".join(
        f'<text x="{_across(place):.1f}" y="180" class="axis-text centred">{name}</text>'
        for place, name in ((0.0, "A"), (0.25, "¼"), (0.5, "½"), (0.75, "¾"), (1.0, "B"))
    )
    return f'<g id="path-frame">{lines}{names}</g>'


def draw_paths(
    families: Sequence[tuple[str, Sequence[PathCurve]]],
    *,
    top: float,
    epsilon: tuple[float, float],
    stderr: Sequence[Sequence[float]],
    label: str,
) -> str:
    """Draw the error along the lines between replicas: the points, t*, its interval, and the threshold's band.

    families: of every dense seed, what it is called and a curve per pair; stderr: of the LMC of each, () where unknown.
    """
    curves = [curve for _, family in families for curve in family]
    middle = sum((curve.values[0] + curve.values[-1]) / 2 for curve in curves) / len(curves)
    band = sorted(_height(middle + end, top) for end in epsilon)
    parts = [
        f'<rect class="hatched" x="{LEFT}" y="{band[0]:.1f}" width="{RIGHT - LEFT}" height="{band[1] - band[0]:.1f}"/>',
        f'<use href="#path-frame"/><path class="level" d="M{LEFT} {_height(middle, top):.1f}H{RIGHT}"/>',
        _beside(sum(band) / 2, "m + ε"),
        *(_family(*one, number=number, top=top) for number, one in enumerate(families)),
        f'<path class="dots" d="{"".join(_dots(curve, top) for curve in curves)}"/>',
        _intervals(families, stderr, top),
        "".join(_star(curve, top) for curve in curves),
    ]
    return _picture(parts, label)


def column_frame(name: str, values: Sequence[tuple[float, float, float] | None], words: Sequence[str]) -> str:
    """Return what the cells of one density share: (error, lowest, highest) at every value of the knob.

    name: of the group, unique on the page; words: the values of the knob.
    """
    low, high = column_range(values)
    lines = "".join(
        _level(tick, _between(tick, low, high), text=f"{tick:g}") for tick in nice_ticks(low, high) if tick >= low
    )
    places = [
        (_slot(number, len(values)), *(_between(error, low, high) for error in found))
        for number, found in enumerate(values)
        if found is not None
    ]
    line = " ".join(f"{x:.1f},{middle:.1f}" for x, middle, _, _ in places)
    spans = "".join(f"M{x:.1f} {bottom:.1f}V{top:.1f}" for x, _, bottom, top in places)
    every = max(1, -(-len(words) // 8))
    names = "".join(
        f'<text x="{_slot(number, len(words)):.1f}" y="180" class="axis-text centred">{word}</text>'
        for number, word in enumerate(words)
        if number % every == 0
    )
    drawn = f'<polyline class="column-line" points="{line}"/><path class="column-line" d="{spans}"/>' if places else ""
    return f'<g id="{name}">{lines}{drawn}{names}</g>'


def draw_place(name: str, values: Sequence[tuple[float, float, float] | None], number: int, *, label: str) -> str:
    """Draw a cell in the group of its density: a ring at its error."""
    found = values[number]
    ring = ""
    if found is not None:
        height = _between(found[0], *column_range(values))
        ring = f'<circle class="here" cx="{_slot(number, len(values)):.1f}" cy="{height:.1f}" r="5.5"/>'
    return _picture([f'<use href="#{name}"/>', ring], label)


def column_range(values: Sequence[tuple[float, float, float] | None]) -> tuple[float, float]:
    """Return the least and greatest error that a column's picture shows.

    >>> column_range([(20.0, 18.0, 22.0), None, (30.0, 29.0, 38.0)])
    (17.0, 39.0)
    """
    known = [end for found in values if found is not None for end in found]
    if not known:
        return 0.0, 1.0
    room = 0.05 * (max(known) - min(known)) or 1.0
    return min(known) - room, max(known) + room


def _picture(parts: Sequence[str], label: str) -> str:
    from markupsafe import escape

    return f'<svg class="plot" role="img" aria-label="{escape(label)}" viewBox="{VIEW}">{"".join(parts)}</svg>'


def _family(name: str, curves: Sequence[PathCurve], *, number: int, top: float) -> str:
    style = DASHES[number] if number < len(DASHES) else ""
    return "".join(
        f'<polyline{style} points="{_points(curve, top)}"><title>{name}, pair {curve.pair}: '
        f"LMC {lmc_text(curve.lmc)}</title></polyline>"
        for curve in curves
    )


def _points(curve: PathCurve, top: float) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in _places(curve, top))


def _dots(curve: PathCurve, top: float) -> str:
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in _places(curve, top))


def _places(curve: PathCurve, top: float) -> list[tuple[float, float]]:
    last = len(curve.values) - 1
    return [(_across(number / last), _height(value, top)) for number, value in enumerate(curve.values)]


def _intervals(
    families: Sequence[tuple[str, Sequence[PathCurve]]], stderr: Sequence[Sequence[float]], top: float
) -> str:
    strokes = []
    for (_, curves), errors in zip(families, stderr, strict=True):
        for curve, error in zip(curves, errors, strict=False):
            x, y = _places(curve, top)[curve.star]
            reach = SIGMAS * error / top * (BOTTOM - TOP)
            strokes.append(f"M{x:.1f} {y - reach:.1f}V{y + reach:.1f}")
    return f'<path d="{"".join(strokes)}"/>' if strokes else ""


def _star(curve: PathCurve, top: float) -> str:
    x, y = _places(curve, top)[curve.star]
    return f'<path class="star" d="M{x:.1f} {y - 4.5:.1f}l4.5 4.5-4.5 4.5-4.5-4.5Z"/>'


def _level(value: float, height: float, *, text: str = "") -> str:
    return (
        f'<path class="axis-rule" d="M{LEFT} {height:.1f}H{RIGHT}"/>'
        f'<text x="{LEFT - 6}" y="{height + 4:.1f}" class="axis-text at-end">{text or f"{value:g}"}</text>'
    )


def _beside(height: float, text: str) -> str:
    return f'<text x="{RIGHT + 5}" y="{height + 4:.1f}" class="axis-text">{text}</text>'


def _across(share: float) -> float:
    return LEFT + 8 + share * (RIGHT - LEFT - 16)


def _slot(number: int, count: int) -> float:
    return _across((number + 0.5) / count)


def _height(value: float, top: float) -> float:
    return _between(value, 0.0, top)


def _between(value: float, low: float, high: float) -> float:
    return BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP)
