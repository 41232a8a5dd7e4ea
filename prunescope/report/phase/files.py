"""The pictures of a phase diagram as files, SVG and PNG, for papers and slides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.errors import StoreError
from prunescope.report import svg

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prunescope.report.phase.pictures import Picture

LIGHT = svg.PAINT
"""What the roles of a colour look like on white paper."""

DOTS_PER_INCH = 160


def write_figures(drawn: Mapping[str, Picture], folder: Path) -> tuple[Path, ...]:
    """Write every picture as SVG and PNG into a folder; return the paths."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in drawn.items():
            vector, raster = folder / f"{name}.svg", folder / f"{name}.png"
            vector.write_text(svg.on_white(picture.svg), encoding="utf-8")
            with svg.drawing():
                metadata = {"Software": "prunescope"}
                picture.figure.savefig(raster, dpi=DOTS_PER_INCH, facecolor="white", metadata=metadata)
            written += [vector, raster]
    except OSError as error:
        raise StoreError(
            f"cannot write the figures into {folder}: {error.strerror or error}",
            fix="choose a writable folder: --figures DIR",
        ) from error
    return tuple(written)
