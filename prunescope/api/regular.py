"""Read files of any origin: regular ones alone, and no more of them than they may hold."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from pathlib import Path

MOST_REGULAR = 1 << 32
"""Bytes of a file that is read whole."""

LARGEST_READ = 1 << 30
"""Bytes that one system call is asked for."""

TEXT_MOST = 1 << 26
"""Bytes of a text: a study, settings, a table."""

KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_regular(path: Path, *, most: int = MOST_REGULAR, follow: bool = True) -> bytes:
    """Return the bytes of a regular file.

    follow: whether the name may be a link to the file.
    Raises InputError, which names the file, for one that is not regular, or larger than `most` bytes; OSError for
    one that cannot be opened or read.
    """
    descriptor = _opened(path, follow=follow)
    try:
        status = os.fstat(descriptor)
        _check(path, status)
        if status.st_size > most:
            raise InputError(
                f"{path} has {count_text(status.st_size, 'byte')}, wanted at most {most:,}", fix="check what it is"
            )
        return _read(descriptor, status.st_size, most)
    finally:
        os.close(descriptor)


def _read(descriptor: int, size: int, most: int) -> bytes:
    """Return what can be read, at most so many bytes; size: how many are expected."""
    data = os.read(descriptor, min(size + 1, most, LARGEST_READ))
    if len(data) == size:
        return data
    parts, left = [data], most - len(data)
    while left > 0 and (part := os.read(descriptor, min(left, LARGEST_READ))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def read_regular_text(path: Path) -> str:
    """Return the text of a regular file in UTF-8; see `read_regular`, and UnicodeDecodeError."""
    return read_regular(path, most=TEXT_MOST).decode("utf-8")


def require_regular(path: Path, *, follow: bool = True) -> None:
    """Raise InputError where a path is not a regular file; OSError where there is nothing."""
    _check(path, path.stat() if follow else path.lstat())


def _opened(path: Path, *, follow: bool) -> int:
    """Open without waiting for whoever writes into a pipe."""
    if not follow:
        require_regular(path, follow=False)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    return os.open(path, flags | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in KINDS if is_kind(status.st_mode)), "something else")
        raise InputError(f"{path} is {kind}, not a regular file", fix="replace it with the file itself, or remove it")
