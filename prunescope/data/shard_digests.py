"""Digests of data that can be read only from first to last: of the bytes of the files that hold them.

What is fetched while it is read has no bytes here: it is named by its address, and by the revision where the library
gives one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.data.addresses import is_address
from prunescope.data.file_digests import digest_files

if TYPE_CHECKING:
    from collections.abc import Sequence


def digest_shards(reader: Any, *, name: str) -> list[str]:  # noqa: ANN401 - timm's
    """Return lines that stand for the content of a split, in the order of its files.

    reader: of WebDataset (`split_info.filenames` in `root`), TensorFlow (`split_info.filepaths`) or Hugging Face
    (`builder.config.data_files`: of a folder of images the names of the files give the labels).
    """
    split, root = str(getattr(reader, "split", "")), str(getattr(reader, "root", None) or "")
    held = _data_files(reader, split)
    if held is not None:
        lines = _of_named_files(held) or [name, *held]
    else:
        info = getattr(reader, "split_info", None)
        names = [str(one) for one in getattr(info, "filenames", None) or ()]
        paths = [str(one) for one in getattr(info, "filepaths", None) or (os.path.join(root, one) for one in names)]  # noqa: PTH118
        lines = _of_files(paths) or [name, root if is_address(root) else "", *names]
    return [*lines, split] if "[" in split else lines  # a part of the same files


def _data_files(reader: Any, split: str) -> list[str] | None:  # noqa: ANN401 - timm's
    """Return the files and addresses that a library of Hugging Face reads for a split; None of another library."""
    files = getattr(getattr(getattr(reader, "builder", None), "config", None), "data_files", None)
    return [str(one) for one in files.get(split.partition("[")[0], ())] if files else None


def _of_files(paths: Sequence[str]) -> list[str]:
    """Return the digest of each file; [] where there are none, or one is not there."""
    if not paths or not all(Path(path).is_file() for path in paths):
        return []
    return digest_files(Path(paths[0]).parent, [Path(path) for path in paths])


def _of_named_files(paths: Sequence[str]) -> list[str]:
    digests = _of_files(paths)
    root = os.path.commonpath([Path(path).parent for path in paths]) if digests else ""
    return [f"{os.path.relpath(path, root)} {digest}" for path, digest in zip(paths, digests, strict=False)]
