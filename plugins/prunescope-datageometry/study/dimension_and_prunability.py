"""What the intrinsic dimension of the images does to prunability: trains, prunes, retrains, measures, draws.

For each dimension d the data set `patches` is projected on d random smooth directions, so that the images lie in a
d-dimensional plane (but for the rounding to grey levels); everything else of the images stays the same. Random crops
are switched off: shifting leaves the plane. One sweep per d and per seed of the data; the table and the picture are
written beside this file.

    python study/dimension_and_prunability.py FOLDER      # the sweeps are kept in FOLDER and go on where they stopped
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

DIMENSIONS = (4, 8, 16, 32, 64, 0)
"""0: images as they are, 192 values each."""

DATA_SEEDS = (0,)
"""The images, their classes and their directions are redrawn for each."""

DENSITIES = (0.02, 0.05, 0.1, 0.2, 0.5, 0.999)
"""The last retrains the dense model, as a control."""

STUDY = """
[model]
name = "preresnet8"
width = 0.5

[data]
name = "patches"
crop_padding = 0
seed = {seed}
{dimension}

[train]
plugin = "sgd"
epochs = 40
learning_rate = 0.1
weight_decay = 5e-3
batch_size = 32

[prune]
plugin = "magnitude"

[retrain]
plugin = "sgd"
epochs = 8
learning_rate = 0.1
weight_decay = 5e-3
batch_size = 32

[[probes]]
plugin = "errors"

[axes]
epochs = [40]
density = {densities}

[seeds]
dense = [0, 1]
replicas = 2
"""

PROBES = ("intrinsic-dimension", "dispersion")


def main() -> None:
    """Run what is not finished yet; write dimension_and_prunability.csv line by line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in DATA_SEEDS:
        for dimension in DIMENSIONS:
            rows.append(one(folder, dimension, seed))
            print(rows[-1], flush=True)
            write(rows)


def write(rows: list[dict[str, float | int]]) -> None:
    """Write what is known so far."""
    with (HERE / "dimension_and_prunability.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def one(folder: Path, dimension: int, seed: int) -> dict[str, float | int]:
    """Sweep one data set and return its line of the table."""
    name = f"d{dimension or 'all'}-seed{seed}"
    file = folder / f"{name}.toml"
    chosen = f"intrinsic_dimension = {dimension}" if dimension else ""
    file.write_text(STUDY.format(seed=seed, dimension=chosen, densities=list(DENSITIES)))
    prunescope("sweep", file, "--study", folder / name)
    printed = prunescope("report", folder / name, "--csv").splitlines()
    cells = csv.DictReader(line for line in printed if not line.startswith("#"))
    errors = {float(cell["density"]): float(cell["test_error"]) for cell in cells}
    row: dict[str, float | int] = {"dimension": dimension, "seed": seed}
    spec = f"patches:crop_padding=0,seed={seed}" + (f",intrinsic_dimension={dimension}" if dimension else "")
    for probe in PROBES:
        found = json.loads(prunescope("probe", probe, "--data", spec, "--json", "--study", folder / name))
        for reading, measured in found["readings"][probe].items():
            if isinstance(measured["value"], float):
                row[reading] = round(measured["value"], 4)
    for density in DENSITIES:
        row[f"error at {density:g}"] = round(errors[density], 4)
    return row


def prunescope(*words: object) -> str:
    """Run the program and return what it prints."""
    command = [sys.executable, "-m", "prunescope", *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
