"""What records a step and repeats it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


class NotCapturable(Exception):  # noqa: N818 - no error: the step is performed as it is
    """A step cannot be recorded; the message is the reason, a clause without a subject of its own."""


class Capture(ABC):
    """Records the operations of a step on tensors, and repeats them in the same memory."""

    @abstractmethod
    def record(self, step: Callable[[], None], state: Sequence[Tensor] = ()) -> Callable[[], None]:
        """Return a function that repeats the operations of `step`.

        A step reads and writes tensors that stay in their place. Its Python code runs a few times now and never again:
        whatever it reads that is no tensor is repeated as it is now. state: the tensors it overwrites; they and torch's
        generators are as before when this returns. What one step of a Capture leaves in tensors of its own, another may
        overwrite.

        Raises:
            NotCapturable: the host must see a value before the step can continue, or the device refuses.
        """
