"""What is exported, and what an export makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from prunescope.networks.checkpoints import Checkpoint


@dataclass(frozen=True, kw_only=True)
class ExportSubject:
    """A network to export."""

    checkpoint: Checkpoint
    model: nn.Module
    """With its weights, on the CPU; masked weights are 0."""
    inputs: Tensor
    """A few examples, at least two: what the outputs are compared on."""
    compact: nn.Module | None = None
    """The smaller network that computes the same, where the pruner makes one."""
    preparation: Mapping[str, Any] = field(default_factory=dict)
    """How the images of its data are prepared, in timm's keys; empty where the data are unknown."""
    documents: Mapping[str, str] = field(default_factory=dict)
    """Texts that lie beside the weights in a folder, by file name."""


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """Files of another library, not written yet."""

    files: Mapping[str, bytes]
    """By name in the folder; "" is the one file of an artefact that is no folder."""
    load: str
    """What loads it there, one expression; {path} is the file or folder."""
    check: Callable[[Path], float]
    """Loads it back with the other library; returns the largest difference of the outputs over the largest output, and
    raises MismatchError where they differ."""
    notes: tuple[str, ...] = ()
    """What was left out or could not be checked, one sentence each."""

    @property
    def is_folder(self) -> bool:
        """Whether there are several files."""
        return "" not in self.files
