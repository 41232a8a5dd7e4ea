"""Running the program: in this process, or as a person does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from prunescope.cli.application import build

MODEL = ("--model", "preresnet8", "--model-option", "width=0.25")

TRAIN = ("train", "sgd", *MODEL, "--data", "patches:images=120,test_images=60", "--epochs", 2)


@pytest.fixture(scope="session")
def invoke():
    """Return a function that runs the program in this process; the result has stdout, stderr and exit_code."""

    def run(*words):
        result = CliRunner().invoke(build(words), [str(word) for word in words])
        assert result.exception is None or isinstance(result.exception, SystemExit | typer.Exit), result.exception
        assert "Traceback" not in result.stderr
        return result

    return run


@pytest.fixture(scope="session")
def program():
    """Return a function that runs the program in a process of its own."""

    def run(*words, **environment):
        return subprocess.run(
            [sys.executable, "-m", "prunescope", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | environment,
        )

    return run


@pytest.fixture(scope="session")
def study(tmp_path_factory, invoke):
    """Return a study with one small dense run, its snapshots at epochs 1 and 2, and that run's id."""
    folder = tmp_path_factory.mktemp("cli") / "study"
    trained = invoke(*TRAIN, "--snapshot-every", 1, "--study", folder)
    assert trained.exit_code == 0, trained.stderr
    return folder, trained.stdout.strip()


@pytest.fixture(scope="session")
def train_words():
    """Return the command that trained the run of `study`, but for its snapshots and folder."""
    return TRAIN
