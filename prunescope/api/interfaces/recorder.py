"""The interface of a recorder: what steps measured, handed over as each step ends. It changes no result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api.interfaces.trainer import Epoch


class Recorder(ABC):
    """Receives epochs and readings of finished steps, in the process that asked for them.

    Steps may run in other processes, so that a recorder is called when a step has ended, not while it runs. A step that
    was finished before is not computed again and not recorded again. Errors of a recorder end the call.
    """

    @abstractmethod
    def record_epoch(self, run: str, label: str, epoch: Epoch) -> None:
        """Receive one epoch of a training or retraining; `label` names the step as a person would."""

    @abstractmethod
    def record_reading(self, run: str, label: str, row: Mapping[str, Any]) -> None:
        """Receive one number that a probe measured, with its coordinates: a row of `results export`."""

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Finish what is written; called once, when the question is answered."""
