"""Digests of the images that a library hands out one by one: of their bytes and labels, not of where they are kept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prunescope.api.wording import count_text
from prunescope.data.file_digests import digest_files, digest_once, shown

if TYPE_CHECKING:
    from collections.abc import Sequence


def digest_rows(dataset: Any, *, name: str) -> str:  # noqa: ANN401 - timm's or torchvision's
    """Return a digest of every image of a data set with its label, in the order of the images.

    It is read once while the files of the library, those of Hugging Face's tables, are as they were.
    """
    table = getattr(getattr(dataset, "reader", None), "dataset", None)
    files = [Path(one["filename"]) for one in getattr(table, "cache_files", None) or ()]
    separate: dict[int, Path] = {}
    rows = f"{name} {len(dataset)} {getattr(table, '_fingerprint', '')}"
    return digest_once(rows, files, lambda: _read(dataset, separate), whole=lambda: not separate)


def _read(dataset: Any, separate: dict[int, Path]) -> str:  # noqa: ANN401
    """Read every image; those that lie in files of their own are noted in `separate`, and digested as files are."""
    lines, labels = [], []
    with shown(f"reading {count_text(len(dataset), 'image')}") as show:
        for index in range(len(dataset)):
            digest, label = _row(dataset, index, separate)
            lines.append(digest)
            labels.append(label)
            show((index + 1) / len(dataset))
    for index, digest in zip(separate, _of_files(list(separate.values())), strict=True):
        lines[index] = digest
    pairs = (f"{digest} {label}" for digest, label in zip(lines, labels, strict=True))
    return hashlib.sha256("\n".join(pairs).encode()).hexdigest()


def _row(dataset: Any, index: int, separate: dict[int, Path]) -> tuple[str, int]:  # noqa: ANN401
    if not hasattr(dataset, "reader"):
        image, label = dataset[index]
        pixels = np.asarray(image)
        return hashlib.sha256(f"{pixels.dtype} {pixels.shape}".encode() + pixels.tobytes()).hexdigest(), int(label)
    file, label = dataset.reader[index]
    with file:
        if isinstance(path := getattr(file, "name", None), str):
            separate[index] = Path(path)
            return "", int(label)
        return hashlib.sha256(file.read()).hexdigest(), int(label)


def _of_files(paths: Sequence[Path]) -> list[str]:
    return digest_files(Path(os.path.commonpath([path.parent for path in paths])), paths) if paths else []
