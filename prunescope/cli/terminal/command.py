"""How every command runs: what goes to stdout, how errors are reported, and the exit codes."""

from __future__ import annotations

import inspect
import os
import signal
import sys
import traceback
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prunescope.api.errors import PrunescopeError
from prunescope.cli.terminal import interrupts
from prunescope.cli.terminal.streams import give_up_stdout
from prunescope.report.common.console import printable, render, say, say_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType


class ExitCode(IntEnum):
    """Exit codes beyond those that each error carries (2: usage or input, 3: mismatch, 4: evidence)."""

    DONE = 0
    FAILED_ON = 1
    """The verdict is one that --fail-on names."""
    EVIDENCE = 4
    BUG = 70
    """An exception nobody foresaw."""
    INTERRUPTED = interrupts.INTERRUPTED


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a command puts on stdout, and how the program exits."""

    text: str | RenderableType = ""
    """A text, or something rich that is laid out for the terminal or the pipe that stdout is."""
    exit_code: int = ExitCode.DONE


LINKS_IN_A_CIRCLE = "Symlink loop from"
"""How pathlib's error for a path that has no end begins before Python 3.13, where it is an OSError."""

NO_MEMORY = "can't allocate memory"
"""The message of torch where the CPU has not enough."""

DEBUG = inspect.Parameter(
    "debug",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")],
)


def command(function: Callable[..., Output]) -> Callable[..., None]:
    """Return `function` as Typer wants it: it prints its output and turns errors into two lines and an exit code."""

    def run(**values: Any) -> None:  # noqa: ANN401 - Typer passes each parameter by its annotation
        debug = values.pop("debug")
        output = _attempt(function, values, debug=debug)
        raise typer.Exit(int(_printed(output)))

    signature = inspect.signature(function, eval_str=True)
    with_signature(run, [*signature.parameters.values(), DEBUG])
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run


def _printed(output: Output) -> int:
    """Put the output on stdout; return the exit code, another one where stdout takes no more."""
    if not output.text:
        return output.exit_code
    try:
        typer.echo(printable(output.text) if isinstance(output.text, str) else render(output.text, sys.stdout))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up_stdout()
        say(f"error: cannot write to standard output: {error.strerror or error}")
        say("fix: the results are kept; run the command again with standard output on another disk, or free some space")
        return PrunescopeError.exit_code
    return output.exit_code


def taking(made: type, function: Callable[[Any], Output]) -> Callable[..., Output]:
    """Return `function`, which takes one dataclass, as a function of that dataclass's fields."""

    def run(**values: Any) -> Output:  # noqa: ANN401 - Typer passes each field by its annotation
        return function(made(**values))

    with_signature(run, list(inspect.signature(made, eval_str=True).parameters.values()))
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run


def with_signature(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
    """Give a function that takes any keywords the parameters that Typer shall read off it."""
    keywords = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    function.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in keywords}


def _attempt(function: Callable[..., Output], values: dict[str, Any], *, debug: bool) -> Output:
    with interrupts.noting() as pressed:
        return _outcome(function, values, pressed, debug=debug)


def _outcome(
    function: Callable[..., Output], values: dict[str, Any], pressed: interrupts.Pressed, *, debug: bool
) -> Output:
    """Call the command; turn whatever ends it into two lines and an exit code."""
    try:
        with stdout_on_stderr():
            return function(**values)
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except PrunescopeError as error:
        _report_error(error.message, error.fix, debug=debug)
        return Output(exit_code=error.exit_code)
    except KeyboardInterrupt:
        return _interrupted(values, pressed, debug=debug)
    except Exception as error:  # noqa: BLE001 - whatever it is, a person gets two lines
        return _interrupted(values, pressed, debug=debug) if pressed else _unforeseen(error, debug=debug)


def _interrupted(values: dict[str, Any], pressed: interrupts.Pressed, *, debug: bool) -> Output:
    folder = values.get("study") or values.get("folder") or ("its folder" if "study" in values else "")
    kept = f"; what was finished is kept in {folder}" if folder else ""
    how = interrupts.describe_end(pressed)
    _report_error(f"{how}{kept}", "the same command resumes" if kept else "", debug=debug)
    pressed.reported = True
    return Output(exit_code=interrupts.exit_code(pressed[0] if pressed else signal.SIGINT))


def _unforeseen(error: Exception, *, debug: bool) -> Output:
    if isinstance(error, OSError) and error.filename is not None:
        _report_error(
            f"cannot use {str(error.filename)[:200]!r}: {error.strerror or error}", "check the path", debug=debug
        )
        return Output(exit_code=PrunescopeError.exit_code)
    if isinstance(error, RuntimeError) and str(error).startswith(LINKS_IN_A_CIRCLE):
        _report_error(f"{error}: its links lead in a circle", "check the path", debug=debug)
        return Output(exit_code=PrunescopeError.exit_code)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or NO_MEMORY in str(error):
        _report_error("out of memory", "use smaller batches or fewer workers (--workers 1)", debug=debug)
        return Output(exit_code=PrunescopeError.exit_code)
    what = f"this is a bug in prunescope or in a plugin: {type(error).__name__}: {error}".partition("\n")[0]
    _report_error(what, "run the command again with --debug and report what it prints", debug=debug)
    return Output(exit_code=ExitCode.BUG)


def _report_error(message: str, fix: str, *, debug: bool) -> None:
    if debug:
        say(traceback.format_exc().rstrip())
    say_line(f"error: {message}")
    if fix:
        say_line(f"fix: {fix}")


@contextmanager
def stdout_on_stderr() -> Iterator[None]:
    """Send whatever libraries print to stdout, here or in worker processes, to stderr: stdout is for the result."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
