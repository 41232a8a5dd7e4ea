"""A sweep that ends with 0 has every step: whatever a plugin does to its process, and whatever ends the program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from small_sweep import study_text

from prunescope.runs.store import Store

PROBES = """
import os, sys
from dataclasses import dataclass
from prunescope.api import Probe, Reading
import torch

@dataclass(frozen=True, kw_only=True)
class Leaves(Probe):
    replicas = 1
    needs_data = False
    def measure(self, replicas, data, *, seed):
        os._exit(0)

@dataclass(frozen=True, kw_only=True)
class Stops(Leaves):
    def measure(self, replicas, data, *, seed):
        sys.exit(0)

@dataclass(frozen=True, kw_only=True)
class Doubles(Leaves):
    def measure(self, replicas, data, *, seed):
        torch.set_default_dtype(torch.float64)
        return {"one": Reading(1.0, "1")}
"""

STUDY = study_text(
    data={"name": "patches", "images": 64, "test_images": 32},
    train={"plugin": "sgd", "epochs": 1, "batch_size": 16},
    retrain={"plugin": "sgd", "epochs": 1, "batch_size": 16},
    probes=[{"plugin": name} for name in ("leaves", "stops", "doubles", "errors")],
    axes={"epochs": [1], "density": [0.5]},
)


@pytest.fixture
def place(tmp_path):
    """Return a folder with a study, and an installed distribution of probes that misbehave."""
    (tmp_path / "study.toml").write_text(STUDY)
    made = tmp_path / "site" / "bad-1.0.dist-info"
    made.mkdir(parents=True)
    made.with_name("bad_probes.py").write_text(PROBES)
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n")
    names = ("leaves", "stops", "doubles")
    lines = [f"{name} = bad_probes:{name.capitalize()}" for name in names]
    (made / "entry_points.txt").write_text("\n".join(["[prunescope.probes]", *lines]) + "\n")
    return tmp_path


def sweep(place, *more):
    return [sys.executable, "-m", "prunescope", "sweep", str(place / "study.toml"), "--workers", "1", *more]


def test_probes_that_end_their_process_are_failed_steps(place):
    environment = os.environ | {"PYTHONPATH": str(place / "site")}
    done = subprocess.run(sweep(place), capture_output=True, text=True, timeout=280, check=False, env=environment)
    assert done.returncode == 4, done.stderr
    store = Store(place)
    steps = sorted(run_id.partition("-")[0] for run_id in store.ids())
    assert steps == ["probe", "prune", "retrain", "retrain", "train"]
    assert "worker process died" in done.stderr
    assert "was to end the program" in done.stderr
    assert "probe 'doubles' of bad left torch.set_default_dtype changed" in done.stderr
    assert "5 of 8 steps are finished, 3 failed" in done.stderr
    assert store.check() == []


@pytest.mark.parametrize(("probe", "said"), [("leaves", "worker process died"), ("stops", "was to end the program")])
def test_a_probe_that_ends_its_process_is_an_error_of_a_single_command(place, probe, said):
    environment = os.environ | {"PYTHONPATH": str(place / "site")}
    words = [sys.executable, "-m", "prunescope"]
    trained = [*words, "train", "sgd", "--model", "preresnet8", "--model-option", "width=0.25", "--epochs", "1"]
    trained += ["--data", "patches:images=64,test_images=32", "--study", str(place / "study"), "--device", "cpu"]
    run = subprocess.run(trained, capture_output=True, text=True, timeout=120, check=True).stdout.strip()
    single = [*words, "probe", probe, run, "--study", str(place / "study"), "--device", "cpu"]
    done = subprocess.run(single, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode != 0, done.stderr
    assert said in done.stderr
    assert Store(place / "study").ids() == [run]


@pytest.mark.skipif(os.name != "posix", reason="there are no such signals")
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGUSR1", 138)])
def test_a_signal_keeps_what_is_finished_and_says_how_to_resume(place, name, code):
    number = getattr(signal, name)
    (place / "study.toml").write_text(
        STUDY.replace("epochs = [1]", "epochs = [5000]").replace("epochs = 1", "epochs = 5000")
    )
    process = subprocess.Popen(sweep(place), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                               env=os.environ | {"PYTHONPATH": str(place / "site")},
                               start_new_session=True,
                               preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))  # noqa: PLW1509 # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not any(place.glob("runs/.locks/train-*.progress")) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, number)  # to the workers too, as Slurm does
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code, told
    assert f"ended by {name}; what was finished is kept in" in told
    assert "Traceback" not in told
    assert "the same command resumes" in told
    assert len(list(place.glob("runs/.partial/train-*.state"))) == 1, "the training saved its state"


@pytest.mark.skipif(os.name != "posix", reason="there are no such signals")
def test_the_warning_of_slurm_lets_a_training_of_this_process_save_its_state(place):
    words = [sys.executable, "-m", "prunescope", "train", "sgd", "--model", "small_mlp", "--epochs", "5000"]
    words += ["--data", "patches:images=64,test_images=32", "--study", str(place / "study"), "--device", "cpu"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        deadline = time.monotonic() + 120
        while not any(place.glob("study/runs/.locks/*.progress")) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGUSR1)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 138, told
    assert "ended by SIGUSR1" in told
    assert len(list(place.glob("study/runs/.partial/*.state"))) == 1
