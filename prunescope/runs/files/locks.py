"""Hold a step so that no other process performs it: by a lock of the file system, or by a file where it has none.

A lock is freed when its holder ends, however it ends. The file that replaces it is a lease (`leases`).
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from prunescope.api.errors import BUSY, BusyError, InputError, StoreError
from prunescope.api.regular import require_regular
from prunescope.runs.files.leases import release_lease, take_lease
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

    Raises OSError where neither can be made, StoreError where something else than a file lies in the place of either.
    """
    for place in (path, _lease(path)):
        _check_place(place)
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
    while not take_lease(path):
        if not wait:
            raise _busy(path)
        time.sleep(LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        release_lease(path)


def _check_place(place: Path) -> None:
    try:
        require_regular(place, follow=False)
    except FileNotFoundError:
        return
    except InputError as error:
        raise StoreError(f"{error.message}: no lock of prunescope", fix="remove it") from error


def _lease(path: Path) -> Path:
    return path.with_suffix(".lease")


def _busy(path: Path) -> BusyError:
    return BusyError(f"{BUSY} {path.stem}", fix="wait for it, or give another folder with --study")
