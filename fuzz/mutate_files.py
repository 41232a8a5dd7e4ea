"""Mutate files of every format that prunescope reads, and count how their readers end: `nox -s fuzz`.

python fuzz/mutate_files.py [--files 2000] [--seconds 900] [--jobs N] [--seed 0] [--only FORMAT] [--figures FILE.json]
python fuzz/mutate_files.py --page docs/fuzz.md FILE.json...

Bytes are changed anywhere; and, so that the readers behind the first check are reached, values within a valid frame.
Each mutant must be read, or end in an error of prunescope, within 10 s of processor time and 2 GB of memory + 4 times
its size, and execute nothing. One in ten of what is read then goes through the command that uses it. The figures are
printed per format, and kept in FILE.json: a later call reads again what failed, and goes on where this one ended. A
mutant that ends otherwise is written to tests/data/fuzz/, where tests/test_fuzzed.py reads it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from children import mutant, read_all, read_unchanged
from figures import Figures, page, read_figures, write_figures
from formats import FORMATS
from measured import GOOD

if TYPE_CHECKING:
    from measured import End

FAILING = Path(__file__).resolve().parent.parent / "tests" / "data" / "fuzz"

STEP = 500
"""Files of a format before the next one's turn: an end of the time leaves equal counts."""


def run(names: list[str], figures: Figures, *, files: int, seconds: float, jobs: int) -> None:
    """Read mutants of the formats in turn, until each has so many or the time is over.

    jobs: processes side by side.
    """
    until = time.monotonic() + seconds
    for name in names:
        if (found := read_unchanged(name)).found != "read":
            raise SystemExit(f"{name}: the unchanged file is not read: {found}")
    _read_again(names, figures)
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork"))
    try:
        for last in range(STEP, files + STEP, STEP):
            shares = [(name, range(figures.of(name).files, min(last, files))) for name in names]
            waiting = [pool.submit(_read_share, *share, seed=figures.seed) for share in shares]
            done, late = wait(waiting, timeout=max(0.0, until - time.monotonic()))
            for name, share in zip(names, waiting, strict=True):
                _note(name, share.result() if share in done else [], figures)
            write_figures(figures)
            if late:
                print(f"the {seconds:.0f} s are over")
                return
    finally:
        pool.shutdown(cancel_futures=True)


def _read_share(name: str, numbers: range, *, seed: int) -> list[tuple[int, End]]:
    return list(read_all(name, numbers, seed=seed))


def _note(name: str, ends: list[tuple[int, End]], figures: Figures) -> None:
    """Count how mutants ended, and keep those that ended otherwise than they must."""
    for number, found in ends:
        figures.of(name).add(number, found)
        if found.found not in GOOD:
            keep(name, number, found.found, seed=figures.seed)


def _read_again(names: list[str], figures: Figures) -> None:
    """Read once more what failed before: the readers may have been repaired."""
    for name in names:
        for number in list(map(int, figures.of(name).failed)):
            for _, found in read_all(name, range(number, number + 1), seed=figures.seed):
                figures.of(name).add(number, found)


def keep(name: str, number: int, found: str, *, seed: int) -> None:
    """Write a mutant that ended otherwise than it must where the tests read it."""
    print(f"{name}, number {number}: {found}", flush=True)
    FAILING.mkdir(parents=True, exist_ok=True)
    file = f"{seed}-{number}-{found.replace(' ', '_')}-{Path(FORMATS[name].file).name}"
    (FAILING / file).write_bytes(mutant(name, number, seed=seed))


def main() -> int:
    """Run the campaign; 1 where a mutant ended otherwise than it must."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="mutants of each format")
    parser.add_argument("--seconds", type=float, default=900, help="for all of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="formats whose name contains this")
    parser.add_argument("--figures", type=Path, help="keep the figures here, and go on from those that are there")
    parser.add_argument("--page", type=Path, help="write this page of the figures in the files, and do nothing else")
    parser.add_argument("kept", nargs="*", type=Path, help="files of figures, for the page")
    asked = parser.parse_args()
    if asked.page is not None:
        asked.page.write_text(page([read_figures(path) for path in asked.kept]), encoding="utf-8")
        return 0
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)  # the threads of a parent are gone in its children
    figures = read_figures(asked.figures, seed=asked.seed)
    names = [name for name in FORMATS if asked.only in name]
    run(names, figures, files=asked.files, seconds=asked.seconds, jobs=asked.jobs)
    write_figures(figures)
    for name in names:
        print(f"{name}: {figures.of(name).words()}")
    return int(any(figures.of(name).bad for name in names))


if __name__ == "__main__":
    sys.exit(main())
