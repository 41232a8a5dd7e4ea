"""A study of a second, and its readings."""

from __future__ import annotations

import prunescope
from prunescope.runs.store import Store

TINY = """
[model]
name = "small_mlp"
[data]
name = "patches"
images = 60
test_images = 40
[train]
plugin = "sgd"
epochs = 2
[prune]
plugin = "magnitude"
linear = true
[retrain]
plugin = "sgd"
epochs = 1
[[probes]]
plugin = "errors"
[[probes]]
plugin = "disagreement"
[axes]
epochs = [1, 2]
density = [0.2, 0.5]
[seeds]
dense = [0]
replicas = 2
"""


def sweep_study(folder, *, text=TINY, **place):
    """Run every step of a study and return its folder."""
    file = folder / "tiny.toml"
    file.write_text(text)
    swept = prunescope.sweep(file, study=folder / "study", device="cpu", **place)
    assert not swept.unfinished
    return folder / "study"


def readings_of(study):
    """Return every reading of a study as plain numbers, by run, probe and name."""
    store = Store(study)
    runs = [store.read(run_id) for run_id in store.ids()]
    return {
        (run.id, probe, name): reading.value if isinstance(reading.value, float) else reading.value.tolist()
        for run in runs
        for probe, named in run.readings.items()
        for name, reading in named.items()
    }
