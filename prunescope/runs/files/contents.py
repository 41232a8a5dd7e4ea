"""The contents of many results of a study: every byte read and verified now, and opened with HDF5 only once ever.

Reading and hashing a small result takes a tenth of the time that HDF5 needs to open it and to read its numbers
(`python benchmarks/bench_large_study.py`).
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.errors import StoreError
from prunescope.runs.files import content, content_index, glance, opening, runfile

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from prunescope.runs.files.content import Content
    from prunescope.runs.files.glance import Array

WORTH_KEEPING = 256
"""New results from which on their contents are kept: fewer are opened again in a fraction of a second."""

AT_ONCE = 64
"""Results that a thread reads one after the other."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What is in the results of a study, each of which was verified when this was made."""

    folder: Path
    lines: Mapping[str, bytes]
    """Of each sound result, by run id; see `content_index`."""
    problems: Mapping[str, StoreError]
    """What is wrong with the others."""

    def __contains__(self, run_id: str) -> bool:
        return run_id in self.lines

    def weights(self, run_id: str) -> dict[str, str]:
        """Return the names and digests of a run's weights; StoreError where its result is damaged."""
        found: dict[str, str] = json.loads(content_index.split_line(self._line(run_id))[0])
        return found

    def read(self, run_id: str) -> Content:
        """Return what is in a result; StoreError where it is damaged."""
        return content.parse_content(content_index.split_line(self._line(run_id))[1])

    def arrays(self, run_id: str, names: Collection[str]) -> dict[str, Array]:
        """Return value and standard error of some readings ("<probe>/<name>"), those that are there."""
        found = self.read(run_id)
        large = [name for name in names if name in found.large]
        known = {name: found.readings[name] for name in names if name in found.readings}
        read = glance.arrays(self.folder / f"{run_id}.h5", large) if large else {}
        return {name: (one.value, one.stderr) for name, one in known.items()} | read

    def check(self) -> None:
        """Raise the StoreError of the first damaged result."""
        for problem in self.problems.values():
            raise problem

    def _line(self, run_id: str) -> bytes:
        if run_id in self.problems:
            raise self.problems[run_id]
        return self.lines[run_id]


def read_contents(folder: Path, run_ids: Collection[str], *, follow: bool = False) -> Contents:
    """Read results, verify their bytes, and return what is in them.

    follow: whether they may be links; then nothing is kept for the next time.
    """
    ids = list(run_ids)
    known = {} if follow or len(ids) < WORTH_KEEPING else content_index.load_index(folder)

    def match_some(some: Sequence[str]) -> list[bytes | StoreError | None]:
        return [_match_line(folder, run_id, known[run_id]) if run_id in known else None for run_id in some]

    with ThreadPoolExecutor() as pool:  # a network file system takes long to answer, not to send
        matched = [line for some in pool.map(match_some, _parts(ids) if known else ()) for line in some]
    found = {
        run_id: line or _read_line(folder, run_id, follow=follow)  # HDF5 in one thread: h5py has one lock
        for run_id, line in zip(ids, matched or [None] * len(ids), strict=True)
    }
    lines = {run_id: line for run_id, line in found.items() if isinstance(line, bytes)}
    new = sum(line is not known.get(run_id) for run_id, line in lines.items())
    if new >= WORTH_KEEPING and not follow:
        content_index.keep_lines(folder, lines)
    problems = {run_id: line for run_id, line in found.items() if isinstance(line, StoreError)}
    return Contents(folder=folder, lines=lines, problems=problems)


def _parts(run_ids: list[str]) -> list[list[str]]:
    return [run_ids[start : start + AT_ONCE] for start in range(0, len(run_ids), AT_ONCE)]


def _match_line(folder: Path, run_id: str, known: bytes) -> bytes | StoreError | None:
    """Return the line that is known of a result whose bytes are those it was made of, or what is wrong with them.

    None where they are others. HDF5 has no part in it.
    """
    path = folder / f"{run_id}.h5"
    try:
        found = opening.read_verified(path, run_id=run_id)
    except Exception as error:  # noqa: BLE001 - whatever a file can be
        return runfile.unreadable(path, error)
    return known if content_index.matches(known, run_id, found.digest) else None


def _read_line(folder: Path, run_id: str, *, follow: bool) -> bytes | StoreError:
    """Return the line of a result whose bytes are as they were written, or what is wrong with it."""
    path = folder / f"{run_id}.h5"
    try:
        found = opening.read_verified(path, follow=follow, run_id=run_id)
        described = content.describe_content(opening.open_verified(found, run_id=run_id), path)
    except StoreError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a damaged file can make HDF5 raise anything
        return runfile.unreadable(path, error)
    return content_index.make_line(run_id, found.digest or "-", *described)
