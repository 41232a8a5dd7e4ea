"""Where the end of an archive says that the list of its members is: readers that look elsewhere see other members.

Python's reader takes the list that lies right before the end, and torch's the one at the place that the end names.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

END = struct.Struct("<4s12xL2s")
"""Mark, place of the list, length of a comment."""

LOCATOR = struct.Struct("<4s4xQ4x")
"""Mark, place of the end of a large archive."""

LARGE_END = struct.Struct("<4s44xQ")
"""Mark, place of the list."""

READ = LARGE_END.size + LOCATOR.size + END.size


def is_list_at(path: Path, start: int) -> bool:
    """Whether the list begins at `start` for every reader, as in what torch.save writes: no comment follows the end."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - READ))
        last = file.read().rjust(READ, b"\0")
    mark, place, comment = END.unpack_from(last, READ - END.size)
    locator, large_place = LOCATOR.unpack_from(last, LARGE_END.size)
    if locator == b"PK\x06\x07":
        large_mark, place = LARGE_END.unpack_from(last)
        if large_mark != b"PK\x06\x06" or large_place != size - READ:
            return False
    return bool(mark == b"PK\x05\x06" and comment == b"\0\0" and place == start)
