"""Files of other libraries: loaded back there under a temporary place, then moved to where they were asked for."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.api.errors import StoreError, UsageError
from prunescope.runs.files.whole import sync_folder, temporary_name, whole_file

if TYPE_CHECKING:
    from prunescope.networks.exports.artefact import Artefact


def check_free(target: Path, *, folder: bool) -> None:
    """Raise UsageError where a folder is in the way: one with content is never replaced."""
    if target.is_dir() and (not folder or any(target.iterdir())):
        raise UsageError(f"--output {target} is a folder" + (" with files" if folder else ""), fix="name another place")


def check_no_source(target: Path, network: object) -> None:
    """Raise UsageError where the file to write is the checkpoint that is read: every other file is replaced."""
    if isinstance(network, str | Path) and target.is_file() and Path(network).resolve() == target.resolve():
        raise UsageError(f"--output {target} is the checkpoint itself", fix="name another file")


def write_artefact(target: Path, artefact: Artefact) -> float:
    """Write an artefact, whole or not at all; return how much the outputs of the loaded network differ.

    Raises:
        StoreError: a file cannot be written.
        MismatchError: what the other library loads computes something else.
    """
    place = target.with_name(temporary_name())
    made = place / target.name
    try:
        place.mkdir()
        if artefact.is_folder:
            made.mkdir()
        for name, content in artefact.files.items():
            with whole_file(made / name if name else made) as file:
                file.write(content)
        difference = artefact.check(made)
        made.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}", fix="choose another place") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return difference
