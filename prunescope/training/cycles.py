"""Where the cycles of a cyclic schedule end; loads no torch, because studies are laid out by it."""

from __future__ import annotations

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text


def cycle_ends(epochs: int, *, cycles: int, factor: float) -> tuple[int, ...]:
    """Return the epochs at which cycles end, each `factor` times as late as the one before: round(epochs / factor^j).

    The trade-off curve of Portes et al. 2022 has its points at a geometric row of training times.

    >>> cycle_ends(80, cycles=4, factor=2)
    (10, 20, 40, 80)

    Raises:
        UsageError: two cycles would end at the same epoch, or one before the first.
    """
    ends = tuple(round(epochs / factor**number) for number in reversed(range(cycles)))
    if ends[0] < 1 or len(set(ends)) < len(ends):
        raise UsageError(
            f"{cycles} cycles, each ending {count_text(factor, 'time')} as late as the one before, do not fit in "
            f"{count_text(epochs, 'epoch')}",
            fix="train for more epochs, or use fewer cycles",
        )
    return ends
