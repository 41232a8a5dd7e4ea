"""The maps of a phase diagram and its error curves, each drawn once for the page and for the files beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.report.common import svg
from prunescope.report.phase import curves, maps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from matplotlib.figure import Figure

    from prunescope.studies.phase import Findings


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure and its SVG file."""

    figure: Figure
    svg: str


REGIMES, ERRORS = "regimes", "error-against-density"

MAPS = tuple(layer.key for layer in maps.LAYERS)
"""The maps of numbers, which take most of the time."""


def draw(findings: Findings) -> dict[str, Picture]:
    """Draw every picture there are readings for, by name: the key of a map's layer, REGIMES or ERRORS."""
    found = {}
    for name, made in figures(findings).items():
        with svg.drawing():
            found[name] = Picture(figure=made, svg=svg.text(made))
    return found


def figures(findings: Findings, *, only: Collection[str] | None = None) -> dict[str, Figure]:
    """Return every figure there are readings for, by name; or some."""
    with svg.drawing():
        return {name: make() for name, make in _figures(findings).items() if only is None or name in only}


def _figures(findings: Findings) -> Mapping[str, Callable[[], Figure]]:
    known = {cell for cell in ("test_error", "lmc", "cka") if _known(findings, cell)}
    found: dict[str, Callable[[], Figure]] = {}
    if findings.verdicts:
        found[REGIMES] = lambda: maps.regimes(findings, paint=svg.PAINT)
    for layer in maps.LAYERS:
        if layer.quantity in known:
            found[layer.key] = lambda layer=layer: maps.heat(findings, layer, paint=svg.PAINT)  # type: ignore[misc]
    if "test_error" in known:
        found[ERRORS] = lambda: curves.errors(findings, paint=svg.PAINT)
    return found


def _known(findings: Findings, quantity: str) -> bool:
    return any(cell.summary(quantity) for cell in findings.diagram.cells.values())  # type: ignore[arg-type]
