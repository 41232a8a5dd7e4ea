"""Lottery experiments of open_lth: lottery_HASH/replicate_R/level_K/main, with a log and a report of the sparsity.

Source: `foundations/paths.py` (names of files), `foundations/hparams.py` (display), `foundations/step.py` ("160ep"),
`training/metric_logger.py` (NAME,ITERATION,VALUE), `training/standard_callbacks.py` (test_accuracy, a fraction; the log
is written at the end of a training), `pruning/mask.py` (total and unpruned weights), `lottery/runner.py` (each level
trains from the weights of level 0 under the mask of the level before).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Reading
from prunescope.api.errors import InputError
from prunescope.api.wording import count_text, verb_text
from prunescope.studies.imported.foreign import TEST_ERROR, ForeignCell, ForeignResults
from prunescope.studies.imported.source_files import accuracy, finite, settings_text

if TYPE_CHECKING:
    from pathlib import Path

    from prunescope.studies.imported.source_files import SourceFiles

REPORT, LOG, HPARAMS = "sparsity_report.json", "logger", "hparams.log"

ACCURACY, EXAMPLES = "test_accuracy", "test_examples"

PLACE = re.compile(
    r"(?P<experiment>lottery_\w+)/replicate_(?P<replicate>\d{1,9})/level_(?P<level>\d{1,9})/(?P<name>[^/]+)$"
)

ITEM = re.compile(r"\s+\* (?P<name>\w+) => (?P<value>.*)")

KNOBS = {"batch_size": "batch_size", "lr": "learning_rate", "weight_decay": "weight_decay"}

NOT_SETTINGS = frozenset({*KNOBS, "training_steps", "data_order_seed"})


def read_open_lth(files: SourceFiles) -> ForeignResults:
    """Return every finished level of every replicate; branches and levels without a log are left out."""
    cells, left_out = [], []
    for report in files.find(REPORT):
        folder = report.parent
        found = PLACE.search(folder.absolute().as_posix())
        if found is None or found["name"] != "main":
            left_out.append(f"{files.place(folder)}: no main level of a lottery experiment")
        elif not (folder / LOG).is_file():
            left_out.append(f"{files.place(folder)}: it is not finished, {LOG} is not there")
        else:
            first = folder.parents[1] / "level_0" / "main" / HPARAMS
            cells.append(_read_level(folder, first, seed=int(found["replicate"]), files=files))
    return ForeignResults(cells=tuple(cells), left_out=tuple(left_out))


def _read_level(folder: Path, hparams: Path, *, seed: int, files: SourceFiles) -> ForeignCell:
    sections = read_hparams(files.read_text(hparams), hparams)
    log = _read_log(folder / LOG, files)
    iteration = max((at for name, at in log if name == ACCURACY), default=None)
    if iteration is None:
        raise InputError(f"{folder / LOG} has no {ACCURACY}", fix="give the folder as open_lth wrote it")
    error = accuracy(log[ACCURACY, iteration], most=1, name=ACCURACY, where=str(folder / LOG))
    n = log.get((EXAMPLES, iteration))
    estimator = f"1 - {ACCURACY} of open_lth at iteration {iteration}"
    reading = Reading(
        np.array([error]), "fraction", n=None if n is None else int(n), estimator=estimator, axes=("replica",)
    )
    return ForeignCell(
        density=_density(folder / REPORT, files),
        knobs=_knobs(sections, hparams),
        settings=_settings(sections),
        seed=seed,
        readings={TEST_ERROR: reading},
        digests=files.digests_of([folder / LOG, folder / REPORT, hparams]),
    )


def read_hparams(text: str, path: Path) -> dict[str, dict[str, str]]:
    r"""Return the values of hparams.log by section and name, as `Hparams.display` writes them.

    >>> from pathlib import Path
    >>> read_hparams("Training Hyperparameters\n    * lr => 0.1\n    * training_steps => 4ep", Path("hparams.log"))
    {'Training Hyperparameters': {'lr': '0.1', 'training_steps': '4ep'}}
    """
    sections: dict[str, dict[str, str]] = {}
    section = ""
    for line in text.splitlines():
        item = ITEM.fullmatch(line)
        if item is None:
            section = line.strip()
        else:
            sections.setdefault(section, {})[item["name"]] = item["value"].strip()
    if "Training Hyperparameters" not in sections:
        raise InputError(f"{path} has no 'Training Hyperparameters'", fix="give the folder as open_lth wrote it")
    return sections


def _knobs(sections: dict[str, dict[str, str]], path: Path) -> dict[str, float]:
    """Return the knobs; a weight decay that is not listed is none, epochs given as iterations are not known."""
    given = {**sections.get("Dataset Hyperparameters", {}), **sections["Training Hyperparameters"]}
    found = {ours: finite(given[name], name=name, where=str(path)) for name, ours in KNOBS.items() if name in given}
    epochs = re.fullmatch(r"(\d{1,6})ep(0it)?", given.get("training_steps", ""))
    return {"weight_decay": 0.0} | found | ({"epochs": float(epochs[1])} if epochs else {})


def _settings(sections: dict[str, dict[str, str]]) -> dict[str, str]:
    found: dict[str, object] = {}
    for section, items in sections.items():
        if section.startswith("Pretraining"):
            found["rewinding"] = items.get("training_steps") or found.get("rewinding")
        else:
            found |= {name: value for name, value in items.items() if name not in NOT_SETTINGS}
    named = {"model": found.pop("model_name", None), "data": found.pop("dataset_name", None)}
    return settings_text(named | {"pruning": found.pop("pruning_strategy", None)} | found)


def _density(path: Path, files: SourceFiles) -> float:
    report = files.read_json(path)
    total, kept = (finite(report.get(name), name=name, where=str(path)) for name in ("total", "unpruned"))
    if not 0 < kept <= total:
        raise InputError(
            f"{path}: {kept:g} of {count_text(total, 'weight')} {verb_text(kept, 'are')} kept",
            fix="give the folder as open_lth wrote it",
        )
    return kept / total


def _read_log(path: Path, files: SourceFiles) -> dict[tuple[str, int], float]:
    found = {}
    for line, text in enumerate(files.read_text(path).splitlines(), start=1):
        name, _, rest = text.partition(",")
        at, comma, value = rest.partition(",")
        if not comma or not at.isdecimal() or len(at) > len(str(2**63)):
            raise InputError(f"{path}, line {line}: {text[:60]!r}", fix="wanted NAME,ITERATION,VALUE: remove the level")
        found[name, int(at)] = finite(value, name=name, where=f"{path}, line {line}")
    return found
