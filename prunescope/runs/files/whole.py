"""Files that are there whole or not at all, and whose names last through a crash."""

from __future__ import annotations

import os
import re
import secrets
import socket
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from prunescope.api.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""Open a file that is made now: never one that is there, nor one that a link leads to."""


@contextmanager
def whole_file(target: Path, *, check: Callable[[Path], None] | None = None) -> Iterator[IO[bytes]]:
    """Yield a file to write; at the end it is synced and takes the name `target`, or nothing is left of it.

    The temporary name beside `target` is random and holds host and process; it is never one that exists, nor a link.
    check: called with the temporary name before it is changed; what it raises leaves nothing of the file.
    Raises OSError as the system does.
    """
    temporary = target.with_name(temporary_name())
    try:
        with os.fdopen(os.open(temporary, NEW, 0o666), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if check is not None:
            check(temporary)
        temporary.replace(target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_name() -> str:
    """Return a name for a file that is not finished: who writes it, and a random part."""
    host = re.sub(r"[^\w-]", "-", socket.gethostname())[:32]
    return f".{host}.{os.getpid()}.{secrets.token_hex(8)}.tmp"


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a text (UTF-8, where it can be) or bytes to a file of the user's; StoreError where that is impossible."""
    try:
        with whole_file(path) as file:
            file.write(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}", fix="choose another place") from error


def make_folder(path: Path) -> None:
    """Make a folder and those it lies in, each of which lasts through a crash; OSError where that fails."""
    missing = [place for place in (path, *path.parents) if not place.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for place in missing:
        sync_folder(place.parent)


def sync_folder(path: Path) -> None:
    """Make the new names in a folder last through a crash; systems that cannot open folders keep them anyway."""
    if os.name == "posix":
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def list_folder(path: Path) -> list[str]:
    """Return the names in a folder, read again: network file systems then see those that others have made.

    Nothing where there is no such folder; StoreError for a file in its place, or one that may not be read.
    """
    try:
        return sorted(os.listdir(path))  # noqa: PTH208 - names alone
    except (NotADirectoryError, PermissionError) as error:
        raise StoreError(
            f"cannot read the folder {path}: {error.strerror or error}", fix="check what it is, and its permissions"
        ) from error
    except OSError:
        return []
