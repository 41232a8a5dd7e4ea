"""Where the program keeps what it remembers of a user on this machine: outside of every file that travels."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path


def state_folder() -> Path:
    """Return the folder of this program among those where a user's programs keep what they remember."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "prunescope"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "prunescope"


def write_state(path: Path, text: str) -> None:
    """Write a file of that folder whole, readable to the user alone; where that is impossible, nothing is written."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
