"""Numbers as a person reads them: sensible digits, percent for display only, units of time and size."""

from __future__ import annotations

import math
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from prunescope.api.wording import MINUS, cka_text, lmc_text

if TYPE_CHECKING:
    from prunescope.report.common.view import ReadingCell, Style

SCALED = ("second", "s", "byte")
"""Units that are written in thousands."""

LARGE = 1e4

PLACES = 4
"""Decimals of LMC and CKA."""

SECONDS_PER_MINUTE, SECONDS_PER_HOUR = 60, 3600


def number(value: float) -> str:
    """Write a number of unknown size.

    >>> number(0.1), number(12345.0), number(3.14159), number(2.5e-7), number(-2.0)
    ('0.1', '12,345', '3.142', '2.5e−7', '−2')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{value:,.0f}".replace("-", MINUS)
    size = abs(value)
    if size >= 1e6 or size < 1e-3:
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}".replace("-", MINUS)
    if size >= 1000:
        return f"{value:,.0f}".replace("-", MINUS)
    return f"{value:.4g}".replace("-", MINUS)


def duration_text(seconds: float) -> str:
    """Write a time.

    >>> duration_text(0.42), duration_text(12.3), duration_text(200), duration_text(4000)
    ('0.4 s', '12 s', '3 min 20 s', '1 h 07 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < SECONDS_PER_MINUTE:
        return f"{whole} s"
    if whole < SECONDS_PER_HOUR:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / SECONDS_PER_MINUTE)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def with_unit(value: float, unit: str) -> str:
    """Write a number with its unit; a fraction as percent.

    >>> with_unit(0.25, "fraction"), with_unit(3.5, "nat"), with_unit(2.0, "1"), with_unit(2_500_000, "byte")
    ('25 %', '3.5 nat', '2', '2.5 MB')
    """
    if unit == "fraction":
        return f"{number(100 * value)} %"
    if unit in ("second", "s"):
        return _scaled(value, (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)))
    if unit == "byte":
        return _scaled(value, (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0)))
    return number(value) if unit in ("1", "") else f"{number(value)} {unit}"


def cell(found: ReadingCell, style: Style, unit: str = "", *, brief: bool = False) -> str:
    """Write a cell: mean ± standard deviation over pairs, mean and range over replicas; brief: always ±.

    A unit that is neither a fraction, time nor bytes is left to the label of the row.

    >>> from prunescope.report.common.view import ReadingCell
    >>> cell(ReadingCell(values=(-0.30, -0.34, -0.32), over="pair"), "signed")
    '−0.3200 ± 0.0200'
    >>> cell(ReadingCell(values=(0.10, 0.12), over="replica"), "percent")
    '11.0 % (10.0–12.0)'
    >>> cell(ReadingCell(values=(0.10, 0.12), over="replica"), "percent", brief=True)
    '11.0 ± 1.4 %'
    >>> cell(ReadingCell(values=(0.0012,), over="replica"), "points")
    '+0.12 points'
    """
    if not found.values:
        return "n/a"
    mean, low, high = fmean(found.values), min(found.values), max(found.values)
    if style == "plain" and (unit in SCALED or max(abs(low), abs(high)) >= LARGE):
        return _measure(mean, low, high, unit)
    places, scale = decimals(found, style), 100.0 if style in ("percent", "points") else 1.0
    suffix = {"percent": " %", "points": " points", "times": "×"}.get(style, "")
    signed = style in ("signed", "points")
    text, least, most = (_fixed(scale * value, places, signed=signed) for value in (mean, low, high))
    if least == most:
        return text + suffix
    if brief or found.over == "pair":
        return f"{text} ± {_fixed(scale * stdev(found.values), places)}{suffix}"
    return f"{text}{suffix} ({least}–{most})"


def style_of(key: str, unit: str = "") -> Style:
    """Return how a reading, "<probe>/<name>", is written in every table: LMC and CKA with four decimals.

    >>> style_of("lmc/lmc_test"), style_of("cka/softmax"), style_of("errors/test_error", "fraction"), style_of("x/y")
    ('signed', 'similarity', 'percent', 'plain')
    >>> style_of("soup/soup_minus_best", "fraction")
    'points'
    """
    if key == "soup/soup_minus_best":
        return "points"
    probe, _, name = key.partition("/")
    if unit not in ("", "1", "fraction") or name.startswith(("t_star", "agreement")):
        return "plain"
    if probe == "lmc" and not name.endswith("_path"):
        return "similarity" if name.startswith("barrier") else "signed"
    if probe in ("cka", "cka-map") and unit != "fraction":
        return "similarity"
    return "percent" if unit == "fraction" else "plain"


def value_text(value: float, style: Style) -> str:
    """Write one value of a reading that has a fixed number of digits, else as a number of unknown size.

    >>> value_text(0.98765, "similarity"), value_text(-0.1, "signed"), value_text(3.14159, "plain")
    ('0.9877', '−0.1000', '3.142')
    """
    fixed = {"signed": lmc_text, "similarity": cka_text}.get(style)
    return number(value) if fixed is None else fixed(value)


def row_unit(unit: str) -> str:
    """Return the unit a row's label must carry, because its cells do not.

    >>> row_unit("nat"), row_unit("fraction")
    ('nat', '')
    """
    return "" if unit in ("", "1", "fraction", *SCALED) else unit


def decimals(found: ReadingCell, style: Style) -> int:
    """Return the decimals a cell deserves: two digits of its spread, between bounds."""
    if style in ("signed", "similarity"):
        return PLACES
    if style in ("times", "points"):
        return 1 if style == "times" else 2
    if style == "plain" and all(value.is_integer() for value in found.values):
        return 0
    if style == "percent":
        mean = 100 * fmean(found.values)
        return 2 if 0 < mean < 1 else 0 if mean == 100 else 1
    spread = max(stdev(found.values) if len(found.values) > 1 else 0.0, found.stderr or 0.0)
    return 3 if spread <= 0 else min(4, max(0, 1 - math.floor(math.log10(spread))))


def _measure(mean: float, low: float, high: float, unit: str) -> str:
    text, least, most = (with_unit(value, unit if unit in SCALED else "") for value in (mean, low, high))
    return text if least == most else f"{text} ({least} to {most})"


def _fixed(value: float, places: int, *, signed: bool = False) -> str:
    text = f"{value:.{places}f}"
    if float(text) == 0:
        return text.lstrip("-")
    return (f"{value:+.{places}f}" if signed else text).replace("-", MINUS)


def _scaled(value: float, steps: tuple[tuple[str, float], ...]) -> str:
    """Write a value in the largest unit that leaves at least 1 before the point."""
    fitting = [(unit, size) for unit, size in steps if abs(value) >= size]
    unit, size = fitting[0] if fitting else steps[-1]
    return f"{value / size:.3g} {unit}"
