"""What was once read from the results of a study, kept outside of it: one line a run, found by the digest of its bytes.

A line is used only where the bytes of the result, read and verified now, have the digest that the line was made of. So
nothing is taken from here of a file that was changed, exchanged or damaged, with or without a trace in its times. The
index has a digest of its own. It may be removed at any time: what it does not have is read from the results.

It lies among what the program remembers of a user, not in the study: a study of another person brings none.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular
from prunescope.api.state import state_folder
from prunescope.api.version import __version__
from prunescope.runs.files.hdf5 import DIGEST_DIGITS
from prunescope.runs.files.whole import list_folder, whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BEGIN = f"prunescope contents 1 {__version__} ".encode()
"""How an index begins whose lines this program made, and which it reads."""

MOST_BYTES = 1 << 30


def index_path(folder: Path) -> Path:
    """Return where the index of a folder of results is or will be."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()
    return state_folder() / "contents" / f"{name}.txt"


def load_index(folder: Path) -> dict[str, bytes]:
    """Return the line of every run that is known of a folder; nothing where the index is damaged or another's."""
    with suppress(OSError, InputError, UnicodeDecodeError):
        data = read_regular(index_path(folder), most=MOST_BYTES)
        begin, _, lines = data.partition(b"\n")
        if begin == BEGIN + hashlib.sha256(lines).hexdigest().encode():
            return {line.partition(b" ")[0].decode(): line for line in lines.split(b"\n") if line}
    return {}


def keep_lines(folder: Path, found: Mapping[str, bytes]) -> None:
    """Add lines to the index of a folder, whole or not at all, and drop those of results that are gone.

    Another process may have added others meanwhile. A full or read-only disk goes without.
    """
    there = {name.removesuffix(".h5") for name in list_folder(folder)}
    known = {run_id: line for run_id, line in (load_index(folder) | dict(found)).items() if run_id in there}
    lines = b"\n".join(known.values())
    with suppress(OSError):
        path = index_path(folder)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(BEGIN + hashlib.sha256(lines).hexdigest().encode() + b"\n")
            file.write(lines)


def make_line(run_id: str, digest: str, weights: str, content: str) -> bytes:
    """Return the line of a run; weights, content: JSON in one line."""
    return f"{run_id} {digest} {weights}\t{content}".encode()


def matches(line: bytes, run_id: str, digest: str) -> bool:
    """Whether a line was made of the bytes that have this digest."""
    return len(digest) == DIGEST_DIGITS and line.startswith(f"{run_id} {digest} ".encode())


def split_line(line: bytes) -> tuple[bytes, bytes]:
    """Return the weights and the content in a line, as JSON."""
    weights, _, content = line.split(b" ", 2)[2].partition(b"\t")
    return weights, content
