"""Where the program keeps what it remembers of a user on this machine: outside of every file that travels."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def state_folder() -> Path:
    """Return the folder of this program among those where a user's programs keep what they remember."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "prunescope"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "prunescope"
