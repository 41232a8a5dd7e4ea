"""The code that a person allowed a study's files to name: typed in this command, or in an earlier one on this machine.

What was typed is remembered for the study's folder outside of it, in the user's own state directory: a study that comes
from another person brings no trust with it.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from prunescope.api.errors import PrunescopeError
from prunescope.api.state import state_folder
from prunescope.api.trust import Trust, names_code
from prunescope.data import sources
from prunescope.runs.files.whole import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from prunescope.plugins.registry import Loaded


def trusted_code(
    study: Path,
    *,
    note: Callable[[str], None],
    allowed: Sequence[str] | None = None,
    model: object = None,
    data: object = None,
    plugins: Sequence[Loaded] = (),
) -> Trust:
    """Return the code that the files of a study may name, and remember what was typed just now.

    note: receives a line where they cannot be remembered. allowed: values of --trust.
    model, data: what was typed for these. plugins: those whose options were typed.
    """
    typed = [*(allowed or ()), *(name for plugin in plugins for name in plugin.code)]
    typed += [model] if isinstance(model, str) and names_code(model) else []
    typed += sources.code(data) if isinstance(data, str) else ()
    typed += [name for text in allowed or () for name in _code_of_data(text)]
    before = _remembered(study)
    new = [name for name in dict.fromkeys(typed) if name not in before]
    if new:
        _remember(study, new, note)
    return Trust(before).also(new)


def _code_of_data(text: str) -> tuple[str, ...]:
    """Return what the name of a data set names of code, as any process finds it; () where it names none."""
    with suppress(PrunescopeError):
        return sources.code(text)
    return ()


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


def _remember(study: Path, names: Sequence[str], note: Callable[[str], None]) -> None:
    folder = _folder(study)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in names:
            with whole_file(folder / _digest(name)) as file:
                file.write(name.encode())
    except OSError as error:
        note(f"cannot store the trusted names: {folder}: {error.strerror or error}; give them again next time")


def _folder(study: Path) -> Path:
    return state_folder() / "trust" / _digest(str(study.resolve()))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()  # a path may hold any bytes
