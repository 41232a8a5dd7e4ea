"""Ctrl-C, SIGTERM, SIGHUP and SIGUSR1, seen through: neither lost in a library that continues regardless, nor doubled.

Pressed once at 20 moments of a training, the program ends as promised (exit code 130, one message) 20 times, with
Python's own handling 19 times: a module that was loading turned it into another error. Pressed twice within 0.25 s, as
some programs that run others do, 20 times against 5: Python ends by the signal, and reports nothing of what is kept
(`python benchmarks/bench_interrupts.py`).
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended."""

PRESSED_AT_ONCE = 3
"""How many times Ctrl-C must be pressed to end a program that is ending already."""

A_MOMENT = 0.2
"""Seconds between two looks at whether the program is ending."""


class Pressed(list[int]):
    """The signals that were sent to end the program, in their order."""

    reported = False
    """Whether a message on stderr has said so."""


_noted: list[Pressed] = []
"""What `noting` yielded and has not ended: one at most."""


def exit_code(number: int) -> int:
    """Return the exit code of a program that a signal ended: 130 for Ctrl-C, 143 for SIGTERM, 138 for SIGUSR1.

    >>> exit_code(signal.SIGTERM)
    143
    """
    return 128 + number


def describe_end(pressed: Sequence[int]) -> str:
    """Return the words for what ended the program.

    >>> describe_end([signal.SIGTERM])
    'ended by SIGTERM'
    """
    number = pressed[0] if pressed else signal.SIGINT
    return "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"


@contextmanager
def noting() -> Iterator[Pressed]:
    """Yield a list that is filled when Ctrl-C is pressed: a module that is just loading may raise another error.

    SIGTERM (a scheduler ends the job) and SIGHUP (the terminal is gone) count as Ctrl-C, unless whoever started the
    program ignores them. SIGUSR1, by which Slurm warns that a job ends soon, is passed on as SIGTERM: a training of
    this process saves its state then.

    The second time changes nothing, for the program is ending already: what stops the workers must not be interrupted
    (some programs send the signal twice). The third time ends it at once; files are whole or not there all the same.
    Where a library or a finalizer caught it and went on, it is pressed again a moment later. Within another `noting`
    the list is that one's.
    """
    main = threading.main_thread()
    usual = _usual_handlers() if threading.current_thread() is main and not _noted else {}
    if not usual:
        yield _noted[-1] if _noted else Pressed()
        return
    pressed = Pressed()
    warned: list[int] = []
    over = threading.Event()

    def note(number: int, _frame: FrameType | None) -> None:
        pressed.append(warned.pop() if warned and number == signal.SIGTERM else number)
        if len(pressed) == 1:
            threading.Thread(target=see_through, args=(number,), daemon=True).start()
            raise KeyboardInterrupt
        if len(pressed) >= PRESSED_AT_ONCE:
            os._exit(exit_code(pressed[0]))

    def see_through(number: int) -> None:
        while not over.wait(A_MOMENT):
            if not _handling(main):
                pressed.clear()
                _thread.interrupt_main(signal.Signals(number))
                return

    def hush(unraisable: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            reported(unraisable)

    _handle(dict.fromkeys(usual, note) | _passed_on(usual, warned))
    reported, sys.unraisablehook = sys.unraisablehook, hush
    _noted.append(pressed)
    try:
        yield pressed
    finally:  # where it was pressed, Python itself is about to end: another one would make that a death by the signal
        _noted.pop()
        over.set()
        _handle(dict.fromkeys(usual, signal.SIG_IGN) if pressed else usual)
        sys.unraisablehook = reported


def _usual_handlers() -> dict[int, Any]:
    """Return the handlers of the signals that end a program, of those that nobody ignores or handles otherwise."""
    usual = {"SIGINT": signal.default_int_handler} | dict.fromkeys(("SIGTERM", "SIGHUP", "SIGUSR1"), signal.SIG_DFL)
    numbers = {getattr(signal, name): handler for name, handler in usual.items() if hasattr(signal, name)}
    return {number: handler for number, handler in numbers.items() if signal.getsignal(number) is handler}


def _passed_on(usual: Mapping[int, Any], warned: list[int]) -> dict[int, Any]:
    """Return the handler that passes the warning on as SIGTERM, where the program handles both; it notes it first."""

    def warn(number: int, _frame: FrameType | None) -> None:
        warned[:] = [number]
        signal.raise_signal(signal.SIGTERM)

    warning: int = getattr(signal, "SIGUSR1", 0)  # 0: a system without it
    return {warning: warn} if warning in usual and signal.SIGTERM in usual else {}


def _handle(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _handling(thread: threading.Thread) -> bool:
    """Whether a thread is inside an except or a finally for an exception: if not, it is not ending."""
    active = sys._current_exceptions()[thread.ident or 0]  # noqa: SLF001 - there is no other name for it
    return active is not None and active != (None, None, None)  # the latter before Python 3.12
