"""The program, run in this process."""

from __future__ import annotations

import typer
from typer.testing import CliRunner

from prunescope.cli.application import build


def command(*words):
    """Run the program in this process and return what it prints on stdout."""
    result = CliRunner().invoke(build(words), [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit | typer.Exit), result.exception
    assert result.exit_code in (0, 4), result.stderr
    return result.stdout
