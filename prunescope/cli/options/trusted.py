"""The code that a person allowed a study's files to name: typed in this command, or in an earlier one on this machine.

What was typed is remembered for the study's folder outside of it, in the user's own state directory: a study that comes
from somebody else brings no trust with it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.api.trust import Trust, names_code
from prunescope.cli.terminal.console import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.plugins.registry import Loaded


def trust(
    study: Path,
    *,
    allowed: Sequence[str] | None = None,
    model: str | None = None,
    data: str | None = None,
    plugin: Loaded | None = None,
) -> Trust:
    """Return the code that the files of a study may name, and remember what was typed just now.

    allowed: values of --trust; model, data: what was typed for these; plugin: one with the options that were typed.
    """
    typed = [*(allowed or ()), *(plugin.code if plugin else ())]
    typed += [model] if model is not None and names_code(model) else []
    typed += _of_data(data) if data is not None else ()
    before = _remembered(study)
    new = [name for name in dict.fromkeys(typed) if name not in before]
    if new:
        _remember(study, new)
    return Trust(before).also(new)


def _of_data(text: str) -> tuple[str, ...]:
    from prunescope.data import sources

    return sources.code(text)


def _remembered(study: Path) -> frozenset[str]:
    """Return the names that were typed for a study; a note that is not whole counts as none."""
    found = set()
    with suppress(OSError):
        for note in _folder(study).iterdir():
            with suppress(OSError, UnicodeDecodeError):
                name = note.read_text(encoding="utf-8")
                if _digest(name) == note.name:
                    found.add(name)
    return frozenset(found)


def _remember(study: Path, names: Sequence[str]) -> None:
    folder = _folder(study)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in names:
            temporary = folder / f".{secrets.token_hex(8)}.tmp"
            temporary.write_text(name, encoding="utf-8")
            temporary.replace(folder / _digest(name))
    except OSError as error:
        say(f"note: cannot remember what you trust: {folder}: {error.strerror or error}; type it again next time")


def _folder(study: Path) -> Path:
    return _state() / "prunescope" / "trust" / _digest(str(study.resolve()))


def _state() -> Path:
    """Return where the programs of this user keep what they remember."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
