"""Files that travel: read by the patterns of a job, written whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from prunescope.api.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def read_files(folder: Path, patterns: Iterable[str]) -> dict[str, bytes]:
    """Return the files of a folder that match patterns, by their paths from it, in the order of the patterns."""
    found: dict[str, bytes] = {}
    for pattern in patterns:
        place = PurePosixPath(pattern)
        for path in sorted((folder / place.parent).glob(place.name)):
            found[str(place.parent / path.name)] = path.read_bytes()
    return found


def write_files(folder: Path, files: Mapping[str, bytes], *, patterns: Iterable[str]) -> None:
    """Write files into a folder, in their order, each whole or not at all.

    Raises PluginError for one that no pattern allows: another machine chooses no names here.
    """
    allowed = tuple(patterns)
    for name, content in files.items():
        parts = PurePosixPath(name).parts
        if ".." in parts or not any(_fits(name, pattern) for pattern in allowed):
            raise PluginError(f"a worker sent a file {name!r}, which is none of its job's", fix="check the cluster")
        write_file(folder / name, content)


def write_file(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, sync it, and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _fits(name: str, pattern: str) -> bool:
    """Whether a path fits a pattern, part by part: `*` stands for no slash."""
    one, other = PurePosixPath(name).parts, PurePosixPath(pattern).parts
    return len(one) == len(other) and all(map(fnmatchcase, one, other))
