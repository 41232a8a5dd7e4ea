"""The pictures of a phase diagram as files, SVG and PNG, for papers and slides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.errors import StoreError
from prunescope.report import svg
from prunescope.report.phase import curves, maps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from matplotlib.figure import Figure

    from prunescope.phase import Findings

LIGHT: Mapping[str, str] = {
    "ink": "#1c1e21",
    "muted": "#61666d",
    "line": "#dcdcd6",
    "paper": "#ffffff",
    "band": "#a8a293",
    "regime-i": "#b34700",
    "regime-ii": "#0b64a0",
    "regime-iia": "#0b64a0",
    "regime-iib": "#00705a",
    "unresolved": "#6b6256",
}
"""What the roles of svg.PAINT look like on white paper."""

DOTS_PER_INCH = 160


def write_figures(findings: Findings, folder: Path) -> tuple[Path, ...]:
    """Write every picture as SVG and PNG into a folder; return the paths."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, draw in _pictures(findings).items():
            with svg.drawing():
                made = draw()
                for suffix in ("svg", "png"):
                    path = folder / f"{name}.{suffix}"
                    made.savefig(path, dpi=DOTS_PER_INCH, facecolor="white", metadata=_metadata(suffix))
                    written.append(path)
    except OSError as error:
        raise StoreError(
            f"cannot write the figures into {folder}: {error.strerror or error}",
            fix="choose a writable folder: --figures DIR",
        ) from error
    return tuple(written)


def _pictures(findings: Findings) -> dict[str, Callable[[], Figure]]:
    diagram = findings.diagram
    found: dict[str, Callable[[], Figure]] = {}
    if findings.verdicts:
        found["regimes"] = lambda: maps.regimes(findings, paint=LIGHT)
    for layer in maps.LAYERS:
        if any(cell.summary(layer.quantity) for cell in diagram.cells.values()):
            found[layer.key] = lambda layer=layer: maps.heat(findings, layer, paint=LIGHT)  # type: ignore[misc]
    if any(cell.summary("test_error") for cell in diagram.cells.values()):
        found["error-against-density"] = lambda: curves.errors(findings, paint=LIGHT)
    return found


def _metadata(suffix: str) -> dict[str, str | None]:
    return {"Date": None, "Creator": "prunescope"} if suffix == "svg" else {"Software": "prunescope"}
