"""Ctrl-C, as a terminal sends it: to the program and to all of its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from prunescope.runs.files.weights import save_weights
from prunescope.runs.store import Store

DENSITIES = ",".join(str(number / 100) for number in range(5, 25, 5))

PROGRAM = """
import os, pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from prunescope.cli import main

class Noticed:
    def find_spec(self, name, path=None, target=None):
        if name == "prunescope.cli.application":
            pathlib.Path(os.environ["LOADING"]).touch()

sys.meta_path.insert(0, Noticed())
main()
"""
"""What `python -m prunescope` does, listening to Ctrl-C even where whoever runs the tests ignores it.

It makes the file LOADING when it begins to load its commands.
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(study, program, tmp_path, workers):
    folder, dense = study
    save_weights(tmp_path / "ckpt.pt", Store(folder).load_weights(dense))
    words = ("diagnose", tmp_path / "ckpt.pt", "--density", DENSITIES, "--replicas", 2, "--retrain-epochs", 2)
    words += ("--workers", workers, "--study", tmp_path / "s")
    store = Store(tmp_path / "s")
    ended, told = interrupted(words, until=lambda: sum(run_id.startswith("retrain") for run_id in store.ids()) >= 2)
    assert ended == 130, told
    assert f"what was finished is kept in {store.study}" in told
    assert "the same command resumes" in told
    assert "Traceback" not in told
    kept = {run_id: store.path(run_id).stat().st_mtime_ns for run_id in store.ids()}
    assert not any(run_id.startswith("diagnose") for run_id in kept)
    assert store.check() == []
    again = program(*words)
    assert again.returncode in (0, 4), again.stderr  # so brief a training may not suffice for a verdict
    assert "steps are already finished" in again.stderr
    assert {run_id: store.path(run_id).stat().st_mtime_ns for run_id in kept} == kept
    assert store.read(again.stdout.strip()).verdicts


@pytest.mark.parametrize("after", [0.002, 0.25])
def test_ctrl_c_twice_is_ctrl_c(study, tmp_path, after):
    folder, dense = study
    save_weights(tmp_path / "ckpt.pt", Store(folder).load_weights(dense))
    words = ("diagnose", tmp_path / "ckpt.pt", "--density", DENSITIES, "--replicas", 2, "--retrain-epochs", 2)
    words += ("--workers", 2, "--study", tmp_path / "s")
    store = Store(tmp_path / "s")
    ended, told = interrupted(words, until=lambda: any(map(started, store.ids())), again=after)
    assert ended == 130, told
    assert told.count("error: interrupted") == 1
    assert "Traceback" not in told


def started(run_id):
    return run_id.startswith("prune")


@pytest.mark.parametrize("after", [0, 0.05, 0.2, 0.6, 1.5])
def test_ctrl_c_at_the_very_beginning(tmp_path, after):
    words = ("train", "sgd", "--model", "preresnet8", "--data", "digits", "--epochs", 500, "--study", tmp_path / "s")
    loading = tmp_path / "loading"
    ended, told = interrupted(words, until=lambda: loading.exists() and time.sleep(after) is None, loading=loading)
    assert ended == 130
    assert told.count("error: interrupted") == 1
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("name", "code", "words"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "ended by SIGTERM")]
)
def test_a_signal_while_the_arguments_are_read_has_its_message_too(name, code, words):
    program = f"""
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)  # what ran the tests before may ignore it
from prunescope.cli.terminal.headings import HeadedCommands
HeadedCommands.make_context = lambda *_, **__: signal.raise_signal(signal.{name})
from prunescope.cli import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, "train"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stderr) == (code, f"error: {words}\n")


def interrupted(words, *, until, again=None, loading=os.devnull):
    """Run the program in a process group of its own; press Ctrl-C when `until` says so; return how it ended.

    again: seconds after which it is pressed a second time; loading: file made when the program loads its commands.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "LOADING": str(loading)},
    )
    try:
        deadline = time.monotonic() + 120
        while not until() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        if again is not None:
            time.sleep(again)
            os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, told
