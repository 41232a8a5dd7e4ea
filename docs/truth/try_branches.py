"""Try whether branches of a checkpoint show the direction.

`python docs/truth/try_branches.py --runs FOLDER --studies NAME...`

From each dense network of a finished study two branches are trained for two epochs: re-heated, at the learning rate
with which its training began, and annealed, at a tenth of its last one. Each is pruned and retrained briefly like the
network itself (two epochs × 2). Hotter is better where the re-heated branch prunes better, colder where the annealed
one does. Prints, for the resolved cells, how often that is right, and what the branches cost.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from run_studies import STUDIES
from truth_cases import list_cases
from truth_cells import read_cells
from truth_studies import BRIEF, lay_out_truth

from prunescope.data.spec import Source
from prunescope.plugins import registry
from prunescope.regimes.least import share_of_least
from prunescope.runs import plan
from prunescope.runs.place import Place
from prunescope.runs.session import open_session
from prunescope.studies.diagnosis.family import EPOCHS, REPLICAS
from prunescope.studies.grid import layout
from prunescope.studies.grid.study import SEED_STRIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from truth_cases import Case
    from truth_studies import TruthCell, TruthStudy

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session

HOT, COLD = 1.0, 1e-3
"""Rates of the branches, as multiples of the rate with which training began; it ended at a hundredth."""

Branch = tuple[list["Recipe"], list["Recipe"]]
"""All steps of a branch at one density, and its brief retrainings."""


def lay_out_branch(study: TruthStudy, one: TruthCell, factor: float) -> Branch:
    """Return the steps of a branch of the cell's dense network."""
    grid, cell = study.grid, one.cell
    began = layout.make_trainer(grid.study, cell.value)
    options: dict[str, Any] = {**grid.study.train.options, "epochs": EPOCHS, "schedule": "constant"}
    options |= {"batch_size": began.instance.batch_size, "weight_decay": began.instance.weight_decay}
    options["learning_rate"] = factor * began.instance.learning_rate
    data = Source(**grid.trainings[0].arguments["data"])
    trained = plan.retraining_recipe(
        pruned=cell.dense,
        trainer=registry.make("trainers", grid.study.train.plugin, options),
        data=data,
        seed=cell.seed,
    )
    pruner = registry.make("pruners", grid.study.prune.plugin, grid.study.prune.options)
    pruned = plan.pruning_recipe(dense=trained.id, pruner=pruner, density=cell.density, data=data, seed=cell.seed)
    brief = registry.make("trainers", grid.study.retrain.plugin, {**grid.study.retrain.options, "epochs": EPOCHS})
    first = SEED_STRIDE * cell.seed + BRIEF
    again = [
        plan.retraining_recipe(pruned=pruned.id, trainer=brief, data=data, seed=first + number)
        for number in range(REPLICAS)
    ]
    return [trained, pruned, *again], again


def measure_branches(name: str, runs: Path) -> list[tuple[Case, float]]:
    """Return the resolved cells of a study with the probability of hotter that their branches give."""
    study = lay_out_truth(STUDIES / f"{name}.toml", runs / name)
    session = open_session(Place(study=runs / name, workers=1, device="cpu"))
    known = {
        (case.row.value, case.row.density, case.row.seed): case
        for case in list_cases(row for row in read_cells() if row.study == name)
        if case.resolved
    }
    cells = [one for one in study.cells if (one.cell.value, one.cell.density, one.cell.seed) in known]
    laid = [[lay_out_branch(study, one, factor) for factor in (HOT, COLD)] for one in cells]
    steps = {recipe.id: recipe for branches in laid for every, _ in branches for recipe in every}
    session.complete(list(steps.values()))
    cases = [known[one.cell.value, one.cell.density, one.cell.seed] for one in cells]
    return [
        (case, _hotter(case, [brief for _, brief in branches], session))
        for case, branches in zip(cases, laid, strict=True)
    ]


def _hotter(case: Case, branches: Sequence[Sequence[Recipe]], session: Session) -> float:
    """Return the share of the re-heated branch in the posterior that one of the branches is the best of three."""
    errors = [tuple(session.read(run.id, only=()).history[-1].train_error for run in brief) for brief in branches]
    _, hot, cold = share_of_least([case.row.brief, *errors])
    return float(hot / (hot + cold)) if hot + cold else 0.5


def main() -> None:
    """Print a line for each study, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("truth-runs"), help="folder of the studies' runs")
    parser.add_argument("--studies", nargs="+", required=True, help="names")
    given = parser.parse_args()
    together = []
    for name in given.studies:
        found = measure_branches(name, given.runs)
        together += found
        print_score(name, found)
    print_score("all", together)


def print_score(name: str, found: list[tuple[Case, float]]) -> None:
    """Print how often the branches are right, where they are sure, and what always colder is."""
    right = [(hotter > 1 / 2) == case.is_hotter for case, hotter in found]
    sure = [hit for hit, (_, hotter) in zip(right, found, strict=True) if max(hotter, 1 - hotter) >= 0.9]
    hot = sum(case.is_hotter for case, _ in found)
    said = sum(hotter > 1 / 2 for _, hotter in found)
    epochs = 2 * (EPOCHS + REPLICAS * EPOCHS)
    share = float(np.mean([epochs / sum(row.truth_epochs for row in case.column) for case, _ in found]))
    print(
        f"{name}: right {sum(right)}/{len(right)}, at P >= .9 {sum(sure)}/{len(sure)}; hotter said in {said}, right in "
        f"{hot}; always colder {len(found) - hot}/{len(found)}; cost of a cell {share:.0%} of its column's retraining"
    )


if __name__ == "__main__":
    main()
