"""Standard input, output and error, one of which may be closed (cron, a detached shell), or on a full disk."""

from __future__ import annotations

import os
import sys


def open_closed_streams() -> None:
    """Give the standard streams that are closed the null device.

    A file that is opened later would get the number of a closed stream, and whatever a library prints would go there.
    """
    for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number, inheritable=True)
                os.close(opened)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def give_up_stdout() -> None:
    """Send what is still in the buffer of stdout nowhere: Python would fail again when it exits."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
