"""The curves as files, SVG and PNG, for papers and slides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import StoreError
from prunescope.report.common import svg
from prunescope.report.phase.files import DOTS_PER_INCH, LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from matplotlib.figure import Figure


def write_figures(drawings: Mapping[str, Callable[[Mapping[str, str]], Figure]], folder: Path) -> tuple[Path, ...]:
    """Draw every figure on white paper and write it as SVG and PNG into a folder; return the paths."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, draw in drawings.items():
            with svg.drawing():
                made = draw(LIGHT)
                for suffix in ("svg", "png"):
                    path = folder / f"{name}.{suffix}"
                    known = {"Date": None, "Creator": "prunescope"} if suffix == "svg" else {"Software": "prunescope"}
                    made.savefig(path, dpi=DOTS_PER_INCH, facecolor="white", metadata=known)
                    written.append(path)
    except OSError as error:
        raise StoreError(
            f"cannot write the figures into {folder}: {error.strerror or error}",
            fix="choose a writable folder: --figures DIR",
        ) from error
    return tuple(written)
