"""Commands of prunescope in real processes, killed at chosen moments: see forked.py, which runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prunescope.runs.store import Store


@dataclass(frozen=True, kw_only=True)
class Kill:
    """A signal, kill -9 by default, so long after so many result files are in a folder."""

    seconds: float = 0.0
    files: int = 0
    folder: str = "/nowhere"
    worker: int | None = None
    """Which of the command's worker processes; None: the command itself."""
    number: int = 9
    """Of the signal."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command line without the program's name, and what befalls it."""

    argv: Sequence[str]
    kills: Sequence[Kill] = ()
    file_bytes: int | None = None
    """The largest file it may write."""


class Warm:
    """The warm process; `run` gives it one command, `run_all` several at once."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.struck = 0
        """Signals that were sent to commands so far."""

    def run(self, *argv: str, kills: Sequence[Kill] = (), file_bytes: int | None = None) -> int:
        """Return the exit status of one command."""
        return self.run_all([Command(argv=argv, kills=kills, file_bytes=file_bytes)])[0]

    def run_all(self, commands: Sequence[Command]) -> list[int]:
        """Return the exit statuses of commands that run side by side."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([asdict(command) for command in commands]) + "\n")
        self._process.stdin.flush()
        ends = json.loads(self._process.stdout.readline())
        self.struck += sum(struck for _, struck in ends)
        return [status for status, _ in ends]


@contextmanager
def warm_process(log: Path) -> Iterator[Warm]:
    """Start the warm process; what its commands say on stderr goes to `log`."""
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forked.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
        ) as process,
    ):  # fmt: skip
        yield Warm(process)
        assert process.stdin is not None
        process.stdin.close()


def assert_same_results(wanted: Store, got: Store, *, at_least: int) -> None:
    """Compare everything that does not measure time: verdicts, histories, readings, and the weights, to the bit."""
    assert wanted.ids() == got.ids()
    changed = {run_id: what for run_id in wanted.ids() if (what := find_change(wanted, got, run_id))}
    assert not changed
    readings = [run.readings for run in map(wanted.read, wanted.ids())]
    timed = [one.unit == "second" for found in readings for named in found.values() for one in named.values()]
    assert timed.count(False) >= at_least


def find_change(wanted: Store, got: Store, run_id: str) -> str:
    """Return what differs between two results of one step, to the bit and but for times; "" where nothing does."""
    first, second = wanted.read(run_id), got.read(run_id)
    for name in ("verdicts", "history", "weights"):
        if getattr(first, name) != getattr(second, name):
            return f"the {name} of {run_id} differ"
    for probe, named in first.readings.items():
        for name, reading in named.items():
            other = second.readings.get(probe, {}).get(name)
            same = other is not None and np.array_equal(other.value, reading.value, equal_nan=True)
            if reading.unit != "second" and not same:
                return f"the reading {probe}/{name} of {run_id} differs"
    return ""
