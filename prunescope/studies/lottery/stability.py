"""From which step on training is stable to SGD noise: copies that part there stay linearly connected."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Stability:
    """The step of stability over seeds; None: not within the steps that were tried."""

    by_seed: tuple[int | None, ...]
    middle: int | None
    low: int | None
    high: int | None
    before: int | None
    """The largest step tried below `middle`, where training was not stable yet; None where there is none."""

    @property
    def reached(self) -> int:
        """Number of seeds that became stable."""
        return sum(step is not None for step in self.by_seed)


def step_of_stability(
    steps: Sequence[int], barriers: Sequence[Sequence[float]], *, threshold: float = 0.02
) -> Stability:
    """Return the first step from which on the copies of a network stay connected, with its range over seeds.

    Formula: per seed the least k of `steps` whose barrier, and that of every later step, is below the threshold; then
    the median (the upper of two), least and greatest over seeds. The true step lies between `before` and `middle`.
    Source: Frankle et al. 2020, sections 2 and 3 (barrier below 2 % of error: stable).
    Shapes: barriers[seed][step], as fractions of error, steps rising. Range: of `steps`; None means later.

    >>> step_of_stability([0, 10, 20, 40], [[0.3, 0.1, 0.01, 0.0], [0.3, 0.01, 0.05, 0.01]])
    Stability(by_seed=(20, 40), middle=40, low=20, high=40, before=20)

    Raises:
        UsageError: no seed, steps that do not rise, or a row of another length.
    """
    if not barriers or any(len(row) != len(steps) for row in barriers) or list(steps) != sorted(set(steps)):
        raise UsageError(
            f"{count_text(len(barriers), 'seed')} with barriers at steps {list(steps)}",
            fix="give rising steps, a barrier at each",
        )
    found = sorted(_first(steps, row, threshold) for row in barriers)
    middle = found[len(found) // 2]
    earlier = [step for step in steps if step < middle]
    return Stability(
        by_seed=tuple(_known(_first(steps, row, threshold)) for row in barriers),
        middle=_known(middle),
        low=_known(found[0]),
        high=_known(found[-1]),
        before=earlier[-1] if earlier else None,
    )


def _first(steps: Sequence[int], row: Sequence[float], threshold: float) -> float:
    last = max((number for number, barrier in enumerate(row) if not barrier < threshold), default=-1)
    return steps[last + 1] if last + 1 < len(steps) else inf


def _known(step: float) -> int | None:
    return int(step) if isfinite(step) else None
