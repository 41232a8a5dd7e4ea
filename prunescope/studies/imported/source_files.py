"""The files of a stranger's folder: regular ones alone, each read once within a budget, with its digest."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import os
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np

MOST_TEXT = 1 << 24
"""Bytes of a text: a log, a table, settings."""

MOST_ROWS = 200_000
"""Lines of a table: one for each epoch."""

MOST_LITERAL = 1 << 16
"""Bytes of settings that are written as Python: they are parsed, never run."""

MOST_FILES = 200_000
"""Entries of a folder, in all its folders, that are looked at."""

DEEPEST = 24
"""Folders within folders."""


@dataclass(frozen=True)
class SourceFiles:
    """A folder of another program's results; what is read of it is noted with its digest."""

    root: Path
    digests: dict[str, str] = field(default_factory=dict)
    """File within the folder -> SHA-256, of every file that was read."""

    def find(self, name: str) -> list[Path]:
        """Return the files of this name (one `*` stands for anything) in all folders, sorted; links are not followed.

        Raises InputError where the folder holds more than is looked at.
        """
        return sorted(path for path in self.walk() if path.match(name))

    def walk(self) -> Iterator[Path]:
        """Yield every regular file."""
        seen = 0
        waiting = [(self.root, 0)]
        while waiting:
            folder, depth = waiting.pop()
            for entry in _entries(folder):
                seen += 1
                if seen > MOST_FILES or depth > DEEPEST:
                    raise InputError(
                        f"{self.root} holds more than {count_text(MOST_FILES, 'file')}, or folders deeper than "
                        f"{DEEPEST}",
                        fix="give a folder with results alone",
                    )
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), depth + 1))
                elif entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)

    def read_bytes(self, path: Path, *, most: int = MOST_TEXT) -> bytes:
        """Return the bytes of a file, and note their digest; InputError names a file that is missing or no file."""
        try:
            content = read_regular(path, most=most, follow=False)
        except OSError as error:
            raise InputError(
                f"cannot read {path}: {error.strerror or error}", fix="give the folder as the program wrote it"
            ) from error
        self.digests[self.place(path)] = hashlib.sha256(content).hexdigest()
        return content

    def place(self, path: Path) -> str:
        """Return where a file lies within the folder."""
        return path.relative_to(self.root).as_posix()

    def digests_of(self, paths: Sequence[Path]) -> dict[str, str]:
        """Return the digests of these files, of those that were read."""
        places = sorted(map(self.place, paths))
        return {place: self.digests[place] for place in places if place in self.digests}

    def read_text(self, path: Path, *, most: int = MOST_TEXT) -> str:
        """Return the text of a file in UTF-8; InputError names one that is not."""
        try:
            return self.read_bytes(path, most=most).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is no text in UTF-8: {error}", fix="give the file as it was written") from error

    def read_json(self, path: Path) -> dict[str, Any]:
        """Return the JSON object in a file."""
        try:
            found = json.loads(self.read_text(path))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is no JSON: {error}", fix="give the file as it was written, whole") from error
        if not isinstance(found, dict):
            raise InputError(f"{path} holds no JSON object", fix="give the file as it was written")
        return found

    def read_rows(
        self, path: Path, columns: Sequence[str], *, delimiter: str = ","
    ) -> list[tuple[str, dict[str, str]]]:
        """Return ("FILE, line N", these columns as text) of every row of a table.

        Raises InputError where a column is missing, of the table or of a row: that was cut off in writing.
        """
        lines = list(islice(csv.reader(self._lines(path), delimiter=delimiter), MOST_ROWS + 1))
        if len(lines) > MOST_ROWS:
            raise InputError(f"{path} has more than {MOST_ROWS:,} lines", fix="give a line for each epoch")
        header = [name.strip() for name in lines[0]] if lines else []
        absent = [name for name in columns if name not in header]
        if absent:
            found = ", ".join(name for name in header if name) or "none"
            raise InputError(
                f"{path} has no column {absent[0]!r}: it has {found[:200]}", fix="give the file as it was written"
            )
        places = {name: header.index(name) for name in columns}
        return [
            (where, {name: _cell(row, place, name=name, where=where) for name, place in places.items()})
            for where, row in ((f"{path}, line {line}", row) for line, row in enumerate(lines[1:], start=2) if row)
        ]

    def read_table(self, path: Path, columns: Sequence[str], *, delimiter: str = ",") -> list[dict[str, float]]:
        """Return these columns of a table as numbers, row by row; InputError names line and column of what is none."""
        rows = self.read_rows(path, columns, delimiter=delimiter)
        return [
            {name: finite(text, name=f"column {name!r}", where=where) for name, text in row.items()}
            for where, row in rows
        ]

    def _lines(self, path: Path) -> Iterator[str]:
        text = self.read_text(path)
        if "\0" in text or max(map(len, text.splitlines() or [""])) > MOST_LITERAL:
            raise InputError(f"{path} is no table of numbers", fix="give the file as it was written")
        return iter(text.splitlines())

    def read_literal(self, path: Path, text: str) -> dict[str, Any]:
        """Return a dictionary that is written as Python, parsed and never run; values that are no plain ones drop out.

        path: for the message of an InputError.
        """
        found = _literal(text[:MOST_LITERAL])
        if found is None:
            raise InputError(
                f"{path} holds no dictionary of settings: {text[:60]!r}", fix="give the file as it was written"
            )
        return found

    def read_arrays(self, path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return arrays of an .npz of numpy, without pickles; InputError names the file and what is wrong."""
        import numpy as np

        content = self.read_bytes(path)
        try:
            with zipfile.ZipFile(BytesIO(content)) as archive:
                if sum(one.file_size for one in archive.infolist()) > MOST_TEXT:
                    raise InputError(
                        f"{path} unpacks to more than {count_text(MOST_TEXT, 'byte')}", fix="check what it is"
                    )
            with np.load(BytesIO(content), allow_pickle=False) as archive:
                return {name: np.asarray(archive[name], dtype=np.float64) for name in names}
        except (ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError, OSError) as error:
            raise InputError(
                f"{path} has no numbers {', '.join(names)}: {error}", fix="give the file as it was written"
            ) from error

    def read_array(self, path: Path) -> np.ndarray:
        """Return the array of an .npy of numpy, without pickles."""
        import numpy as np

        content = self.read_bytes(path)
        try:
            with BytesIO(content) as file:
                return np.asarray(np.lib.format.read_array(file, allow_pickle=False), dtype=np.float64)
        except (ValueError, TypeError, EOFError, OSError, MemoryError) as error:
            raise InputError(f"{path} holds no numbers: {error}", fix="give the file as it was written") from error


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"cannot read the folder {folder}: {error.strerror or error}", fix="check its path") from error


def _cell(row: Sequence[str], place: int, *, name: str, where: str) -> str:
    if place >= len(row):
        raise InputError(
            f"{where}: column {name!r} is missing",
            fix="the file was cut off in writing: give a whole one, or remove this line",
        )
    return row[place].strip()


def finite(text: object, *, name: str, where: str) -> float:
    """Return a finite number; InputError names what it is of and where it stands."""
    try:
        value = float(str(text))
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise InputError(f"{where}: {name} is {str(text)[:40]!r}", fix="wanted a finite number: remove the run")
    return value


def accuracy(value: float, *, most: float, name: str, where: str) -> float:
    """Return 1 - value / most, an error in [0, 1]; InputError for an accuracy outside [0, most]."""
    if not 0 <= value <= most:
        raise InputError(f"{where}: {name} is {value:g}", fix=f"wanted an accuracy from 0 to {most:g}")
    return 1 - value / most


def _literal(text: str) -> dict[str, Any] | None:
    """Return the plain values of a dictionary written as Python; None where it is none."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return _plain_items(tree) if isinstance(tree, ast.Dict) else None


def _plain_items(tree: ast.Dict) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in zip(tree.keys, tree.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            try:
                found[key.value] = ast.literal_eval(value)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                continue  # an object of the program, which has no plain value
    return found


def settings_text(values: Mapping[str, object]) -> dict[str, str]:
    """Return settings as texts, sorted, without those that are not given."""
    return {name: str(value) for name, value in sorted(values.items()) if value not in (None, "")}
