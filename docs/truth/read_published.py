"""Read figure 2 of Zhou et al. 2023 off the pictures that its authors publish, and write the table of all its cells.

`python docs/truth/read_published.py FOLDER`: the folder `visualization` of github.com/YefanZhou/ThreeRegimePruning (MIT
licence), commit b38c972. A cell has one colour, and the colour bar beside it has the values: what is read is exact to
half a colour, 0.0001 of "points above the best", 0.0002 of CKA and of the test error, 0.002 of LMC.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TABLE = Path(__file__).parents[1] / "data" / "published_epochs.csv"

EPOCHS = tuple(range(10, 170, 10))

DENSITIES = (0.05, 0.06, 0.07, 0.08, 0.10, 0.14, 0.20, 0.40, 0.80)

CELLS = (203, 1290, 293, 1579)
"""Pixels of the heat map: top, bottom, left, right."""

BAR, BAR_COLUMN = (206, 1288), 1656
"""Rows of the colour bar inside its frame, and a column in its middle."""

DIGITS = 5
"""Decimal places in the table."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A heat map, and two ticks of its colour bar."""

    file: str
    ticks: tuple[tuple[float, float], tuple[float, float]]
    """(row, value) of each."""


PICTURES = {
    "test_error": Picture(file="earlystop_test_error.png", ticks=((372, 0.16), (1241, 0.08))),
    "above_best": Picture(file="normalized_test_error.png", ticks=((292, 0.03), (1290, 0.0))),
    "lmc": Picture(file="earlystop_linear_mc.png", ticks=((207, 0.0), (1161, -0.6))),
    "cka": Picture(file="earlystop_cka_similairty.png", ticks=((338, 0.98), (1114, 0.90))),
}
"""Column of the table -> where it is read. above_best: of its density, fraction of test error; the
least is 0, which one colour shows."""


def read_picture(path: Path, ticks: tuple[tuple[float, float], tuple[float, float]]) -> np.ndarray:
    """Return the values of a heat map, (epochs, densities): of the place on the colour bar with the cell's colour."""
    from PIL import Image

    pixels = np.asarray(Image.open(path).convert("RGB")).astype(np.int64)
    rows = np.arange(*BAR)
    bar = pixels[rows, BAR_COLUMN]
    (first, high), (second, low) = ticks
    values = high + (rows - first) / (second - first) * (low - high)
    top, bottom, left, right = CELLS
    found = np.empty((len(EPOCHS), len(DENSITIES)))
    for place in np.ndindex(found.shape):
        row = round(top + (bottom - top) * (place[0] + 0.5) / len(EPOCHS))
        column = round(left + (right - left) * (place[1] + 0.5) / len(DENSITIES))
        away = np.abs(bar - pixels[row, column]).sum(axis=1)
        found[place] = values[away == away.min()].mean()
    return found


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the pictures")
    folder = parser.parse_args().folder
    columns = {name: read_picture(folder / one.file, one.ticks) for name, one in PICTURES.items()}
    columns["above_best"] -= columns["above_best"].min(axis=0)
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["epochs", "density", *columns])
        for row, epochs in enumerate(EPOCHS):
            for column, density in enumerate(DENSITIES):
                numbers = [f"{round(float(each[row, column]), DIGITS):g}" for each in columns.values()]
                table.writerow([epochs, f"{density:g}", *numbers])


if __name__ == "__main__":
    main()
