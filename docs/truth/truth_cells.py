"""The table of cells: every signal of a cell, and its truth; docs/data/truth_cells.csv holds those of all studies."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from truth_studies import lay_out_truth

from prunescope.regimes import learning
from prunescope.regimes.learning import is_better_than_chance
from prunescope.regimes.one_checkpoint import has_course, measure_progress
from prunescope.runs.recipe import run_of
from prunescope.runs.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from truth_studies import TruthCell, TruthStudy

    from prunescope.api import Reading
    from prunescope.runs.recipe import Recipe

TABLE = Path(__file__).parents[1] / "data" / "truth_cells.csv"

LEAST_LOSS = 0.01
"""Nats that are added to both losses of the damage: a ratio of smaller ones is that of a few images."""

DIGITS = 5
"""Significant digits of a number in the table."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One cell: a dense network pruned to a density. Errors are fractions in [0, 1]."""

    study: str
    knob: str
    value: float
    density: float
    seed: int
    """Of the dense training."""
    drop: float
    """Epochs of the dense training after which its learning rate first falls; infinite where it falls in no step."""
    test_errors: tuple[float, ...]
    """Of its replicas; the first two are those of `lmc`."""
    train_errors: tuple[float, ...]
    """Of the same replicas at their end, images not augmented."""
    train_losses: tuple[float, ...]
    """The same, nats."""
    learned: bool
    """Whether the replicas whose connectivity is measured have learned."""
    lmc: float
    lmc_stderr: float
    brief: tuple[float, ...]
    """Training error of the last epoch of each brief retraining."""
    early: tuple[float, ...]
    """The same of the last snapshot before the first drop of the same run; () where the knob is the epochs."""
    mapped: float
    """Training error after pruning, BatchNorm re-estimated, not retrained."""
    dense_train_error: float
    dense_chance: float
    """Training error of the best answer that is the same for all images."""
    dense_test_error: float
    trace: float
    """Of the Hessian of the dense network."""
    trace_stderr: float
    progress: float
    """Share of the fall of the dense training's loss before its rate first fell; NaN where it ended before."""
    fall: float
    """The measurement that the progress was before: ln(mean loss of the second quarter of the epochs before the first
    drop / mean of the last quarter), nats; NaN where the progress is."""
    damage: float
    """How much more the replicas whose connectivity is measured lose than the dense network: ln of the ratio."""
    brief_epochs: int
    """Of all brief retrainings of the cell together."""
    truth_epochs: int
    """Of all retrainings of the truth."""

    @property
    def has_course(self) -> bool:
        """Whether the progress counts."""
        learned = is_better_than_chance(self.dense_train_error, self.dense_chance)
        return has_course(self.knob, ()) and math.isfinite(self.progress) and learned

    @property
    def placed(self) -> float | None:
        """The first drop, where the cell lies before or after it; None where the knob is another, or no step falls."""
        return self.drop if self.knob == "epochs" and math.isfinite(self.drop) else None


def collect_cells(file: Path, folder: Path) -> list[Row]:
    """Return the cells of a study, of the dense seeds whose steps are all finished."""
    study, store = lay_out_truth(file, folder), Store(folder)
    known, seeds = set(store.ids()), study.grid.study.dense_seeds
    finished = {seed for seed in seeds if all(recipe.id in known for recipe in study.of_seed(seed))}
    return [_row(file.stem, study, one, store) for one in study.cells if one.cell.seed in finished]


def write_cells(rows: Iterable[Row], path: Path = TABLE) -> None:
    """Write the table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([field.name for field in fields(Row)])
        for row in rows:
            table.writerow([_text(getattr(row, field.name)) for field in fields(Row)])


def read_cells(path: Path = TABLE) -> list[Row]:
    """Return the table."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Row(**{name: _value(name, text) for name, text in line.items()}) for line in csv.DictReader(file)]


def _row(name: str, study: TruthStudy, one: TruthCell, store: Store) -> Row:
    cell, knob = one.cell, study.grid.study.knob
    lmc = store.read(one.lmc.id).readings["lmc"]
    errors = store.read(cell.probes[0].id).readings["errors"]
    progress, fall = _course(cell.dense, study.drops[cell.value], cell.value if knob == "epochs" else None, store)
    dense, hessian = (store.read(probe.id).readings[probe.plugin] for probe in cell.dense_probes)
    known = {"lmc/train_error_path": lmc["train_error_path"], "errors/train_chance": errors["train_chance"]}
    return Row(
        study=name,
        knob=knob,
        value=float(cell.value),
        density=cell.density,
        seed=cell.seed,
        drop=study.drops[cell.value],
        test_errors=_numbers(errors["test_error"]),
        train_errors=_numbers(errors["train_error"]),
        train_losses=_numbers(errors["train_loss"]),
        learned=not learning.failed(known),
        lmc=_mean(lmc["lmc"]),
        lmc_stderr=0.0 if lmc["lmc"].stderr is None else float(np.mean(lmc["lmc"].stderr)),
        brief=_last_errors(one.brief, store),
        early=_last_errors(one.early, store),
        mapped=_mean(store.read(one.mapped.id).readings["errors"]["train_error"]),
        dense_train_error=_mean(dense["train_error"]),
        dense_chance=_mean(dense["train_chance"]),
        dense_test_error=_mean(dense["test_error"]),
        trace=_mean(hessian["trace"]),
        trace_stderr=0.0 if hessian["trace"].stderr is None else float(np.mean(hessian["trace"].stderr)),
        progress=progress,
        fall=fall,
        damage=math.log((_ends(lmc["train_loss_path"]) + LEAST_LOSS) / (_mean(dense["train_loss"]) + LEAST_LOSS)),
        brief_epochs=_epochs(one.brief, store),
        truth_epochs=_epochs(cell.retrainings, store),
    )


def _course(dense: str, drop: float, epochs: float | None, store: Store) -> tuple[float, float]:
    """Return progress and fall of a dense training, or of its first so many epochs; NaN where they are not known."""
    if not math.isfinite(drop):
        return math.nan, math.nan
    history = store.read(run_of(dense), only=()).history
    losses = [epoch.train_loss for epoch in history][: None if epochs is None else int(epochs)]
    progress = measure_progress(losses, drop)
    if progress is None:
        return math.nan, math.nan
    end, quarter = int(drop), int(drop) // 4
    return progress, math.log(np.mean(losses[quarter : end // 2]) / np.mean(losses[end - quarter : end]))


def _last_errors(runs: Sequence[Recipe], store: Store) -> tuple[float, ...]:
    return tuple(float(store.read(run.id, only=()).history[-1].train_error) for run in runs)


def _epochs(runs: Sequence[Recipe], store: Store) -> int:
    return sum(len(store.read(run.id, only=()).history) for run in runs)


def _numbers(reading: Reading) -> tuple[float, ...]:
    return tuple(np.asarray(reading.value, dtype=np.float64).reshape(-1).tolist())


def _mean(reading: Reading) -> float:
    return float(np.mean(_numbers(reading)))


def _ends(path: Reading) -> float:
    """Return the mean of a reading along paths between replicas at their ends: at the replicas."""
    return float(np.asarray(path.value, dtype=np.float64)[..., [0, -1]].mean())


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_text, value))
    return f"{value:.{DIGITS}g}" if isinstance(value, float) and math.isfinite(value) else str(value)


def _value(name: str, text: str) -> Any:  # noqa: ANN401 - of the type of the field
    return _READERS[next(str(field.type) for field in fields(Row) if field.name == name)](text)


_READERS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: text == "True",
    "tuple[float, ...]": lambda text: tuple(map(float, text.split())),
}
"""By the type of a column."""
