"""The pictures of a phase diagram as files, SVG and PNG, for papers and slides."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from prunescope.api.errors import StoreError
from prunescope.report.common import svg

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from matplotlib.figure import Figure

    from prunescope.report.phase.pictures import Picture

LIGHT = svg.PAINT
"""What the roles of a colour look like on white paper."""

DOTS_PER_INCH = 160


def write_figures(drawn: Mapping[str, Picture], folder: Path, *, elsewhere: Collection[str] = ()) -> tuple[Path, ...]:
    """Write every picture as SVG and PNG into a folder; return the paths.

    elsewhere: pictures whose PNG files somebody else writes.
    """
    vectors = tuple(folder / f"{name}.svg" for name in drawn)
    with _writing(folder):
        for path, picture in zip(vectors, drawn.values(), strict=True):
            path.write_text(svg.on_white(picture.svg), encoding="utf-8")
    rasters = write_pngs({name: one.figure for name, one in drawn.items() if name not in elsewhere}, folder)
    return (*vectors, *rasters)


def write_pngs(figures: Mapping[str, Figure], folder: Path) -> tuple[Path, ...]:
    """Write figures as PNG into a folder; return the paths."""
    paths = tuple(folder / f"{name}.png" for name in figures)
    with _writing(folder), svg.drawing():
        for path, figure in zip(paths, figures.values(), strict=True):
            figure.savefig(path, dpi=DOTS_PER_INCH, facecolor="white", metadata={"Software": "prunescope"})
    return paths


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Make the folder; say what to do where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write the figures into {folder}: {error.strerror or error}",
            fix="choose a writable folder: --figures DIR",
        ) from error
