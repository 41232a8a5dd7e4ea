"""What Typer refuses before a command begins, reported like every other error: what is wrong, and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from prunescope.report.common.console import say, say_line

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSALS: tuple[type[BaseException], ...] = typer.BadParameter.__mro__[1:3]
"""Click's UsageError and ClickException, which Typer does not export."""


def exit_code_of(program: Callable[[], Any]) -> int:
    """Run the program, which returns its exit status; report on stderr what it refuses."""
    try:
        return int(program() or 0)
    except typer.Abort:
        say("error: aborted")
        return 1
    except REFUSALS as error:
        return _refused(error)


def _refused(error: Any) -> int:  # noqa: ANN401 - Click's, which Typer hides
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return int(error.exit_code)
    say_line(f"error: {error.format_message()}")
    context = getattr(error, "ctx", None)
    if context is not None:
        usage = " ".join(context.get_usage().split()).removeprefix("Usage: ")
        say(f"fix: usage: {usage}; all options: {context.command_path} --help")
    return int(error.exit_code)
