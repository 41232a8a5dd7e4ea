"""Round numbers along an axis."""

from __future__ import annotations

from math import ceil, floor, log10

MOST_TICKS = 5


def nice_ticks(low: float, high: float) -> list[float]:
    """Return at most six multiples of 1, 2 or 5 times a power of ten between two numbers.

    >>> nice_ticks(0.0, 0.55), nice_ticks(17.0, 39.0)
    ([0.0, 0.2, 0.4], [20.0, 25.0, 30.0, 35.0])
    """
    rough = (high - low) / MOST_TICKS
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.999 * rough)
    return [round(number * step, 12) for number in range(ceil(low / step), floor(high / step) + 1)]
