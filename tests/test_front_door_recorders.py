"""Recorders receive the epochs and readings of what a function performs."""

from __future__ import annotations

import prunescope
from prunescope.api import Recorder

SMALL = {
    "model": "preresnet8",
    "model_options": {"width": 0.25},
    "data": "patches:images=64,test_images=40",
}


class Listed(Recorder):
    """Keeps what it receives."""

    def __init__(self):
        self.epochs, self.readings, self.closed = [], [], 0

    def record_epoch(self, run, label, epoch):
        self.epochs.append((run, label.split()[0], epoch.number))

    def record_reading(self, run, label, row):
        assert label.startswith("probe ")
        self.readings.append((run, row["reading"], row["value"]))

    def close(self):
        self.closed += 1


def test_recorders_receive_epochs_and_readings_of_what_is_performed(tmp_path):
    heard = Listed()
    place = {"study": tmp_path / "study", "recorders": [heard]}
    dense = prunescope.train(**SMALL, trainer_options={"epochs": 2}, **place)
    assert heard.epochs == [(dense.run, "train", 1), (dense.run, "train", 2)]
    replicas = prunescope.retrain(
        prunescope.prune(dense, density=0.5, **place), replicas=2, trainer_options={"epochs": 1}, **place
    )
    assert {(run, step) for run, step, _ in heard.epochs[2:]} == {(run, "retrain") for run in replicas.runs}
    probed = prunescope.probe(replicas, "errors", **place)
    wanted = [(probed.run, row["reading"], row["value"]) for row in probed.rows()]
    assert heard.readings == wanted
    assert heard.closed == 4
    prunescope.probe(replicas, "errors", **place)
    assert heard.readings == wanted, "what is finished is not recorded again"
    again = Listed()
    assert prunescope.open_study(tmp_path / "study").record(again) == 4
    assert (sorted(again.epochs), again.readings, again.closed) == (sorted(heard.epochs), wanted, 1)
