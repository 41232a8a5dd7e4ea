"""The state of the process beside that of its libraries: hooks of the interpreter, streams, limits of resources.

What libraries set for good when they are imported (hooks, wrapped streams) is restored without a word; what changes
numbers, or what another step can write, is named.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Quadruple = tuple[str, Callable[[], Any], Callable[[Any], object], bool]

HOOKS = (
    (sys, "excepthook"),
    (sys, "displayhook"),
    (sys, "unraisablehook"),
    (sys, "breakpointhook"),
    (threading, "excepthook"),
    (warnings, "showwarning"),
    (sys, "stdin"),
    (sys, "stdout"),
    (sys, "stderr"),
)
"""What libraries replace for good: (module, name)."""

STREAMS = {"standard output": 1, "standard error": 2}
"""Names and numbers of what is written to."""


def process_settings() -> list[Quadruple]:
    """Return (name, read, write, whether it is restored without a word) of every setting."""
    found: list[Quadruple] = [
        ("sys.settrace", sys.gettrace, sys.settrace, False),
        ("sys.setprofile", sys.getprofile, sys.setprofile, False),
        ("the hooks of the interpreter", _hooks, _write_hooks, True),
        ("a closed stream", _streams, _replace_closed, False),  # after the hooks, which restore sys.stdout
        ("sys.setswitchinterval", sys.getswitchinterval, sys.setswitchinterval, True),
        ("sys.set_int_max_str_digits", sys.get_int_max_str_digits, sys.set_int_max_str_digits, True),
    ]
    if hasattr(os, "sched_setaffinity"):
        found.append(("the processors that may be used", _processors, _write_processors, True))
    if os.name == "posix":
        found.append(("the limits of resources", _limits, _write_limits, False))
    return found


def _hooks() -> dict[str, Any]:
    return {f"{module.__name__}.{name}": getattr(module, name) for module, name in HOOKS}


def _write_hooks(before: Mapping[str, Any]) -> None:
    for module, name in HOOKS:
        setattr(module, name, before[f"{module.__name__}.{name}"])


def _streams() -> dict[str, bool]:
    """Return which streams can be written to, by the name of the system and by that of Python."""
    numbers = {name: _is_open(number) for name, number in STREAMS.items()}
    return numbers | {f"sys.{name}": not getattr(getattr(sys, name), "closed", False) for name in ("stdout", "stderr")}


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _replace_closed(before: Mapping[str, bool]) -> None:
    """Put a stream that takes everything where one was closed: the next file that opens would have its number.

    Then what a library prints would be written into a result.
    """
    for name, number in STREAMS.items():
        if before[name] and not _is_open(number):
            null = os.open(os.devnull, os.O_WRONLY)
            if null != number:
                os.dup2(null, number)
                os.close(null)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if before[f"sys.{name}"] and getattr(sys, name).closed:
            setattr(sys, name, open(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False))  # noqa: SIM115


def _processors() -> set[int]:
    return os.sched_getaffinity(0)


def _write_processors(before: set[int]) -> None:
    os.sched_setaffinity(0, before)


def _limits() -> dict[str, tuple[int, int]]:
    import resource

    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {name: resource.getrlimit(getattr(resource, name)) for name in names}


def _write_limits(before: Mapping[str, tuple[int, int]]) -> None:
    """Restore the limits that can be; a hard one that was lowered stays for whoever is not root."""
    import resource

    for name, (soft, hard) in before.items():
        number = getattr(resource, name)
        if resource.getrlimit(number) != (soft, hard):
            with suppress(OSError, ValueError):
                resource.setrlimit(number, (soft, resource.getrlimit(number)[1]))
            with suppress(OSError, ValueError):
                resource.setrlimit(number, (soft, hard))
