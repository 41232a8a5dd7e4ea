"""Experiments of ShrinkBench: a folder each with params.json and logs.csv, of prunings also metrics.json and masks.

Source: `experiment/base.py` (params.json holds the parameters as the text of a Python dictionary; it is parsed here,
ShrinkBench itself evaluates it), `experiment/train.py` (accuracies are fractions, a row for each epoch; the checkpoint
of N was written after N + 1 epochs), `experiment/prune.py` (row -1 and metrics.json: after pruning, before retraining),
`pruning/abstract.py` (summary: comp = weights / kept weights of each tensor).

batch_size, epochs and lr of a pruning are those of the retraining. The knobs are of the dense training: of the
experiment whose checkpoint was resumed, where it lies in the same folder; else they are not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from prunescope.api import Reading
from prunescope.api.errors import InputError
from prunescope.api.wording import count_text, verb_text
from prunescope.networks.checkpoints.knobs import read_training
from prunescope.studies.imported.foreign import TEST_ERROR, ForeignCell, ForeignResults
from prunescope.studies.imported.source_files import MOST_LITERAL, accuracy, finite, settings_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.studies.imported.source_files import SourceFiles

PARAMS, LOGS, METRICS, MASKS = "params.json", "logs.csv", "metrics.json", "masks_summary.csv"

CHECKPOINT = re.compile(r"checkpoint-(\d{1,6})\.pt")

ROUNDING = "ShrinkBench divides a last, incomplete batch by the full batch size: its error is slightly too large"


@dataclass(frozen=True, kw_only=True)
class _Experiment:
    """One folder."""

    folder: Path
    kind: str
    params: Mapping[str, Any]

    @property
    def retraining(self) -> str:
        train = dict(self.params.get("train_kwargs") or {})
        size = (self.params.get("dl_kwargs") or {}).get("batch_size")
        return ", ".join(f"{name} {value}" for name, value in [*train.items(), ("batch_size", size)])


def read_shrinkbench(files: SourceFiles) -> ForeignResults:
    """Return every finished pruning, those that differ in their seed alone as replicas of one."""
    experiments = [_read_experiment(path.parent, files) for path in files.find(PARAMS)]
    trainings = {one.folder.name: one for one in experiments if one.kind == "TrainingExperiment"}
    groups: dict[tuple[object, ...], list[_Experiment]] = {}
    left_out = []
    for one in experiments:
        if one.kind == "TrainingExperiment":
            continue
        why = _unfinished(one, files)
        if why:
            left_out.append(f"{files.place(one.folder)}: {why}")
        else:
            groups.setdefault(_key(one), []).append(one)
    cells = [_cell(sorted(found, key=_seed), trainings, files) for found in groups.values()]
    return ForeignResults(cells=tuple(cells), left_out=tuple(left_out))


def _read_experiment(folder: Path, files: SourceFiles) -> _Experiment:
    path = folder / PARAMS
    given = files.read_json(path)
    kind, params = str(given.get("experiment", "")).strip("'\""), given.get("params")
    if kind not in ("PruningExperiment", "TrainingExperiment") or not isinstance(params, str):
        raise InputError(f"{path} has no 'experiment' and 'params' of ShrinkBench", fix="give folders of its results")
    if len(params) > MOST_LITERAL:
        raise InputError(f"{path}: params has {len(params):,} characters", fix=f"wanted at most {MOST_LITERAL:,}")
    return _Experiment(folder=folder, kind=kind, params=files.read_literal(path, params))


def _unfinished(one: _Experiment, files: SourceFiles) -> str:
    if not (one.folder / METRICS).is_file() or not (one.folder / LOGS).is_file():
        return f"it is not finished: {METRICS} or {LOGS} is not there"
    asked = (one.params.get("train_kwargs") or {}).get("epochs")
    rows = files.read_table(one.folder / LOGS, ("epoch", "val_acc1"))
    done = sum(row["epoch"] >= 0 for row in rows)
    return (
        f"{done} of {count_text(asked or 0, 'epoch')}" if one.params.get("compression") != 1 and done != asked else ""
    )


def _key(one: _Experiment) -> tuple[object, ...]:
    names = ("dataset", "model", "strategy", "compression", "resume", "pretrained")
    return (*(str(one.params.get(name)) for name in names), one.retraining)


def _seed(one: _Experiment) -> tuple[float, str]:
    seed = one.params.get("seed")
    return float(seed) if isinstance(seed, int | float) else 0.0, one.folder.name


def _cell(replicas: Sequence[_Experiment], trainings: Mapping[str, _Experiment], files: SourceFiles) -> ForeignCell:
    first = replicas[0]
    dense, epochs = _dense(first, trainings)
    after = [_last_error(one, files) for one in replicas]
    densities = {_density(one.folder, files) for one in replicas}
    if len(densities) > 1:
        raise InputError(
            f"{first.folder.parent}: experiments of one compression kept {len(densities)} shares of the weights",
            fix="remove those of another network",
        )
    estimator = "1 - val_acc1 of the last epoch of ShrinkBench's logs.csv"
    used = [one.folder / name for one in replicas for name in (PARAMS, LOGS, METRICS, MASKS)]
    return ForeignCell(
        density=densities.pop(),
        knobs={} if dense is None else _knobs(dense, epochs),
        settings=settings_text(
            {
                "model": first.params.get("model"),
                "data": first.params.get("dataset"),
                "pruning": first.params.get("strategy"),
                "retraining": first.retraining,
            }
        ),
        seed=None if dense is None else int(_seed(dense)[0]),
        readings={TEST_ERROR: Reading(np.array(after), "fraction", estimator=estimator, axes=("replica",))},
        digests=files.digests_of([*used, *([] if dense is None else [dense.folder / PARAMS])]),
        notes=(ROUNDING, *(() if dense is not None else ("the dense training is not among the experiments",))),
    )


def _dense(one: _Experiment, trainings: Mapping[str, _Experiment]) -> tuple[_Experiment | None, float | None]:
    """Return the training whose checkpoint was pruned, and after how many epochs; None where it is not there."""
    resume = one.params.get("resume")
    if not isinstance(resume, str):
        return None, None
    path = PurePath(resume.replace("\\", "/"))
    found = CHECKPOINT.fullmatch(path.name)
    place = path.parent.parent.name if path.parent.name == "checkpoints" else path.parent.name
    return trainings.get(place), float(found[1]) + 1 if found else None


def _knobs(dense: _Experiment, epochs: float | None) -> dict[str, float]:
    settings = {**(dense.params.get("train_kwargs") or {}), **(dense.params.get("dl_kwargs") or {})}
    found = {name: value for name, value in read_training(settings, {}).knobs.items() if name != "epochs"}
    return found if epochs is None else {"epochs": epochs} | found


def _last_error(one: _Experiment, files: SourceFiles) -> float:
    rows = files.read_table(one.folder / LOGS, ("epoch", "val_acc1"))
    if not rows:
        raise InputError(f"{one.folder / LOGS} has no row", fix="remove the experiment")
    return accuracy(rows[-1]["val_acc1"], most=1, name="column 'val_acc1'", where=str(one.folder / LOGS))


def _density(folder: Path, files: SourceFiles) -> float:
    """Return the share of conv and linear weights that is kept; of all parameters where no masks were summarised."""
    path = folder / MASKS
    metrics = files.read_json(folder / METRICS)
    if path.is_file():
        rows = files.read_rows(path, ("param", "comp", "size", "shape"))
        sizes = [(_kept(row["comp"], where), finite(row["size"], name="column 'size'", where=where))
                 for where, row in rows if row["param"] == "weight" and row["shape"].count(",") > 0
                 and not row["shape"].endswith(",)")]  # fmt: skip
        kept, total = sum(share * size for share, size in sizes), sum(size for _, size in sizes)
    else:
        total, kept = (
            finite(metrics.get(name), name=name, where=str(folder / METRICS)) for name in ("size", "size_nz")
        )
    if not 0 < kept <= total:
        raise InputError(
            f"{folder}: {kept:g} of {count_text(total, 'weight')} {verb_text(kept, 'are')} kept",
            fix="remove the experiment",
        )
    return float(f"{kept / total:.4g}")  # ties move a weight


def _kept(text: str, where: str) -> float:
    """Return the share of a tensor that is kept: ShrinkBench writes inf for a tensor of which nothing is."""
    if text == "inf":
        return 0.0
    compression = finite(text, name="column 'comp'", where=where)
    if compression < 1:
        raise InputError(f"{where}: column 'comp' is {text}", fix="wanted a compression from 1")
    return 1 / compression
