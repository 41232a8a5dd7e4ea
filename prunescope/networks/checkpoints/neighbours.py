"""Files that lie beside a checkpoint: timm's args.yaml and summary.csv, Hugging Face's preprocessor_config.json."""

from __future__ import annotations

import csv
import json
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

PREPROCESSOR = "preprocessor_config.json"

RESAMPLING = {"0": "nearest", "1": "lanczos", "2": "bilinear", "3": "bicubic"}
"""Pillow's numbers of its interpolations."""

EPOCH = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?")


def read_arguments(folder: Path) -> dict[str, Any]:
    """Return the arguments in args.yaml; empty where there is none."""
    path = folder / "args.yaml"
    if not path.is_file():
        return {}
    try:
        values = yaml.load(read_regular(path, most=MOST).decode(), _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError, OSError) as error:
        reason = " ".join(str(error).split())  # YAML's own has several lines
        raise InputError(f"cannot read '{path}': {reason}", fix="repair or remove it") from error
    return {str(name): item for name, item in plain(values).items()} if isinstance(values, dict) else {}


def read_preprocessor(folder: Path) -> dict[str, Any]:
    """Return how images are prepared, of Hugging Face's preprocessor_config.json, in timm's names; {} without it."""
    path = folder / PREPROCESSOR
    if not path.is_file():
        return {}
    try:
        given = json.loads(read_regular(path, most=MOST))
    except (ValueError, RecursionError, OSError) as error:
        raise InputError(f"cannot read '{path}': {error}", fix="repair or remove it") from error
    values: dict[str, Any] = plain(given) if isinstance(given, dict) else {}
    found: dict[str, Any] = {"img_size": _size(values.get("crop_size") if _crops(values) else values.get("size"))}
    if values.get("do_normalize", True):
        found |= {"mean": values.get("image_mean"), "std": values.get("image_std")}
    else:
        found |= {"mean": [0.0] * 3, "std": [1.0] * 3}
    found["interpolation"] = RESAMPLING.get(str(values.get("resample")))
    found["crop_pct"] = values.get("crop_pct")
    return {name: value for name, value in found.items() if value is not None}


def _crops(values: dict[str, Any]) -> bool:
    return bool(values.get("do_center_crop")) and "crop_size" in values


def _size(value: object) -> object:
    """Return a side, or (height, width), of the ways in which it is written."""
    if not isinstance(value, dict):
        return value
    if {"height", "width"} <= value.keys():
        return [value["height"], value["width"]]
    return value.get("shortest_edge")


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
