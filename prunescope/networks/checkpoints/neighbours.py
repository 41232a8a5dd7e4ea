"""Files that lie beside a checkpoint: timm's args.yaml and summary.csv, Hugging Face's preprocessor_config.json."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular
from prunescope.networks.checkpoints.plain import number, plain

if TYPE_CHECKING:
    from pathlib import Path


MOST = 1 << 22
"""Bytes of a file beside a checkpoint."""

MOST_YAML = 1 << 16
"""Bytes of args.yaml: reading a megabyte takes 20 s, and a number like 1:59:59:... the square of its length."""

PREPROCESSOR = "preprocessor_config.json"

RESAMPLING = {"0": "nearest", "1": "lanczos", "2": "bilinear", "3": "bicubic"}
"""Pillow's numbers of its interpolations."""

NEARLY = 1e-3
"""Factors are written as 0.00392156862745098, and shorter."""

EPOCH = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?")


def read_arguments(folder: Path) -> dict[str, Any]:
    """Return the arguments in args.yaml; empty where there is none."""
    path = folder / "args.yaml"
    if not path.is_file():
        return {}
    try:
        content = read_regular(path, most=MOST_YAML)
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error}", fix="repair or remove it") from error
    return parse_arguments(content, path)


def parse_arguments(content: bytes, path: Path) -> dict[str, Any]:
    """Return the arguments in the content of an args.yaml; path: for the message of an InputError."""
    try:
        values = yaml.load(content.decode(), _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
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
    found = {**_geometry(values), **_moments(values), "interpolation": RESAMPLING.get(str(values.get("resample")))}
    return {name: value for name, value in found.items() if value is not None}


def _geometry(values: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of the images and how they get it: both sides set, or the shorter one and a crop."""
    given = values.get("size") if values.get("do_resize", True) else None
    size, crop = _size(given), _size(values.get("crop_size")) if values.get("do_center_crop") else None
    squashed = "height" in given if isinstance(given, dict) else given is not None and crop is None
    fit = {"crop_mode": "squash"} if squashed else {}
    if _side(size) and _side(crop):
        return {"val_resize_size": _side(size), "val_crop_size": _side(crop), **fit}
    if crop is not None or size is None:
        return {"img_size": crop, "crop_pct": values.get("crop_pct")}
    share = values.get("crop_pct")
    return {"img_size": size, "crop_pct": share} if share else {"img_size": size, "crop_pct": 1.0, **fit}


def _moments(values: dict[str, Any]) -> dict[str, Any]:
    """Return mean and standard deviation of pixels in [0, 1]: span * pixel - offset is what is normalised.

    Without rescaling the images of the training had been brought to [0, 1] before, or its mean is in grey levels.
    """
    normalised = values.get("do_normalize", True)
    mean, std = (values.get("image_mean"), values.get("image_std")) if normalised else ([0.0] * 3, [1.0] * 3)
    factor = number(values.get("rescale_factor")) if values.get("do_rescale", True) else None
    span, offset = 255 * factor if factor else 1.0, 1.0 if values.get("rescale_offset") else 0.0
    if abs(span - 1) < NEARLY and not offset:
        return {"mean": mean, "std": std}
    return {"mean": _scaled(mean, span, offset), "std": _scaled(std, span, 0.0)}


def _scaled(given: object, span: float, offset: float) -> list[float] | None:
    numbers = [number(item) for item in (given if isinstance(given, list) else [given])]
    return None if None in numbers else [(item + offset) / span for item in numbers]


def _size(value: object) -> object:
    """Return a side, or (height, width), of the ways in which it is written."""
    if not isinstance(value, dict):
        return value
    if {"height", "width"} <= value.keys():
        return [value["height"], value["width"]]
    return value.get("shortest_edge")


def _side(size: object) -> int | None:
    """Return the side of a square; None for another shape."""
    given = size if isinstance(size, list) else [size]
    sides = set(given) if all(isinstance(one, int) for one in given) else set()
    (side, *others) = sides or {None}
    return side if isinstance(side, int) and not others else None


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
        f"{name} {_short(value)}"
        for name, value in row.items()
        if name and name.startswith(("train_", "eval_")) and value
    )
    return (f"summary.csv: the run went to epoch {last}; after epoch {int(float(row['epoch'])) + 1}: {values}",)


def _short(value: str) -> str:
    """Return a number with four digits, and any other text as it is."""
    try:
        return f"{float(value):.4g}"
    except ValueError:
        return value


def _summary_rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    try:
        lines = csv.reader(read_regular(path, most=MOST).decode(errors="replace").splitlines())
        header = next(lines, [])
        rows = (dict(zip(header, cells, strict=False)) for cells in lines)  # no more than the file has: no DictReader
        return [row for row in rows if EPOCH.fullmatch(row.get("epoch", ""))]
    except (csv.Error, OSError) as error:
        raise InputError(f"cannot read '{path}': {error}", fix="repair or remove it") from error
