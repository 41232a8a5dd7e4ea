"""Budgets as a person types them: points of error, seconds, bytes."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR = {"pt": 0.01, "%": 0.01, "": 1.0}

TIME = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "": 1.0}

STORAGE = {"b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30, "": 1.0}


def read_within(value: str | float) -> float:
    """Return points of error as a fraction below 1; 0: no more errors than the dense network makes.

    >>> read_within("1pt"), read_within(0.02), read_within("0pt")
    (0.01, 0.02, 0.0)
    """
    found = _number("--within", value, ERROR, example="1pt", zero=True)
    if found >= 1:
        raise UsageError(f"--within got {value!r}", fix="it requires less than 100 points: --within 1pt")
    return found


def read_latency(value: str | float) -> float:
    """Return a time in seconds.

    >>> read_latency("5ms"), read_latency(0.25)
    (0.005, 0.25)
    """
    return _number("--latency", value, TIME, example="5ms")


def read_bytes(value: str | float) -> float:
    """Return a number of bytes; MB is a million.

    >>> read_bytes("2MB"), read_bytes("1KiB"), read_bytes(500)
    (2000000.0, 1024.0, 500.0)
    """
    return _number("--bytes", value, STORAGE, example="2MB")


def _number(option: str, value: str | float, units: Mapping[str, float], *, example: str, zero: bool = False) -> float:
    """Return a positive finite number in SI units, or 0 where `zero`; UsageError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)(?:e(-?\d+))?\s*([a-zA-Z%]*)\s*", str(value))
    wanted = "a number from 0" if zero else "a positive number"
    refused = UsageError(f"{option} got {value!r}", fix=f"it requires {wanted}: {option} {example}")
    if found is None or found[3].lower() not in units:
        raise refused
    amount = float(f"{found[1]}e{found[2] or 0}") * units[found[3].lower()]
    if not isfinite(amount) or (amount == 0 and not zero):
        raise refused
    return amount
