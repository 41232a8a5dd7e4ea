"""The published grid of tests/data as columns of cells; the file names its source."""

from __future__ import annotations

import csv
from pathlib import Path

from prunescope.regimes.direction import Point
from prunescope.regimes.selection import Member

FILE = Path(__file__).parent / "data" / "phase_preresnet20_cifar10.csv"


def rows():
    with FILE.open() as file:
        numbers = csv.DictReader(line for line in file if line[0] != "#")
        return [{key: float(value) for key, value in row.items()} for row in numbers]


def columns():
    """Return density in percent -> its cells, hottest first."""
    found = {}
    for row in rows():
        point = Point(
            value=row["train_epochs"], lmc=row["lmc"], cka=row["cka_softmax"], test_error=row["test_error_frac"]
        )
        found.setdefault(row["density_pct"], []).append(point)
    return found


def families():
    """Return density in percent -> its dense models as members of a family."""
    return {
        density: [
            Member(
                name=f"{point.value:g}",
                lmc=point.lmc,
                cka=point.cka,
                test_error=point.test_error,
                epochs=point.value,
            )
            for point in column
        ]
        for density, column in columns().items()
    }
