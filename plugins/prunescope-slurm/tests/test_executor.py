"""Pilots as processes of this machine, and as jobs of a Slurm that is none."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from prunescope_slurm import Slurm, driving
from tiny_jobs import attempts_at, leave_note
from tiny_studies import readings_of, sweep_study

from prunescope.api import Job
from prunescope.api.errors import UsageError
from prunescope.plugins.testing import check_executor


def outcomes_of(jobs, folder, **options):
    return {found.id: found for found in Slurm(**options).run(jobs, partial(leave_note, folder=str(folder)))}


def jobs_in(folder, *names, **more):
    return [Job(id=name, study=str(folder / "study"), **more) for name in names]


def test_it_is_an_executor(tmp_path):
    check_executor(Slurm(engine="local", pilots=2), folder=tmp_path)


def test_a_lost_process_is_tried_again_and_a_raised_error_is_not(tmp_path):
    jobs = jobs_in(tmp_path, "stumbles", "raises", "dies", retries=1)
    outcomes = outcomes_of(jobs, tmp_path, engine="local", workers=2)
    assert not outcomes["stumbles"].error
    assert outcomes["raises"].error == "ValueError: as asked"
    assert "killed, or out of memory" in outcomes["dies"].error
    assert {name: attempts_at(tmp_path, name) for name in outcomes} == {"stumbles": 2, "raises": 1, "dies": 2}
    assert not list((tmp_path / "study").glob(".slurm-*"))


def test_an_array_of_pilots_gives_the_readings_of_this_machine(tmp_path, slurm):
    folders = [tmp_path / name for name in ("slurm-study", "local-study")]
    for folder in folders:
        folder.mkdir()
    options = {"pilots": 2, "partition": "gpu", "gpus": 1, "time": "01:00:00", "account": "me", "memory": 2}
    study = sweep_study(folders[0], executor="slurm", executor_options=options)
    assert readings_of(study) == readings_of(
        sweep_study(folders[1], executor="local", executor_options={"in_process": True})
    )
    script = (slurm / "script").read_text()
    for flag in ("array=0-1%2", "partition=gpu", "gpus-per-node=1", "time=60", "account=me", "mem=2GB"):
        assert f"#SBATCH --{flag}" in script
    assert "#SBATCH --signal=USR2@90" in script


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGUSR2", "SIGTERM"])
def test_a_pilot_that_is_preempted_is_queued_again_and_its_job_is_performed(name, tmp_path, slurm):
    jobs, found = jobs_in(tmp_path, "one", "waits", "after"), {}

    def preempt():
        while not attempts_at(tmp_path, "waits"):
            time.sleep(0.05)
        pilot = int((slurm / "7.pid").read_text().partition(" ")[0])
        os.killpg(pilot, getattr(signal, name))
        while attempts_at(tmp_path, "waits") < 2:
            time.sleep(0.05)
        (tmp_path / "go").touch()

    threading.Thread(target=preempt, daemon=True).start()
    found |= outcomes_of(jobs, tmp_path, pilots=1)
    assert [outcome.error for outcome in found.values()] == ["", "", ""]
    assert attempts_at(tmp_path, "waits") == 2
    assert "scontrol requeue" in (slurm / "calls").read_text()


def test_a_pilot_that_is_cancelled_is_not_queued_again_and_its_jobs_fail(tmp_path, slurm, monkeypatch):
    monkeypatch.setattr(driving, "ASK_SECONDS", 0.2)

    def cancel():
        while not attempts_at(tmp_path, "waits"):
            time.sleep(0.05)
        subprocess.run(["scancel", "7"], check=True)

    threading.Thread(target=cancel, daemon=True).start()
    (outcome,) = outcomes_of(jobs_in(tmp_path, "waits"), tmp_path, pilots=1).values()
    assert outcome.error.startswith(driving.GONE)
    assert "ended by SIGTERM" in outcome.details
    assert "requeue" not in (slurm / "calls").read_text()
    assert attempts_at(tmp_path, "waits") == 1


def test_a_driver_that_ends_early_cancels_its_pilots_for_good(tmp_path, slurm):
    outcomes = Slurm(pilots=1).run(jobs_in(tmp_path, "one", "waits"), partial(leave_note, folder=str(tmp_path)))
    assert next(outcomes).id == "one"
    while not attempts_at(tmp_path, "waits"):
        time.sleep(0.05)
    outcomes.close()
    until = time.monotonic() + 60
    while not (slurm / "7.end").exists():
        assert time.monotonic() < until, "the pilot goes on"
        time.sleep(0.05)
    assert "scancel 7" in (slurm / "calls").read_text()
    assert "requeue" not in (slurm / "calls").read_text()


@pytest.mark.parametrize("export", ["ALL", "NONE"])
def test_pilots_search_no_working_directory_whatever_a_site_exports(export, tmp_path, slurm, monkeypatch):
    monkeypatch.setenv("SBATCH_EXPORT", export)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    for module in ("submitit", "shelve", "prunescope"):
        (tmp_path / f"{module}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    (outcome,) = outcomes_of(jobs_in(tmp_path, "flags"), tmp_path, pilots=1).values()
    assert not outcome.error, outcome.details
    assert (tmp_path / "flags").read_text() == "11"
    assert not (tmp_path / "canary").exists()
    assert "-P -u -m submitit" in (slurm / "script").read_text()


def test_what_sbatch_refuses_is_passed_on(tmp_path, slurm):
    (slurm / "refusal").write_text("sbatch: error: invalid partition specified: nowhere\n")
    with pytest.raises(UsageError, match="invalid partition specified: nowhere"):
        outcomes_of(jobs_in(tmp_path, "one"), tmp_path, partition="nowhere")
    assert not list((tmp_path / "study").iterdir())


@pytest.mark.usefixtures("slurm")
def test_jobs_fail_where_no_pilot_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(driving, "ASK_SECONDS", 0.2)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "nowhere"))  # pilots cannot even load the plan
    (outcome,) = outcomes_of(jobs_in(tmp_path, "one"), tmp_path, pilots=1).values()
    assert outcome.error.startswith(driving.GONE)
    assert "tiny_jobs" in outcome.details
    assert Path(outcome.error.partition("see ")[2].partition("\n")[0]).is_dir()


def test_a_machine_without_slurm_is_an_error_with_the_fix(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="the pilots cannot be queued") as raised:
        outcomes_of(jobs_in(tmp_path, "one"), tmp_path)
    assert "sbatch" in raised.value.fix
    assert not list((tmp_path / "study").iterdir())


@pytest.mark.parametrize(("text", "minutes"), [("04:00:00", 240), ("90", 90), ("1-12", 2160), ("00:30", 1)])
def test_times_are_those_of_slurm(text, minutes):
    assert driving.parse_minutes(text) == minutes


def test_a_time_that_is_none_is_refused():
    with pytest.raises(UsageError, match="is no time limit"):
        driving.parse_minutes("soon")
    assert Slurm(pilots=3, workers=2).slots() == 6
