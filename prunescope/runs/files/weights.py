"""Weights as a file of the user's: whole or not at all, and read back before it takes its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import StoreError
from prunescope.networks import checkpoints
from prunescope.runs.files.whole import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from prunescope.networks.checkpoints import Checkpoint


def save_weights(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` as `.pt` or `.safetensors`, whichever `path` ends in; an older file there is replaced.

    Raises:
        UsageError: `path` ends in something else.
        InputError: a weight is NaN or infinite.
        StoreError: the file cannot be written, or does not read back as it was.
    """
    parts = checkpoints.to_parts(checkpoint, suffix=path.suffix)

    def check(written: Path) -> None:
        if not checkpoints.reads_back(checkpoint, written):
            raise StoreError(f"'{path.name}' is read back with other content", fix="check the disk, then save again")

    try:
        with whole_file(path, check=check) as file:
            file.writelines(parts)
    except OSError as error:
        raise StoreError(
            f"cannot write '{path}': {error.strerror or error}", fix="check the folder, its permissions and the space"
        ) from error
