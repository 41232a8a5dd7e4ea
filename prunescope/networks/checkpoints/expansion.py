"""How many parts a value of a pickle has once it is written out, each part as often as it is held.

A few hundred bytes describe a tuple that holds itself twice, sixty times over. Torch's unpickler prints, hashes and
compares such values: in the messages of its errors, in calls of the classes that it admits, as keys of its own tables.
Each of these takes as many steps as the value has parts written out; so they are counted, in constant time for each
opcode, and what is too much is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_WRITTEN = 5_000_000
"""Parts of one value, written out; a file of 50,000 tensors has a million."""

MOST_WORK = 5_000_000
"""Parts of all values that calls are made with."""

TEXT_PART = 32
"""Characters that count as a part."""


class BudgetError(ValueError):
    """A file that would take more time or memory than one of its size explains."""


@dataclass
class Expansion:
    """What is known of the values of a pickle; they are kept, so that no other has their identity."""

    counts: dict[int, tuple[object, int]] = field(default_factory=dict)
    """Identity -> a value, and its parts."""
    fetched: dict[int, object] = field(default_factory=dict)
    """Values that were taken from the memo, which others may hold: nothing can be added to them any more."""
    work: int = 0

    def parts_of(self, value: Any) -> int:  # noqa: ANN401 - whatever the scan describes values by
        """Return the parts of a value."""
        if isinstance(value, str | bytes):
            return 1 + len(value) // TEXT_PART
        return self.counts.get(id(value), (None, 1))[1]

    def add(self, holder: Any, items: Sequence[Any]) -> None:  # noqa: ANN401 - as above
        """Count what a value takes in."""
        if id(holder) in self.fetched:
            raise BudgetError("a value in it holds itself")
        total = self.parts_of(holder) + sum(map(self.parts_of, items))
        if total > MOST_WRITTEN:
            raise BudgetError("a value in it repeats its parts far more often than its file has bytes")
        self.counts[id(holder)] = holder, total

    def fetch(self, value: Any) -> None:  # noqa: ANN401 - as above
        """Note that a value was taken from the memo."""
        if not isinstance(value, str | bytes | int | float | None):
            self.fetched[id(value)] = value

    def use(self, *values: object) -> None:
        """Count values that something is called with."""
        self.work += sum(map(self.parts_of, values))
        if self.work > MOST_WORK:
            raise BudgetError("it makes calls with values far larger than its file")
