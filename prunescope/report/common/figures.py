"""Figures drawn once, for the page and as files beside it, SVG and PNG, for papers and slides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.errors import StoreError
from prunescope.report.common import svg
from prunescope.runs.files.whole import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from matplotlib.figure import Figure

DOTS_PER_INCH = 160


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure and its SVG file."""

    figure: Figure
    svg: str


def draw_picture(draw: Callable[[Mapping[str, str]], Figure]) -> Picture:
    """Draw a figure from the paint of each role, whatever a user's matplotlibrc has."""
    with svg.drawing():
        made = draw(svg.PAINT)
        return Picture(figure=made, svg=svg.text(made))


def write_figures(drawn: Mapping[str, Picture], folder: Path) -> tuple[Path, ...]:
    """Write every picture as SVG and PNG, on white paper, into a folder; return the paths.

    Raises:
        StoreError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with svg.drawing():
            return tuple(path for name, picture in drawn.items() for path in _write(picture, folder, name))
    except OSError as error:
        raise StoreError(
            f"cannot write the figures into {folder}: {error.strerror or error}",
            fix="choose a writable folder: --figures DIR",
        ) from error


def _write(picture: Picture, folder: Path, name: str) -> tuple[Path, Path]:
    vector, raster = folder / f"{name}.svg", folder / f"{name}.png"
    with whole_file(vector) as file:
        file.write(svg.on_white(picture.svg).encode())
    with whole_file(raster) as file:
        about = {"Software": "prunescope"}
        picture.figure.savefig(file, format="png", dpi=DOTS_PER_INCH, facecolor="white", metadata=about)
    return vector, raster
