"""Files a training program leaves beside its checkpoints: timm's args.yaml and summary.csv."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular_text

if TYPE_CHECKING:
    from pathlib import Path


def read_arguments(folder: Path) -> dict[str, Any]:
    """Return the arguments in args.yaml; empty where there is none."""
    path = folder / "args.yaml"
    if not path.is_file():
        return {}
    try:
        values = yaml.safe_load(read_regular_text(path))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"cannot read '{path}': {error}", fix="repair or remove it") from error
    return {str(name): value for name, value in values.items()} if isinstance(values, dict) else {}


def summary_notes(folder: Path, epochs: int | None) -> tuple[str, ...]:
    """Return notes from summary.csv: how far the run went, and its readings after `epochs` epochs (or at its end)."""
    rows = _rows(folder / "summary.csv")
    if not rows:
        return ()
    last = int(float(rows[-1]["epoch"])) + 1
    row = next((row for row in rows if epochs and int(float(row["epoch"])) + 1 == epochs), rows[-1])
    values = ", ".join(
        f"{name} {value}" for name, value in row.items() if name and name.startswith(("train_", "eval_")) and value
    )
    return (f"summary.csv: the run went to epoch {last}; after epoch {int(float(row['epoch'])) + 1}: {values}",)


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        return [row for row in csv.DictReader(file) if (row.get("epoch") or "").replace(".", "", 1).isdigit()]
