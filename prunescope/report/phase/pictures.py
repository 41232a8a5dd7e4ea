"""The maps of a phase diagram and its error curves, each drawn once for the page and for the files beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.report.common.figures import Picture, draw_picture
from prunescope.report.phase import curves, maps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.figure import Figure

    from prunescope.studies.phase.findings import Findings


REGIMES, ERRORS = "regimes", "error-against-density"


def draw(findings: Findings) -> dict[str, Picture]:
    """Draw every picture there are readings for, by name: the key of a map's layer, REGIMES or ERRORS."""
    return {name: draw_picture(make) for name, make in _figures(findings).items()}


def _figures(findings: Findings) -> Mapping[str, Callable[[Mapping[str, str]], Figure]]:
    known = {cell for cell in ("test_error", "lmc", "cka") if _known(findings, cell)}
    found: dict[str, Callable[[Mapping[str, str]], Figure]] = {}
    if findings.verdicts:
        found[REGIMES] = lambda paint: maps.regimes(findings, paint=paint)
    for layer in maps.LAYERS:
        if layer.quantity in known:
            found[layer.key] = lambda paint, layer=layer: maps.heat(findings, layer, paint=paint)  # type: ignore[misc]
    if "test_error" in known:
        found[ERRORS] = lambda paint: curves.phase_errors(findings, paint=paint)
    return found


def _known(findings: Findings, quantity: str) -> bool:
    return any(cell.summary(quantity) for cell in findings.diagram.cells.values())  # type: ignore[arg-type]
