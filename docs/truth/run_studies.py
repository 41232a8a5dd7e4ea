"""Run the studies of the truth, or what is missing of them: `python docs/truth/run_studies.py --runs FOLDER`.

Every study has a folder of its own below FOLDER. Finished steps are not computed again. Dense seeds come one after the
other over all studies, so that an interrupted campaign has every study.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import strftime
from typing import TYPE_CHECKING

from truth_studies import lay_out_truth

from prunescope.runs.place import Place
from prunescope.runs.session import open_session

if TYPE_CHECKING:
    from collections.abc import Sequence

STUDIES = Path(__file__).parents[2] / "studies" / "truth"

HELD_OUT = Path(__file__).parents[2] / "studies" / "held-out"
"""Studies that no fit has seen."""


def complete_studies(files: Sequence[Path], runs: Path, *, seeds: int | None = None, workers: int = 1) -> None:
    """Run every step of these studies that is not finished; `seeds`: only so many dense seeds of each."""
    number = 0
    while True:
        left = 0
        for file in files:
            name = file.stem
            study = lay_out_truth(file, runs / name)
            wanted = study.grid.study.dense_seeds[: seeds or None]
            if number >= len(wanted):
                continue
            left += 1
            session = open_session(Place(study=runs / name, workers=workers, device="cpu"))
            print(f"{strftime('%H:%M:%S')} {name}, dense seed {wanted[number]}", flush=True)
            session.complete(study.of_seed(wanted[number]))
        if not left:
            return
        number += 1


def list_studies(folder: Path = STUDIES) -> list[Path]:
    """Return the files of all studies of the truth, or of another folder."""
    return sorted(folder.glob("*.toml"))


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("truth-runs"), help="folder of the studies' runs")
    parser.add_argument("--studies", nargs="*", type=Path, help="their files; those of the truth without any")
    parser.add_argument("--seeds", type=int, help="only so many dense seeds of each")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    given = parser.parse_args()
    complete_studies(given.studies or list_studies(), given.runs, seeds=given.seeds, workers=given.workers)


if __name__ == "__main__":
    main()
