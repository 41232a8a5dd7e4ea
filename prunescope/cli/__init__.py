"""The command line: one small module per command; torch and the like are imported inside the commands only."""

from __future__ import annotations

import sys

from prunescope.cli.terminal import interrupts


def main() -> None:
    """Run the program; Ctrl-C ends it with one message from its first moment, while the commands are still loading."""
    with interrupts.noting() as pressed:
        try:
            from prunescope.cli import application

            code = application.run()
        except BaseException:
            if not pressed:
                raise
            code = interrupts.INTERRUPTED
        if code == interrupts.INTERRUPTED and pressed and not pressed.reported:  # Typer ends so without a word
            print(f"error: {interrupts.describe_end(pressed)}", file=sys.stderr)  # noqa: T201 - rich may not be loaded
            code = interrupts.exit_code(pressed[0])
    sys.exit(code)
