"""PNG files drawn by a second process while this one draws the SVG files: a large report is there sooner on two cores.

The second process is started early: it loads matplotlib while this one reads the study. It ends with this one, however
that ends; where it is gone before it has answered, this one draws what is missing.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from multiprocessing.connection import Connection

    from prunescope.studies.phase import Findings

LARGE = 100
"""Cells from which drawing takes longer than starting a process."""


LOAD = Path("/proc/loadavg")
"""Where Linux says, fourth, how many processes run and how many there are: "0.20 0.18 0.12 1/80 11206"."""


@dataclass(frozen=True)
class Aside:
    """The second process, as the first one sees it."""

    pipe: Connection

    def draw(self, findings: Findings, folder: Path, names: Collection[str]) -> None:
        """Ask for the PNG files of some pictures."""
        with suppress(ConnectionError):  # `drawn` will say so
            self.pipe.send((findings, folder, sorted(names)))

    def drawn(self) -> bool:
        """Wait for what was asked for; return whether it is there, raise the error that it met."""
        try:
            error = self.pipe.recv()
        except (EOFError, ConnectionError):
            return False
        if error is not None:
            raise error
        return True


@contextmanager
def second_process(*, cells: int) -> Iterator[Aside | None]:
    """Start a process for the drawing of so many cells; None where it would not pay, or no second core is idle."""
    if cells < LARGE or _idle_cores() < 2:
        yield None
        return
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Aside(mine)
    finally:
        mine.close()
        process.terminate()
        process.join()


def _idle_cores() -> int:
    """Return how many cores nobody uses at this moment, our own among them; all of them where the system cannot say."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        running, _, _ = LOAD.read_text().split()[3].partition("/")
    except OSError:
        return cores
    return cores + 1 - int(running)


def _serve(pipe: Connection) -> None:
    """Answer the first process, which alone gets Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _answer(pipe)


def _answer(pipe: Connection) -> None:
    """Draw what is asked for and send the error it met, or None; return when the other process is gone."""
    from prunescope.api.errors import PrunescopeError
    from prunescope.report.phase import files, pictures

    with suppress(EOFError, ConnectionError):
        findings, folder, names = pipe.recv()
        try:
            files.write_pngs(pictures.figures(findings, only=names), folder)
            pipe.send(None)
        except PrunescopeError as error:
            pipe.send(error)
