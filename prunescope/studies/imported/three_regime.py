"""Result files of ThreeRegimePruning, the program of Zhou et al. 2023: what lies where is in the folders' names.

Source: `training_epochs/scripts/{train,retrain,lmc,cka}.sh` and `batch_size/scripts` (the folders), `utils/logger.py`
and `retrain.py` (log_finetune.txt: columns between tabs, accuracies in percent), `train.py` (log.txt: its first row is
before the first epoch; args.log), `loss_landscape_measure/lmc.py` (curve_points_N.npz: tr_err in percent along the
line), `cka_simi.py` and `cka_utils.py` (cka_similarity_*.npy: one number for each layer, the softmax last).
finetune_stats.npy is a pickle and is not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Reading
from prunescope.api.errors import InputError
from prunescope.api.wording import count_text
from prunescope.studies.imported.foreign import CKA, LMC, PATH, TEST_ERROR, ForeignCell, ForeignResults
from prunescope.studies.imported.source_files import accuracy, settings_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prunescope.studies.imported.source_files import SourceFiles

LOG = "log_finetune.txt"

VALID = "Valid Acc."

RETRAINED = re.compile(
    r"(?P<data>[^/]+)/retrain/(?P<training>(?P<optimizer>[A-Za-z]+)(_rho(?P<rho>[\d.]{1,9}))?/lr_(?P<lr>[\d.e-]{1,9})/"
    r"(?P<model>[^/]+?)_width(?P<width>[\d.]{1,9})_seed(?P<seed>\d{1,9})(_batchsize(?P<batch>\d{1,9}))?)/"
    r"(?P<pruning>[^/]+)/p_ratio_(?P<ratio>[\d.]{1,12})/(epoch_(?P<epoch>\d{1,6})/)?retrain_epoch(?P<epochs>\d{1,6})$"
)
"""The folder of the replicas of one cell."""

SEED = re.compile(r"retrain_seed(\d{1,9})")


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What the names of the folders say of a cell."""

    folder: Path
    names: dict[str, str | None]

    @property
    def dense(self) -> Path:
        """The folder of the dense training; whether it is there is not looked at."""
        depth = 4 if self.names["epoch"] else 3
        training = self.folder.parents[depth - 1]
        lr, optimizer, stage = training.parent, training.parent.parent, training.parent.parent.parent
        return stage.parent / "train" / optimizer.name / lr.name / training.name


def read_three_regime(files: SourceFiles) -> ForeignResults:
    """Return every cell of which a replica was retrained to its end, and the dense networks that were logged."""
    folders: dict[Path, list[Path]] = {}
    left_out = []
    for log in files.find(LOG):
        folders.setdefault(log.parent.parent, []).append(log)
    cells, dense = [], dict[tuple[str, float], ForeignCell]()
    for folder, logs in folders.items():
        place = _place(folder)
        done, unfinished = _finished(place, logs, files)
        left_out += unfinished
        if done:
            cells.append(_cell(place, done, files))
            epoch = float(place.names["epoch"] or 0)
            key = place.dense.as_posix(), epoch
            if key not in dense and (found := _dense_cell(place, cells[-1], files)) is not None:
                dense[key] = found
    return ForeignResults(cells=(*dense.values(), *cells), left_out=tuple(left_out))


def _place(folder: Path) -> _Place:
    found = RETRAINED.search(folder.absolute().as_posix())
    if found is None:
        raise InputError(
            f"{folder}: the folders' names do not give optimiser, seed, p_ratio and retrain_epoch",
            fix="keep .../DATA/retrain/SGD/lr_0.1/MODEL_width1_seed1/unif/p_ratio_0.9/epoch_10/retrain_epoch160",
        )
    return _Place(folder=folder, names=found.groupdict())


def _finished(
    place: _Place, logs: Sequence[Path], files: SourceFiles
) -> tuple[dict[int, tuple[Path, float]], list[str]]:
    """Return seed of the retraining -> (log, test error at its end), and a sentence for each that did not end."""
    found, unfinished = {}, []
    for log in logs:
        seed = SEED.fullmatch(log.parent.name)
        if seed is None:
            raise InputError(f"{log.parent}: its name is no retrain_seedN", fix="keep the names of the folders")
        rows = files.read_table(log, (VALID,), delimiter="\t")
        epochs = int(str(place.names["epochs"]))
        if len(rows) < epochs:
            unfinished.append(f"{files.place(log.parent)}: {len(rows)} of {count_text(epochs, 'epoch')}")
            continue
        found[int(seed[1])] = log, accuracy(rows[-1][VALID], most=100, name=f"column {VALID!r}", where=str(log))
    return dict(sorted(found.items())), unfinished


def _cell(place: _Place, done: dict[int, tuple[Path, float]], files: SourceFiles) -> ForeignCell:
    names = place.names
    pairs = [f"seed{one}_seed{other}" for one, other in combinations(done, 2)]
    paths, curves = _paths(place.folder, pairs, files)
    similarities, points = _similarities(place.folder, pairs, files)
    errors = np.array([error for _, error in done.values()])
    estimator = f"1 - {VALID} of the last epoch in {LOG}"
    readings = {TEST_ERROR: Reading(errors, "fraction", estimator=estimator, axes=("replica",))}
    if paths is not None:
        formula = "m - E(t*), t* within the line; from tr_err of ThreeRegimePruning"
        readings[LMC] = Reading(_connectivity(paths), "fraction", estimator=formula, axes=("pair",))
        readings[PATH] = Reading(paths, "fraction", estimator="tr_err of ThreeRegimePruning", axes=("pair", "t"))
    if similarities is not None:
        of_layers = "last number of cka_similarity: linear CKA of the softmax outputs"
        readings[CKA] = Reading(similarities, "1", estimator=of_layers, axes=("pair",))
    drops, arguments = _drops(place, files)
    used = [*(log for log, _ in done.values()), *curves, *points, *arguments]
    return ForeignCell(
        density=round(1 - float(str(names["ratio"])), 10),
        knobs=_knobs(place),
        settings=settings_text(
            {
                "model": f"{names['model']} of width {names['width']}",
                "data": names["data"],
                "optimizer": names["optimizer"],
                "pruning": f"magnitude, {names['pruning']}",
                "retraining": count_text(int(str(names["epochs"])), "epoch"),
            }
        ),
        seed=int(str(names["seed"])),
        readings=readings,
        digests=files.digests_of(used),
        drops=drops,
    )


def _knobs(place: _Place) -> dict[str, float]:
    known = {"epochs": "epoch", "batch_size": "batch", "learning_rate": "lr", "rho": "rho"}
    return {ours: float(value) for ours, name in known.items() if (value := place.names[name]) is not None}


def _paths(folder: Path, pairs: Sequence[str], files: SourceFiles) -> tuple[np.ndarray | None, list[Path]]:
    """Return the training error along the line of every pair, fractions (pairs, points); None unless all are there."""
    found = [path for pair in pairs for path in sorted((folder / "lmc" / pair).glob("curve_points_*.npz"))[:1]]
    if not pairs or len(found) < len(pairs):
        return None, []
    lines = [files.read_arrays(path, ("ts", "tr_err")) for path in found]
    for path, line in zip(found, lines, strict=True):
        errors = line["tr_err"]
        if errors.ndim != 1 or len(errors) < 3 or not ((errors >= 0) & (errors <= 100)).all():
            raise InputError(f"{path}: tr_err is no line of errors in percent", fix="measure it again")
    if len({line["tr_err"].shape for line in lines}) > 1:
        raise InputError(f"{folder / 'lmc'}: pairs have lines of different numbers of points", fix="measure them alike")
    return np.stack([line["tr_err"] for line in lines]) / 100, found


def _connectivity(paths: np.ndarray) -> np.ndarray:
    """Return m - E(t*) of each line, m the mean of its ends, t* the inner point where |m - E| is largest."""
    middle = (paths[:, 0] + paths[:, -1]) / 2
    inner = middle[:, None] - paths[:, 1:-1]
    place = np.abs(inner).argmax(axis=1)
    return np.asarray(inner[np.arange(len(paths)), place])


def _similarities(folder: Path, pairs: Sequence[str], files: SourceFiles) -> tuple[np.ndarray | None, list[Path]]:
    """Return the CKA of every pair at the softmax outputs; None unless all are there."""
    found = [path for pair in pairs for path in sorted((folder / "cka" / pair).glob("*similarity*.npy"))[:1]]
    if not pairs or len(found) < len(pairs):
        return None, []
    values = []
    for path in found:
        layers = files.read_array(path)
        if layers.ndim != 1 or not len(layers) or not np.isfinite(layers[-1]):
            raise InputError(f"{path}: its last number is no CKA of the softmax outputs", fix="measure it again")
        values.append(float(layers[-1]))
    return np.array(values), found


def _drops(place: _Place, files: SourceFiles) -> tuple[tuple[float, ...], list[Path]]:
    """Return the epochs after which the learning rate of the dense training fell, where its args.log is there."""
    path = place.dense / "args.log"
    if place.names["epoch"] is None or not _within(path, files):
        return (), []
    line = files.read_text(path).partition("\n")[0]
    schedule = files.read_literal(path, line[line.find("{") :]).get("schedule")
    known = isinstance(schedule, list) and all(isinstance(epoch, int) and 0 < epoch < 10**6 for epoch in schedule)
    return (tuple(map(float, sorted(schedule))) if known else ()), [path]  # type: ignore[arg-type]


def _dense_cell(place: _Place, cell: ForeignCell, files: SourceFiles) -> ForeignCell | None:
    """Return the dense network of a cell, at its epoch; None where its log is not there."""
    path = place.dense / "log.txt"
    if not _within(path, files):
        return None
    rows = files.read_table(path, (VALID,), delimiter="\t")
    epoch = place.names["epoch"]
    row = len(rows) - 1 if epoch is None else int(epoch)
    if not 0 < row < len(rows):
        return None
    error = accuracy(rows[row][VALID], most=100, name=f"column {VALID!r}", where=str(path))
    estimator = f"1 - {VALID} of epoch {row} in log.txt"
    return ForeignCell(
        density=1.0,
        knobs=cell.knobs,
        settings=cell.settings,
        seed=cell.seed,
        readings={TEST_ERROR: Reading(np.array([error]), "fraction", estimator=estimator, axes=("replica",))},
        digests=files.digests_of([path]),
        drops=cell.drops,
    )


def _within(path: Path, files: SourceFiles) -> bool:
    return path.is_relative_to(files.root) and path.is_file()
