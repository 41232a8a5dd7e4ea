"""Ctrl-C, seen through: neither lost in a library that goes on as if nothing had happened, nor doubled.

Pressed once at 20 moments of a training, the program ends as promised (exit code 130, one message) 20 times, with
Python's own handling 19 times: a module that was loading turned it into another error. Pressed twice within 0.25 s, as
some programs that run others do, 20 times against 5: Python ends by the signal, and says nothing of what is kept
(`python benchmarks/bench_interrupts.py`).
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended."""

AT_ONCE = 3
"""How many times Ctrl-C must be pressed to end a program that is ending already."""

A_MOMENT = 0.2
"""Seconds between two looks at whether the program is ending."""


@contextmanager
def noting() -> Iterator[list[int]]:
    """Yield a list that is filled when Ctrl-C is pressed: a module that is just loading may raise another error.

    The second time changes nothing, for the program is ending already: what stops the workers must not be interrupted
    (some programs send the signal twice). The third time ends it at once; files are whole or not there all the same.
    Where a library or a finalizer caught it and went on, it is pressed again a moment later.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield []
        return
    pressed: list[int] = []
    over = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        if len(pressed) == 1:
            threading.Thread(target=see_through, daemon=True).start()
            signal.default_int_handler(number, frame)
        elif len(pressed) >= AT_ONCE:
            os._exit(INTERRUPTED)

    def see_through() -> None:
        while not over.wait(A_MOMENT):
            if not _handling(main):
                pressed.clear()
                _thread.interrupt_main()
                return

    def hush(unraisable: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            told(unraisable)

    signal.signal(signal.SIGINT, note)
    told, sys.unraisablehook = sys.unraisablehook, hush
    try:
        yield pressed
    finally:  # where it was pressed, Python itself is about to end: another one would make that a death by the signal
        over.set()
        signal.signal(signal.SIGINT, signal.SIG_IGN if pressed else signal.default_int_handler)
        sys.unraisablehook = told


def _handling(thread: threading.Thread) -> bool:
    """Whether a thread is inside an except or a finally for an exception: if not, it is not ending."""
    active = sys._current_exceptions()[thread.ident or 0]  # noqa: SLF001 - there is no other name for it
    return active is not None and active != (None, None, None)  # the latter before Python 3.12
