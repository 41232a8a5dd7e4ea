"""The interface through which a training under way saves its state, so that a later process resumes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class StateKeeper(ABC):
    """Saves the state of one training step, and loads what an earlier process saved of it.

    A state holds tensors, numbers, texts and None in dictionaries, lists and tuples: everything that decides the
    rest of the training. The core adds the epochs that were yielded, their snapshots, and the global generators of
    random numbers of torch, numpy and Python. A state is deleted once the step is finished, and is part of no id.
    """

    @abstractmethod
    def is_due(self) -> bool:
        """Return whether the state is to be saved now: minutes have passed, or this process is asked to end.

        Ask before every optimiser step: it costs a look at the clock.
        """

    @abstractmethod
    def save(self, kind: str, state: Mapping[str, Any]) -> None:
        """Save a state in place of the one before. Where this process is asked to end, it ends here.

        kind: what `load` asks for: another word for each form of a state that a trainer has.
        """

    @abstractmethod
    def load(self, kind: str) -> Mapping[str, Any] | None:
        """Return the state of this kind that was saved last, on the CPU; None: train from the beginning.

        Restores the global generators too: ask right before the first step. Epochs that were yielded before the state
        was saved are not yielded again.
        """
