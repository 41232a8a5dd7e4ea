"""A file that stands in for a lock: who holds it is written in it, and no two processes make it.

It is written under another name and linked to its own, so that no process ever sees one without its holder. Where a
file system has no links it is made in its place, and may be left without a holder by a process that ends in between, or
by a full disk: such a lease is given up once it is old. One whose process has ended is given up on the same machine;
that of another machine, container or boot stays until it is removed, since nothing shows whether its process lives.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prunescope.api.regular import read_regular_text
from prunescope.runs.files.whole import NEW, temporary_name

NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EINVAL)
"""The error of a file system without hard links."""

UNNAMED_SECONDS = 30.0
"""After which a lease without a holder, or with one that cannot be read, is given up; to write it takes far less."""


ENDED = ("Z", "X")
"""States of a process that has ended, and whose parent has not asked how: its number is still in use."""


@dataclass(frozen=True)
class Holder:
    """The process that holds a lease."""

    host: str
    process: int
    kin: str = ""
    """Of which boot and namespace its number is; empty where the system does not have them, or of earlier versions."""
    start: str = ""
    """When it began, in ticks since the boot: a number is used again."""

    def to_text(self) -> str:
        """Return the content of its lease."""
        return f"{self.host} {self.process} {self.kin} {self.start}\n"

    def is_gone(self) -> bool:
        """Whether the process has ended, as far as this one can find out."""
        here = this_holder()
        if self.host != here.host or (self.kin and self.kin != here.kin):
            return False
        state, start = _status_of(self.process)
        return not _is_alive(self.process) or state in ENDED or (start != self.start and "" not in (start, self.start))


def this_holder() -> Holder:
    """Return this process."""
    host = re.sub(r"\s", "-", socket.gethostname()) or "unknown"
    return Holder(host, os.getpid(), _kin(), _status_of(os.getpid())[1])


def parse_holder(text: str) -> Holder | None:
    """Return who is named in a lease; None where it is empty, cut off, or something else.

    >>> parse_holder("node-1 27"), parse_holder("node-1"), parse_holder("")
    (Holder(host='node-1', process=27, kin='', start=''), None, None)
    """
    host, process, *more = [*text.removesuffix("\n").split(" "), "", ""]
    whole = text.endswith("\n") or not any(more)
    return Holder(host, int(process), *more[:2]) if host and process.isdecimal() and whole else None


def take_lease(path: Path) -> bool:
    """Make the lease; False where a process has it that may be alive."""
    mine = path.with_name(temporary_name())
    try:
        _make(mine, this_holder().to_text().encode())
        if _place(mine, path):
            return True
        return _give_up(path, mine) and _place(mine, path)
    finally:
        mine.unlink(missing_ok=True)


def release_lease(path: Path) -> None:
    """Remove the lease of this process; one that another process holds by now stays."""
    with suppress(FileNotFoundError):
        if read_regular_text(path) == this_holder().to_text():
            path.unlink()


def _place(mine: Path, path: Path) -> bool:
    """Give a file the name of the lease too; False where there is one."""
    try:
        os.link(mine, path)
    except FileExistsError:
        return mine.stat().st_nlink > 1  # a server that was asked twice refuses what it did the first time
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return _write(mine, path)
    return True


def _write(mine: Path, path: Path) -> bool:
    """Make the lease in its place; False where there is one."""
    try:
        _make(path, mine.read_bytes())
    except FileExistsError:
        return False
    return True


def _make(path: Path, content: bytes) -> None:
    """Write a new file; of one that the disk does not hold nothing is left."""
    descriptor = os.open(path, NEW, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _give_up(path: Path, mine: Path) -> bool:
    """Remove a lease that nobody holds; False where somebody may.

    One process at a time does so, under a lease of its own, and looks again then: what it removes is what it saw.
    """
    if not _is_abandoned(path, mine):
        return False
    giving_up = path.with_suffix(".giving-up")
    if not _place(mine, giving_up):
        if _is_abandoned(giving_up, mine):
            giving_up.unlink(missing_ok=True)
        return False
    try:
        if _is_abandoned(path, mine):
            path.unlink(missing_ok=True)
            return True
        return False
    finally:
        giving_up.unlink(missing_ok=True)


def _is_abandoned(path: Path, mine: Path) -> bool:
    """Whether nobody holds a lease any more; mine: a file made just now, whose time is by the same clock."""
    try:
        holder = parse_holder(read_regular_text(path))
        age = mine.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return False
    except UnicodeDecodeError:
        holder, age = None, mine.stat().st_mtime - path.stat().st_mtime
    return abs(age) > UNNAMED_SECONDS if holder is None else holder.is_gone()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):  # no process has so large a number
        return False
    except OSError:  # another user's
        return True
    return True


def _kin() -> str:
    """Return the boot and the namespace that numbers of processes belong to; empty where there is no /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no path, a name
    except OSError:
        return ""


def _status_of(process: int) -> tuple[str, str]:
    """Return the state of a process, a letter, and when it began, in ticks since the boot; empty where not known."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        fields = status.rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return "", ""
