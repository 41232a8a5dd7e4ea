"""Damaged results: each is named, the rest is shown, and the exit code is that of an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import REPAIR, PrunescopeError
from prunescope.cli.terminal.command import ExitCode
from prunescope.report.common.console import say

if TYPE_CHECKING:
    from collections.abc import Sequence


def report_damage(problems: Sequence[str]) -> int:
    """Report what is damaged, and how to repair it; return the exit code."""
    for problem in problems:
        say(f"error: {problem}")
    if not problems:
        return ExitCode.DONE
    say(f"fix: {REPAIR}")
    return PrunescopeError.exit_code
