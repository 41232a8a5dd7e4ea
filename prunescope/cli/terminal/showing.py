"""What commands do with a finding beside printing its id: its lines on stderr, its weights in a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from prunescope.report.common.console import say


class HasWeights(Protocol):
    """A network that a step made, or replicas."""

    @property
    def run(self) -> str:
        """The id of the run."""

    def save(self, path: str | Path) -> Path:
        """Write the weights to a file."""


def say_lines(lines: Iterable[str]) -> None:
    """Print lines to stderr, whole wherever they go: an id is there to be copied."""
    for line in lines:
        say(line)


def save_weights(found: HasWeights, output: Path | None) -> None:
    """Write the weights to the file of --output, where it is given."""
    if output is not None:
        say(f"weights: {found.save(output)}")
