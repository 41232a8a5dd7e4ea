"""Fractions, errors and probabilities as every command, report and reason writes them: in percent, with a space."""

from __future__ import annotations

MINUS = "−"

PLURALS = {
    "batch": "batches",
    "class": "classes",
    "entry": "entries",
    "pass": "passes",
    "process": "processes",
    "study": "studies",
}
"""Of things that do not simply take an s."""

SINGULAR_VERBS = {"are": "is", "have": "has", "do": "does", "were": "was"}


def count_text(number: float, thing: str) -> str:
    """Write how many of a thing there are.

    >>> count_text(1, "epoch"), count_text(1600, "epoch"), count_text(0.5, "epoch"), count_text(2, "training batch")
    ('1 epoch', '1,600 epochs', '0.5 epochs', '2 training batches')
    """
    written = f"{number:,}" if isinstance(number, int) else f"{number:,g}"
    before, space, last = thing.rpartition(" ")
    return f"{written} {thing}" if number == 1 else f"{written} {before}{space}{PLURALS.get(last, f'{last}s')}"


def verb_text(number: float, plural: str) -> str:
    """Return the verb of so many things.

    >>> verb_text(1, "are"), verb_text(2, "are"), verb_text(1, "start")
    ('is', 'are', 'starts')
    """
    return SINGULAR_VERBS.get(plural, f"{plural}s") if number == 1 else plural


def percent(fraction: float, places: int = 0) -> str:
    """Write a fraction as percent with so many decimals: a share of cells, networks or weights with none.

    >>> percent(0.701), percent(0.12345, 2), percent(-0.0001, 1)
    ('70 %', '12.35 %', '0.0 %')
    """
    return f"{_fixed(100 * fraction, places)} %"


def error_text(fraction: float) -> str:
    """Write an error, an accuracy or the density of a layer: percent with two decimals.

    >>> error_text(0.1), error_text(0.00734)
    ('10.00 %', '0.73 %')
    """
    return percent(fraction, 2)


def error_or_absent(fraction: float | None) -> str:
    """Write an error where it was measured.

    >>> error_or_absent(0.1), error_or_absent(None)
    ('10.00 %', 'n/a')
    """
    return "n/a" if fraction is None else error_text(fraction)


def points_text(difference: float, *, signed: bool = False) -> str:
    """Write a difference of errors in percentage points.

    >>> points_text(0.0123), points_text(-0.0004, signed=True), points_text(0.1, signed=True)
    ('1.23', '−0.04', '+10.00')
    """
    return _fixed(100 * difference, 2, signed=signed)


def points_interval(mean: float, low: float, high: float) -> str:
    """Write a difference of errors with its interval.

    >>> points_interval(0.015, -0.002, 0.03)
    '+1.50 points [−0.20, +3.00]'
    """
    middle, *ends = (points_text(value, signed=True) for value in (mean, low, high))
    return f"{middle} points [{', '.join(ends)}]"


def probability_text(value: float) -> str:
    """Write a probability; never as certain as 100 %.

    >>> probability_text(0.934), probability_text(1.0), probability_text(0.004)
    ('93 %', '> 99 %', '< 1 %')
    """
    if value > 0.99:
        return "> 99 %"
    return "< 1 %" if value < 0.01 else percent(value)


def lmc_text(value: float) -> str:
    """Write an LMC, a difference of errors as a fraction: four decimals, as errors have two in percent.

    >>> lmc_text(-0.08), lmc_text(0.00612), lmc_text(-0.00001)
    ('−0.0800', '+0.0061', '0.0000')
    """
    return _fixed(value, 4, signed=True)


def cka_text(value: float) -> str:
    """Write a CKA, a barrier, or the spread of either.

    >>> cka_text(0.98765), cka_text(1.0)
    ('0.9877', '1.0000')
    """
    return _fixed(value, 4)


def density_text(value: float) -> str:
    """Write a density.

    >>> density_text(0.05), density_text(0.125), density_text(1.0)
    ('5 %', '12.5 %', 'dense')
    """
    return "dense" if value == 1 else f"{100 * value:.3g} %"


def _fixed(value: float, places: int, *, signed: bool = False) -> str:
    text = f"{value:.{places}f}"
    if float(text) == 0:
        return text.lstrip("-")
    return (f"{value:+.{places}f}" if signed else text).replace("-", MINUS)
