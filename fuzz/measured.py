"""How one file ends: read, refused, or otherwise, with the time, the memory and the code that it took.

The reader of the format comes first; a share of what it reads and of what it refuses goes through the command that uses
the file, in this process, as a person would type it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.api.errors import PrunescopeError
from prunescope.cli import application
from prunescope.cli.terminal import misuse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import typer
    from formats import Format

SECONDS = 10.0
"""Of processor time that a file may take: other programs of the machine change nothing in a figure."""

BYTES = 2 << 30
"""Of memory of the whole process, its libraries included, that a file may take beside four times its own size."""

GOOD = ("read", "refused")

EXIT_CODES = {0: "read", 2: "refused", 3: "refused", 4: "read"}
"""Exit codes that a command may have; 4: read, and no evidence for a verdict."""

PROCESSES = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "socket.connect")
"""Audit events of code that a file had executed."""

MODULES = ("mod", "stranger")
"""Modules of the folder, which mutants name."""

SECRETS = ("passwd", "second.pth")
"""Names of files that mutants name and nothing may open."""

HARMLESS = ("cc", "gcc", "ldconfig", "lscpu", "uname")
"""What libraries ask of the machine."""


@dataclass(frozen=True, kw_only=True)
class End:
    """How one file ended."""

    found: str
    """read, refused, slow, over memory, executed, exit CODE, traceback, or the type of another error."""
    seconds: float
    """Of processor time."""
    bytes: int
    """Peak of the process while the file was read."""
    commanded: bool = False
    """Whether it went through the command, too."""


class Watch:
    """Events of executed code, while it is on."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.on = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Note an event, as an audit hook is called."""
        if self.on and _is_execution(event, arguments):
            self.events.append(f"{event} {arguments!r}"[:200])


def _is_execution(event: str, arguments: tuple[object, ...]) -> bool:
    first = arguments[0] if arguments else None
    if event == "import":
        return str(first).partition(".")[0] in MODULES
    if event == "open":
        return isinstance(first, str | bytes) and Path(os.fsdecode(first)).name in SECRETS
    return event in PROCESSES and Path(str(first)).name not in HARMLESS


@cache
def watching() -> Watch:
    """Return the one audit hook of this process: hooks cannot be removed."""
    watch = Watch()
    sys.addaudithook(watch)
    return watch


def look(kind: Format, folder: Path, *, size: int, command: Collection[str]) -> End:
    """Read the file of a format that lies in `folder`; where that ends as `command` has it, use it, too."""
    first = _measured(lambda: _by_reader(kind, folder / kind.file), size)
    if not kind.words or first.found not in GOOD or first.found not in command:
        return first
    second = _measured(lambda: _by_command(kind.words, folder), size)
    seconds, peak = max(first.seconds, second.seconds), max(first.bytes, second.bytes)
    return End(found=second.found, seconds=seconds, bytes=peak, commanded=True)


def _measured(act: Callable[[], str], size: int) -> End:
    watch, started = watching(), time.process_time()
    watch.events.clear()
    _reset_peak()
    watch.on = True
    try:
        found = act()
    finally:
        watch.on = False
    took, peak = time.process_time() - started, peak_bytes()
    if watch.events:
        found = "executed"
    elif took > SECONDS:
        found = "slow"
    elif peak > BYTES + 4 * size:
        found = "over memory"
    return End(found=found, seconds=took, bytes=peak)


def _by_reader(kind: Format, path: Path) -> str:
    try:
        kind.read(path)
    except PrunescopeError as error:
        return "over memory" if _is_memory(error) else "refused"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return "over memory" if _is_memory(error) else type(error).__name__
    return "read"


def _is_memory(error: BaseException | None) -> bool:
    """Return whether an error, or one that led to it, is of memory that could not be had."""
    while error is not None:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _by_command(words: tuple[str, ...], folder: Path) -> str:
    with _said(folder / ".said") as said, contextlib.chdir(folder):
        try:
            code = misuse.exit_code_of(
                lambda: _program(words[0])(list(words), prog_name="prunescope", standalone_mode=False)
            )
        except SystemExit as ended:
            code = ended.code
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            return f"crashed with {type(error).__name__}"
    told = said()
    if "Traceback" in told:
        return "traceback"
    if "out of memory" in told:
        return "over memory"
    return EXIT_CODES.get(code, f"exit {code}")  # type: ignore[arg-type] - an exit code


@cache
def _program(command: str) -> typer.core.TyperGroup:
    import typer

    return typer.main.get_command(application.build([command]))


@contextlib.contextmanager
def _said(path: Path) -> Iterator[Callable[[], str]]:
    """Send what is printed into a file; yield what returns it."""
    kept = os.dup(1), os.dup(2)
    with path.open("w+", encoding="utf-8", errors="backslashreplace") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
                yield lambda: path.read_text(errors="replace")
        finally:
            for number, saved in enumerate(kept, start=1):
                os.dup2(saved, number)
                os.close(saved)


def _reset_peak() -> None:
    """Let the peak of this process be what it uses now; Linux alone can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """Return the most memory that this process used since the last reset, in bytes; where there is no reset, ever."""
    with contextlib.suppress(OSError):
        return _status_bytes("VmHWM:")
    import resource

    unit = 1 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def held_bytes() -> int:
    """Return the memory that this process uses now, in bytes; where nothing tells, 0."""
    with contextlib.suppress(OSError):
        return _status_bytes("VmRSS:")
    return 0


def _status_bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) << 10
