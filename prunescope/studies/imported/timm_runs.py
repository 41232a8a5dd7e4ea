"""Run folders of timm's train.py: dense networks, with summary.csv, args.yaml and checkpoints beside them.

Source: `timm/utils/summary.py` (update_summary: a row for each epoch, eval_top1 in percent), `train.py` (args.yaml,
num_epochs = epochs + cooldown + warm-up), `timm/utils/checkpoint_saver.py` (last, checkpoint-*, model_best).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Reading
from prunescope.api.wording import count_text
from prunescope.networks.checkpoints import neighbours
from prunescope.networks.checkpoints.knobs import read_training
from prunescope.studies.imported.foreign import TEST_ERROR, ForeignCell, ForeignResults
from prunescope.studies.imported.source_files import accuracy, settings_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from prunescope.studies.imported.source_files import SourceFiles

SUMMARY, ARGUMENTS = "summary.csv", "args.yaml"

CHECKPOINTS = ("last.pth.tar", "checkpoint-*.pth.tar", "model_best.pth.tar")
"""The network at the end of the training, in the order in which one is looked for."""

TRAINING = (
    "opt",
    "sched",
    "img_size",
    "smoothing",
    "mixup",
    "cutmix",
    "aa",
    "reprob",
    "drop",
    "drop_path",
    "model_ema",
)
"""Arguments that make another training, beside network, data and knobs."""


def read_timm(files: SourceFiles) -> ForeignResults:
    """Return the dense network of every run folder; those that did not reach their last epoch are left out."""
    cells, left_out = [], []
    for summary in files.find(SUMMARY):
        folder = summary.parent
        if not (folder / ARGUMENTS).is_file():
            left_out.append(f"{files.place(summary)}: {ARGUMENTS} is not beside it")
            continue
        cell = _read_folder(folder, files)
        if isinstance(cell, str):
            left_out.append(f"{files.place(folder)}: {cell}")
        else:
            cells.append(cell)
    return ForeignResults(cells=tuple(cells), left_out=tuple(left_out))


def _read_folder(folder: Path, files: SourceFiles) -> ForeignCell | str:
    """Return the network of a run folder, or why it has none."""
    written = files.read_bytes(folder / ARGUMENTS, most=neighbours.MOST_YAML)
    arguments = neighbours.parse_arguments(written, folder / ARGUMENTS)
    rows = files.read_table(folder / SUMMARY, ("epoch", "eval_top1"))
    training = read_training(arguments, {})
    asked, done = training.knobs.get("epochs"), 1 + max((row["epoch"] for row in rows), default=-1)
    if not rows or (asked is not None and done < asked):
        return f"{done:g} of {count_text(asked or 0, 'epoch')}"
    last = max(rows, key=lambda row: row["epoch"])
    error = accuracy(last["eval_top1"], most=100, name="column 'eval_top1'", where=str(folder / SUMMARY))
    checkpoint = _find_checkpoint(folder)
    estimator = "1 - eval_top1 of the last row of timm's summary.csv"
    return ForeignCell(
        density=1.0,
        knobs=training.knobs,
        settings=_settings(arguments),
        seed=None if training.options.get("seed") is None else int(str(training.options["seed"])),
        readings={TEST_ERROR: Reading(np.array([error]), "fraction", estimator=estimator, axes=("replica",))},
        digests=files.digests_of([folder / SUMMARY, folder / ARGUMENTS]),
        notes=() if checkpoint else ("no checkpoint lies in the run folder",),
        checkpoint=checkpoint,
    )


def _find_checkpoint(folder: Path) -> Path | None:
    found = [path for pattern in CHECKPOINTS for path in sorted(folder.glob(pattern), key=_epoch)[-1:]]
    return next((path for path in found if path.is_file() and not path.is_symlink()), None)


def _epoch(path: Path) -> tuple[int, str]:
    number = path.name.removesuffix(".pth.tar").rpartition("-")[2]
    return int(number) if number.isdecimal() else -1, path.name


def _settings(arguments: Mapping[str, Any]) -> dict[str, str]:
    data = arguments.get("dataset") or arguments.get("data_dir") or arguments.get("data")
    named = {"model": arguments.get("model"), "data": data}
    return settings_text(named | {name: arguments.get(name) for name in TRAINING})
