"""A short share of `nox -s chaos`, and what it counts; tests/runs/test_killed_sweep.py has each disturbance by name."""

from __future__ import annotations

import ast
import signal
from pathlib import Path

import misbehaving
import pytest
from break_studies import DISTURBANCES, Campaign, run_rounds
from small_study import STUDY, sweep
from warm import Kill, warm_process

from prunescope.runs.store import Store
from prunescope.studies.grid.study import parse_study

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the workers in /proc: Linux alone")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory) -> Campaign:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", "")
        folder = tmp_path_factory.mktemp("chaos")
        return run_rounds(folder, seconds=600, seed=3, rounds=1, names=("kill_parent",))


def test_a_round_of_kills_loses_and_changes_nothing(campaign):
    assert (campaign.unexpected, campaign.figures["lost"], campaign.figures["changed"]) == ([], 0, 0)
    assert campaign.figures["studies"] == 1
    assert campaign.figures["kills and signals that struck"] > 0


def test_what_is_lost_damaged_or_changed_is_counted(campaign):
    import shutil

    folder = shutil.copytree(campaign.undisturbed.study, campaign.folder / "copied")
    store = Store(folder)
    probes = sorted(store.runs.glob("probe-*.h5"))
    counted = Campaign(campaign.warm, campaign.folder, campaign.chance)
    kept = counted.check(store, set())
    probes[0].unlink()
    probes[1].write_bytes(probes[1].read_bytes()[:-1])
    counted.check(store, kept)
    assert counted.figures["lost"] == 2
    probes[1].unlink()
    run = store.read(probes[2].stem)
    probes[2].unlink()
    probe, readings = next(iter(run.readings.items()))
    name, reading = next(iter(readings.items()))
    from dataclasses import replace

    store.write(replace(run, readings={probe: {**readings, name: replace(reading, value=reading.value + 1)}}))
    counted.compare(store)
    assert (counted.figures["changed"], counted.figures["lost"]) == (1, 4)


def test_a_round_that_nothing_strikes_fails_the_campaign(campaign, monkeypatch):
    monkeypatch.setitem(DISTURBANCES, "stop", (lambda _campaign, _store: None, 1.0))
    calm = Campaign(campaign.warm, campaign.folder, campaign.chance)
    calm.disturb("stop")
    assert calm.unexpected == ["stop: nothing struck the study"]


def test_a_signal_strikes_though_whoever_started_the_campaign_ignores_it(campaign):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with warm_process(campaign.folder / "ignoring") as warm:
            store = Store(campaign.folder / "stopped")
            kill = Kill(files=1, folder=str(store.runs), number=signal.SIGHUP)
            assert (warm.run(*sweep(campaign.file, store), kills=[kill]), warm.struck) == (129, 1)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("how", misbehaving.WAYS)
def test_every_way_to_misbehave_is_a_program_and_a_study(how):
    ast.parse("def act():\n    " + misbehaving.WAYS[how])
    assert parse_study(misbehaving.with_probe(STUDY, how), name="x").probes[-1].options == {"how": how}
