"""Mutants are read in a child process, forked from a warm one: a file that ends or blocks it costs one child."""

from __future__ import annotations

import json
import os
import random
import resource
import select
import signal
import sys
import tempfile
import warnings
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from formats import FORMATS
from measured import End, look

if TYPE_CHECKING:
    from collections.abc import Iterator

WALL_SECONDS = 120.0
"""After which a child that reports nothing is ended: it waits for something."""

GUARD = 6 << 30
"""Bytes of address space beyond those of the start: more than any file may take, so that the machine goes on."""

COMMANDED = {"read": 10, "refused": 50}
"""How its reader ended -> one in so many mutants goes through the command, too."""

STRANGER = 'import pathlib\npathlib.Path("canary").write_text("ran")\n\n\ndef f(*given, **options):\n    return None\n'


def mutant(name: str, number: int, *, seed: int) -> bytes:
    """Return one mutant of a format: of equal numbers and seeds, equal bytes."""
    kind = FORMATS[name]
    return kind.change(kind.make(), random.Random(f"{seed} {name} {number}"))


def lay_out(name: str, folder: Path) -> None:
    """Write what lies beside the file of a format, and modules that a file must not have imported."""
    kind = FORMATS[name]
    (folder / kind.file).parent.mkdir(parents=True, exist_ok=True)
    for file, make in kind.beside.items():
        (folder / file).write_bytes(make())
    for module in ("mod", "stranger"):
        (folder / f"{module}.py").write_text(STRANGER)


def read_one(name: str, number: int, folder: Path, *, seed: int) -> End:
    """Make one mutant in `folder`, and return how it ended."""
    made, kind = mutant(name, number, seed=seed), FORMATS[name]
    (folder / kind.file).write_bytes(made)
    goes_on = [end for end, every in COMMANDED.items() if number % every == 0]
    found = look(kind, folder, size=len(made), command=goes_on)
    if (folder / "canary").exists():
        (folder / "canary").unlink()
        return End(found="executed", seconds=found.seconds, bytes=found.bytes, commanded=found.commanded)
    return found


def read_unchanged(name: str) -> End:
    """Return how the file ends that is as it should be: read. It also loads here what children then need not."""
    kind = FORMATS[name]
    with tempfile.TemporaryDirectory() as folder:
        lay_out(name, Path(folder))
        made = kind.make() or kind.change(b"", random.Random(0))
        (Path(folder) / kind.file).write_bytes(made)
        return look(kind, Path(folder), size=len(made), command=("read",))


def read_all(name: str, numbers: range, *, seed: int) -> Iterator[tuple[int, End]]:
    """Yield how each of the mutants ended."""
    following = numbers.start
    with tempfile.TemporaryDirectory() as folder:
        lay_out(name, Path(folder))
        while following < numbers.stop:
            for number, found in _of_one_child(name, range(following, numbers.stop), Path(folder), seed=seed):
                yield number, found
                following = number + 1


def _of_one_child(name: str, numbers: range, folder: Path, *, seed: int) -> Iterator[tuple[int, End]]:
    """Yield the ends that one child reports, and that of the file at which it ended otherwise than by itself."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "wb", buffering=0) as report:
            _be_child(name, numbers, folder, report, seed=seed)
    os.close(writing)
    done = numbers.start
    with os.fdopen(reading, "rb") as reports:
        try:
            while line := _line(reports):
                found = End(**json.loads(line))
                yield done, found
                done += 1
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if done < numbers.stop:
        what = "blocked" if status == -signal.SIGKILL else f"ended the process with {status}"
        yield done, End(found=what, seconds=0.0, bytes=0)


def _line(reports: BinaryIO) -> bytes:
    """Return the next report; empty where there comes none."""
    ready, _, _ = select.select([reports], [], [], WALL_SECONDS)
    return reports.readline() if ready else b""


def _be_child(name: str, numbers: range, folder: Path, report: BinaryIO, *, seed: int) -> None:
    """Read mutants and report on each; never return."""
    status = 1
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + GUARD, resource.RLIM_INFINITY))
        warnings.simplefilter("ignore")
        ends = (read_one(name, number, folder, seed=seed) for number in numbers)
        report.writelines(json.dumps(asdict(end)).encode() + b"\n" for end in ends)
        status = 0
    except BaseException as error:  # noqa: BLE001 - the parent reports it
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)
