"""Digests of the bytes of data files, each file read once: its size and times say whether it has changed since.

What is known is kept in the user's state directory, outside of every study. It is a cache: a file that is not as it was
is read again, and where the cache cannot be read or written, every file is.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular_text
from prunescope.api.state import state_folder, write_state
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

CHUNK = 1 << 20

THREADS = 4

SMALL = 1 << 26
"""Bytes that are read without showing progress."""

Status: TypeAlias = "tuple[int, int, int]"
"""Size, and the times of the last change of the content and of the entry, in nanoseconds."""

Meter: TypeAlias = "Callable[[str], AbstractContextManager[Callable[[float], None]]]"
"""Called with what is done; yields a function that takes the share done, in [0, 1]."""

SHOWN: ContextVar[Meter | None] = ContextVar("SHOWN", default=None)
"""What shows the progress of reading; nothing where None."""


def digest_files(root: Path, paths: Sequence[Path]) -> list[str]:
    """Return the SHA-256 of each file in `root`, in hexadecimal digits.

    Raises InputError for a file that cannot be read.
    """
    known = _known(root)
    names = [os.path.relpath(path, root) for path in paths]
    try:
        found = {name: _status(path) for name, path in zip(names, paths, strict=True)}
        new = [name for name, status in found.items() if known.get(name, ((0, 0, 0), ""))[0] != status]
        if new:
            read = _read({name: found[name][0] for name in new}, root)
            known |= {name: (found[name], digest) for name, digest in read.items()}
            _keep(root, known)
    except OSError as error:
        raise InputError(
            f"{error.filename}: it cannot be read: {error.strerror}", fix="check the files of the data set"
        ) from error
    return [known[name][1] for name in names]


def _status(path: Path) -> Status:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _read(sizes: dict[str, int], root: Path) -> dict[str, str]:
    """Read files side by side, and show how far that is; sizes: bytes by name."""
    total, done = sum(sizes.values()), 0
    meter = shown(f"reading {count_text(len(sizes), 'data file')}") if total > SMALL else nullcontext(_nothing)
    digests = {}
    with meter as show, ThreadPoolExecutor(THREADS) as pool:
        for name, digest in zip(sizes, pool.map(_digest, [root / name for name in sizes]), strict=True):
            digests[name] = digest
            done += sizes[name]
            show(done / max(total, 1))
    return digests


def shown(what: str) -> AbstractContextManager[Callable[[float], None]]:
    """Return the context of a reading whose progress is shown; it yields a function that takes the share done."""
    meter = SHOWN.get()
    return meter(what) if meter else nullcontext(_nothing)


def digest_once(what: str, paths: Sequence[Path], read: Callable[[], str], *, whole: Callable[[], bool]) -> str:
    """Return the digest that `read` finds in these files, read once until one of them changes.

    what: names what is read of them. whole: called after reading; whether they hold all that the digest stands for.
    """
    kept = _note(what, paths)
    with suppress(OSError, UnicodeDecodeError, InputError):
        if kept is not None and re.fullmatch("[0-9a-f]{64}", found := read_regular_text(kept)):
            return found
    digest = read()
    if kept is not None and whole():
        write_state(kept, digest)
    return digest


def _note(what: str, paths: Sequence[Path]) -> Path | None:
    """Return the file of the cache for what is read of these files as they are; None where there is none of them."""
    try:
        noted = json.dumps([what, [[str(path), *_status(path)] for path in paths]])
    except OSError:
        return None
    name = hashlib.sha256(noted.encode()).hexdigest()
    return state_folder() / "digests" / f"{name}.txt" if paths else None


def _nothing(share: float) -> None:
    """Show nothing."""


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _cache(root: Path) -> Path:
    name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()
    return state_folder() / "digests" / f"{name}.json"


def _known(root: Path) -> dict[str, tuple[Status, str]]:
    """Return what is known of the files in a folder: (status, digest) by name; nothing where the cache is damaged."""
    try:
        noted = json.loads(read_regular_text(_cache(root)))
        return {
            name: ((int(size), int(changed), int(entry)), str(digest)) for name, size, changed, entry, digest in noted
        }
    except (OSError, ValueError, TypeError, RecursionError, InputError):
        return {}


def _keep(root: Path, known: dict[str, tuple[Status, str]]) -> None:
    write_state(_cache(root), json.dumps([[name, *status, digest] for name, (status, digest) in known.items()]))
