"""The errors a user can meet: each names the culprit, the value found, the value wanted and the fix.

The command line prints `message` and `fix` as two lines and exits with `exit_code`; `--debug` adds the traceback.
"""

from __future__ import annotations


class PrunescopeError(Exception):
    """Base of every error prunescope raises on purpose; `fix` is what to do about it."""

    exit_code = 2

    def __init__(self, message: str, *, fix: str = "") -> None:
        Exception.__init__(self, message)
        self.message = message
        self.fix = fix

    def __reduce__(self) -> tuple[type, tuple[str], dict[str, str]]:
        return type(self), (self.message,), {"fix": self.fix}

    def __str__(self) -> str:
        return f"{self.message}\n{self.fix}" if self.fix else self.message


class UsageError(PrunescopeError):
    """An option, a name or a combination of them that cannot work."""


LEAST_DENSITY = "ask for a density of at least"
"""How the fix of an error begins where a pruner cannot prune so far; the density follows, and ends the fix.

An executor hands texts on, not exceptions: commands that choose densities read the density from it.
"""


class InputError(PrunescopeError):
    """A file or data set that is missing, damaged, unsafe or something else than expected."""


class MismatchError(PrunescopeError):
    """A checkpoint that does not fit the model it is loaded into."""

    exit_code = 3


class EvidenceError(PrunescopeError):
    """Not enough evidence for the verdict that was asked for."""

    exit_code = 4


class PluginError(PrunescopeError):
    """A plugin that fails to load, clashes with another, or returns something it must not."""


class StoreError(PrunescopeError):
    """A study folder or a result file that cannot be read or written."""


REPAIR = "remove it and run its command again (a sweep: --repair); `prunescope results check` lists all such files"
"""What to do about a damaged result."""

BUSY = "another process is working on"
"""How the message of a BusyError begins: an executor hands messages on, not exceptions."""


class BusyError(StoreError):
    """A step that another process performs at this moment; it is no failure."""
