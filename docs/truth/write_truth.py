"""Run the studies of the truth and write the table of cells, the pack of the direction and docs/truth.md.

`nox -s truth` runs what is missing and writes everything; `-- --table` writes pack and page from the table alone;
`-- --studies NAME --seeds 1` runs a share, prints its page and writes nothing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from run_studies import HELD_OUT, STUDIES, complete_studies, list_studies
from truth_cases import list_cases
from truth_cells import collect_cells, read_cells, write_cells
from truth_flips import FLIPS, collect_flips, write_flips
from truth_held_out import TABLE as UNSEEN
from truth_page import RELIABILITY, SHAPE, write_page
from truth_paper import list_grids
from truth_pictures import draw_grids, draw_reliability
from truth_published import list_ways, write_published
from truth_scores import score_selection, score_way
from truth_signals import fit_pack
from truth_ways import HABITS, ask_ways

if TYPE_CHECKING:
    from collections.abc import Sequence

    from truth_cells import Row

ROOT = Path(__file__).parents[2]

PACK = ROOT / "prunescope" / "regimes" / "packs" / "direction-5.json"

IMAGES = ROOT / "docs" / "images"

PAGE = ROOT / "docs" / "truth.md"


def make_pack(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the pack that ships: fitted to all studies."""
    studies, seeds = {row.study for row in rows}, {(row.study, row.seed) for row in rows}
    cases, regrets = list_cases(rows), score_selection(rows)
    resolved = sum(case.resolved for case in cases)
    source = (
        f"{resolved} resolved cells of {len(studies)} studies ({len(seeds)} dense seeds, docs/truth.md), their counts, "
        "weighed so that the hotter and the colder side have as many, added to those of direction-1: eight studies of "
        "MNIST and photographs, and figure 2 of Zhou et al. 2023"
    )
    trust = {
        "studies": len(studies),
        "regret": round(regrets["map, no retraining"]["all"], 4),
        "brief": round(regrets["brief retraining compared"]["all"], 4),
        "random": round(regrets["random"]["all"], 4),
    }
    return {**fit_pack(cases, name=PACK.stem, source=source), "map": trust}


def make_page(rows: Sequence[Row]) -> str:
    """Return the page of the truth."""
    cases = list_cases(rows)
    return write_page(rows, cases, ask_ways(cases))


def draw_pictures(rows: Sequence[Row]) -> None:
    """Write the pictures of the page."""
    said = {name: each for name, each in ask_ways(list_cases(rows)).items() if each and name not in HABITS}
    scores = {name: score_way(each, states=True) for name, each in said.items()}
    shown = ("all signals", "siblings compared", "one checkpoint", "md-tree, one checkpoint")
    (IMAGES / RELIABILITY).write_text(draw_reliability(scores, shown), encoding="utf-8")
    (IMAGES / SHAPE).write_text(draw_grids(list_grids(rows)), encoding="utf-8")


def collect_all_flips(runs: Path) -> None:
    """Write the table of the flips from the folders of their studies, where there are any."""
    names = [path.stem for path in sorted(FLIPS.glob("*.toml")) if (runs / f"flip-{path.stem}").is_dir()]
    found = [row for name in names for row in collect_flips(runs / f"flip-{name}", name)]
    if found:
        write_flips(found)


def main() -> None:
    """Do what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=ROOT / "truth-runs", help="folder of the studies' runs")
    parser.add_argument("--studies", nargs="*", help="only these, and nothing is written")
    parser.add_argument("--seeds", type=int, help="only so many dense seeds of each, and nothing is written")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--table", action="store_true", help="write pack and page from the table of cells alone")
    parser.add_argument("--published", action="store_true", help="print the counts on the published grid alone")
    parser.add_argument("--held-out", action="store_true", help="run those that no fit has seen, and write their part")
    parser.add_argument("--collect", action="store_true", help="run nothing; take the cells that are finished")
    given = parser.parse_args()
    if given.published:
        cases = list_cases(read_cells())
        print(write_published(list_ways(cases), cases))
        return
    if given.held_out:
        files = list_studies(HELD_OUT)
        if not given.collect:
            complete_studies(files, given.runs, workers=given.workers)
        write_cells([row for file in files for row in collect_cells(file, given.runs / file.stem)], UNSEEN)
        PAGE.write_text(make_page(read_cells()), encoding="utf-8")
        return
    files = [STUDIES / f"{name}.toml" for name in given.studies] if given.studies else list_studies()
    if not (given.table or given.collect):
        complete_studies(files, given.runs, seeds=given.seeds, workers=given.workers)
    if given.table:
        rows = read_cells()
    else:
        rows = [row for file in files for row in collect_cells(file, given.runs / file.stem)]
    if given.studies or given.seeds:
        print(make_page(rows))
        return
    if not given.table:
        write_cells(rows)
        collect_all_flips(given.runs)
    rows = read_cells()
    PACK.write_text(json.dumps(make_pack(rows), indent=1) + "\n", encoding="utf-8")
    draw_pictures(rows)
    PAGE.write_text(make_page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
