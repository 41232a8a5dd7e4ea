"""Finding the best value of a knob with few looks, where what is looked at has one peak along the knob.

Fibonacci search (Kiefer 1953, "Sequential minimax search for a maximum"): F(k+1) - 1 values need k - 1 looks, each at
a point that the next step can use again. The regimes shorten it: at one density everything colder than a poorly
connected model is poorly connected too (Zhou et al. 2023, figure 2), so nothing beyond it is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import total_ordering
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@total_ordering
@dataclass(frozen=True)
class Look:
    """What one value of the knob is worth; looks are ordered: learned, then connected, then by score."""

    connected: bool
    """Whether it passes the LMC gate."""
    score: float
    """Larger is better."""
    learned: bool = True
    """False for a network that answers alike whatever the image: too hot to learn, and connected all the same."""

    def __lt__(self, other: Look) -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[bool, bool, float]:
        return self.learned, self.connected, self.score


def search_values(count: int, look: Callable[[int], Look]) -> dict[int, Look]:
    """Return what was seen at the positions that were looked at; the best of them is the answer.

    count: number of positions, from the hottest (0) to the coldest. `look` is called once per position. Finds the
    maximum of any sequence with one peak.

    >>> found = search_values(7, lambda place: Look(connected=place < 5, score=-abs(place - 3)))
    >>> max(found, key=found.get), len(found)
    (3, 4)
    """
    if count < 1:
        raise ValueError("there are no values to search")
    seen: dict[int, Look] = {}

    def at(place: int) -> Look:
        if place not in seen:
            seen[place] = look(place)
        return seen[place]

    numbers = [1, 1]
    while numbers[-1] <= count:
        numbers.append(numbers[-1] + numbers[-2])
    before = -1
    for number in range(len(numbers) - 1, 1, -1):
        if numbers[number] <= 2:
            break
        left, right = before + numbers[number - 2], before + numbers[number - 1]
        if right < count and at(left).connected and at(right) >= at(left):
            before = left
    at(before + 1)
    return seen
