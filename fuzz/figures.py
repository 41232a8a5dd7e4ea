"""The figures of a campaign: how the files of each format ended, and the most that one took."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from measured import GOOD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from measured import End

LIBRARIES = ("torch", "timm", "numpy", "h5py", "safetensors", "pyyaml")
"""Those that read files."""


@dataclass
class Counts:
    """Of one format."""

    ends: Counter[str] = field(default_factory=Counter)
    commanded: int = 0
    """Files that went through the command, too."""
    seconds: float = 0.0
    """Of processor time, the most of a file."""
    bytes: int = 0
    """The highest peak of the process."""
    failed: dict[str, str] = field(default_factory=dict)
    """Number -> how it ended, of the files that were neither read nor refused."""

    @property
    def files(self) -> int:
        """The files so far."""
        return self.ends.total()

    @property
    def bad(self) -> int:
        """The files that were neither read nor refused."""
        return sum(count for found, count in self.ends.items() if found not in GOOD)

    def add(self, number: int, end: End) -> None:
        """Count one file; one that failed before counts by its new end alone."""
        before = self.failed.pop(str(number), "")
        self.ends.subtract([before] if before else [])
        self.ends += Counter([end.found])
        if end.found not in GOOD:
            self.failed[str(number)] = end.found
        self.commanded += end.commanded
        self.seconds = max(self.seconds, end.seconds)
        self.bytes = max(self.bytes, end.bytes)

    def words(self) -> str:
        """Return the figures in words."""
        ends = ", ".join(f"{count} {found}" for found, count in self.ends.most_common())
        most = f"at most {self.seconds:.2f} s and {self.bytes / 1e9:.2f} GB"
        return f"{self.files} files, {ends}; {self.commanded} through the command; {most}"


@dataclass
class Figures:
    """Of a campaign."""

    seed: int
    versions: dict[str, str]
    counts: dict[str, Counts] = field(default_factory=dict)
    path: Path | None = None
    """Where they are kept."""
    note: str = ""
    """What the page adds of the campaign, such as the states of the code that it ran over."""

    def of(self, name: str) -> Counts:
        """Return the counts of one format."""
        return self.counts.setdefault(name, Counts())


def versions() -> dict[str, str]:
    """Return the versions of what reads the files."""
    return {"Python": platform.python_version()} | {name: importlib.metadata.version(name) for name in LIBRARIES}


def read_figures(path: Path | None, *, seed: int = 0) -> Figures:
    """Return the figures that are kept in a file; new ones where there is none, or of another seed."""
    if path is None or not path.is_file():
        return Figures(seed=seed, versions=versions(), path=path)
    found = json.loads(path.read_text(encoding="utf-8"))
    counts = {name: Counts(**{**one, "ends": Counter(one["ends"])}) for name, one in found["counts"].items()}
    return Figures(seed=found["seed"], versions=found["versions"], counts=counts, path=path, note=found.get("note", ""))


def write_figures(figures: Figures) -> None:
    """Keep the figures, where a file was given for them."""
    if figures.path is not None:
        made = {name: vars(counts) for name, counts in figures.counts.items()}
        whole = {"seed": figures.seed, "versions": figures.versions, "counts": made, "note": figures.note}
        figures.path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


HEAD = """# Mutated files

This page is written by `nox -s fuzz -- --page docs/fuzz.md FILE.json...` from the figures that
`nox -s fuzz -- --figures FILE.json` keeps. Each file is a mutant of one that is as it should be: bytes changed
anywhere, or values changed within a valid frame (digests renewed, archives packed again, opcodes and headers whole).
The reader of the format reads it; one in ten of what it reads, and one in fifty of what it refuses, goes through the
command that uses such a file (`diagnose --dry-run`, `sweep --dry-run`, `report`, `results`, `diff`).

Wanted of each: it is read, or refused by an error of prunescope (exit codes 2 and 3; 4 without evidence for a
verdict); no traceback and no exit code 70; 10 s of processor time at most; 2 GB and 4 times its size at most,
libraries included; and under an audit hook no process, no connection, no import of a module beside it, and no file
opened that it names. `bad` counts what is otherwise. What failed is read again once it is repaired, and counts by its
new end; the longest time and the highest peak are those of all readings, the failed ones too.
"""

COLUMNS = ("format", "files", "read", "refused", "through the command", "bad", "longest (s)", "peak (GB)")


def page(campaigns: Sequence[Figures]) -> str:
    """Return the page of one or several campaigns, one table each."""
    return HEAD + "".join(map(_section, campaigns))


def _section(figures: Figures) -> str:
    used = ", ".join(f"{name} {version}" for name, version in figures.versions.items())
    rows = [_row(name, counts) for name, counts in figures.counts.items()]
    total = Counts()
    for counts in figures.counts.values():
        total.ends.update(counts.ends)
        total.commanded += counts.commanded
        total.seconds, total.bytes = max(total.seconds, counts.seconds), max(total.bytes, counts.bytes)
    lines = [COLUMNS, ("---",) + ("---:",) * (len(COLUMNS) - 1), *rows, _row("all", total)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    about = f"Seed {figures.seed}. {figures.note}".strip()
    return f"\n## {used}, seed {figures.seed}\n\n{about}\n\n{table}\n"


def _row(name: str, counts: Counts) -> tuple[str, ...]:
    numbers = (counts.files, counts.ends["read"], counts.ends["refused"], counts.commanded, counts.bad)
    return (name, *(f"{number:,}" for number in numbers), f"{counts.seconds:.2f}", f"{counts.bytes / 1e9:.2f}")
