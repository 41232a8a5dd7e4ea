"""Files a training program leaves beside its checkpoints: timm's args.yaml and summary.csv."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular
from prunescope.networks.checkpoints.plain import plain

if TYPE_CHECKING:
    from pathlib import Path


MOST = 1 << 22
"""Bytes of a file beside a checkpoint."""

EPOCH = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?")


def read_arguments(folder: Path) -> dict[str, Any]:
    """Return the arguments in args.yaml; empty where there is none."""
    path = folder / "args.yaml"
    if not path.is_file():
        return {}
    try:
        values = yaml.load(read_regular(path, most=MOST).decode(), _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError, OSError) as error:
        raise InputError(f"cannot read '{path}': {error}", fix="repair or remove it") from error
    return {str(name): item for name, item in plain(values).items()} if isinstance(values, dict) else {}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Plain values, without merge keys: a few of these, nested, make lists without end."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave `<<` a key, of which no value can be made."""


def summary_notes(folder: Path, epochs: int | None) -> tuple[str, ...]:
    """Return notes from summary.csv: how far the run went, and its readings after `epochs` epochs (or at its end)."""
    rows = _summary_rows(folder / "summary.csv")
    if not rows:
        return ()
    last = int(float(rows[-1]["epoch"])) + 1
    row = next((row for row in rows if epochs and int(float(row["epoch"])) + 1 == epochs), rows[-1])
    values = ", ".join(
        f"{name} {value}" for name, value in row.items() if name and name.startswith(("train_", "eval_")) and value
    )
    return (f"summary.csv: the run went to epoch {last}; after epoch {int(float(row['epoch'])) + 1}: {values}",)


def _summary_rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    try:
        lines = read_regular(path, most=MOST).decode(errors="replace").splitlines()
        return [row for row in csv.DictReader(lines) if EPOCH.fullmatch(row.get("epoch") or "")]
    except (csv.Error, OSError) as error:
        raise InputError(f"cannot read '{path}': {error}", fix="repair or remove it") from error
