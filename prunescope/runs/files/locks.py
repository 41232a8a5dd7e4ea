"""Hold a step so that no other process performs it: by a lock of the file system, or by a file where it has none.

A lock is freed when its holder ends, however it ends. The file that replaces it (a lease) names host and process:
one whose process has ended is taken over on the same host; that of another host stays until it is removed.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from prunescope.api.errors import BUSY, BusyError, InputError, StoreError
from prunescope.api.regular import read_regular_text
from prunescope.runs.files.whole import NEW, temporary_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)
"""The error of a file system without locks."""

LOCK_POLL_SECONDS = 0.5


@contextmanager
def hold_lock(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold `path`, or a lease beside it. While another process holds it: wait, or raise BusyError when `wait` is False.

    Raises OSError where neither can be made, StoreError where a link lies in the place of either.
    """
    for place in (path, _lease(path)):
        if place.is_symlink():
            raise StoreError(f"{place} is a link, not a lock of prunescope", fix="remove it")
    with _locked(path, wait=wait) if has_locks(path.parent) else _leased(_lease(path), wait=wait):
        yield


def is_held(path: Path) -> bool:
    """Whether some process holds `path`."""
    if not path.exists() and not _lease(path).exists():
        return False
    try:
        with hold_lock(path, wait=False):
            return False
    except BusyError:
        return True


@lru_cache(maxsize=64)
def has_locks(folder: Path) -> bool:
    """Whether the file system of a folder has locks; tried out, since none reports it."""
    if os.name != "posix":
        return True
    import fcntl

    place = folder / temporary_name()
    descriptor = os.open(place, NEW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in NO_LOCKS:
            return False
        raise
    finally:
        os.close(descriptor)
        place.unlink(missing_ok=True)
    return True


@contextmanager
def _locked(path: Path, *, wait: bool) -> Iterator[None]:
    import filelock

    lock = filelock.FileLock(path)
    try:
        lock.acquire(blocking=wait)
    except filelock.Timeout as error:
        raise _busy(path) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _leased(path: Path, *, wait: bool) -> Iterator[None]:
    while not _take(path):
        if not wait:
            raise _busy(path)
        time.sleep(LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _take(path: Path) -> bool:
    """Make the lease; False where a process has it that may be alive."""
    _give_up_dead(path)
    try:
        descriptor = os.open(path, NEW, 0o666)
    except FileExistsError:
        return False
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - it is open already
        file.write(f"{socket.gethostname()} {os.getpid()}")
    return True


def _give_up_dead(path: Path) -> None:
    """Remove the lease of a process of this host that is gone: under another name first, so that one does it.

    Where another process took it over meanwhile, it is that one's lease that was renamed: it gets its name back.
    """
    try:
        holder = read_regular_text(path)
    except (OSError, UnicodeDecodeError, InputError):
        return
    host, _, process = holder.rpartition(" ")
    if host == socket.gethostname() and process.isdecimal() and not _is_alive(int(process)):
        aside = path.with_name(temporary_name())
        with suppress(OSError, UnicodeDecodeError, InputError):
            path.rename(aside)
            if read_regular_text(aside) != holder:
                os.link(aside, path)
            aside.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):  # no process has so large a number
        return False
    except OSError:  # another process's
        return True
    return True


def _lease(path: Path) -> Path:
    return path.with_suffix(".lease")


def _busy(path: Path) -> BusyError:
    return BusyError(f"{BUSY} {path.stem}", fix="wait for it, or give another folder with --study")
