"""Damaged results: each is named, the rest is shown, and the exit code is that of an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import REPAIR, PrunescopeError
from prunescope.cli.terminal.command import ExitCode
from prunescope.report.common.console import say, say_line

if TYPE_CHECKING:
    from collections.abc import Sequence


def report_damage(problems: Sequence[str]) -> int:
    """Report what is damaged, and how to repair it; return the exit code."""
    for problem in problems:
        say_line(f"error: {problem}")
    if problems:
        say(f"fix: {REPAIR}")
    return damage_code(problems)


def damage_code(problems: Sequence[str]) -> int:
    """Return the exit code of a command that showed what was sound beside damage that is reported already."""
    return PrunescopeError.exit_code if problems else ExitCode.DONE
