"""The documented session, run as documented; then the Action's script, which fails for the worse network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from wanted import wanted

wanted("onnxruntime")
wanted("onnxscript")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Return the folder in which the session was run, and what it printed."""
    folder = tmp_path_factory.mktemp("session")
    done = run([sys.executable, "-P", str(ROOT / "docs/from_verdict_to_use.py")], folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def run(words, folder, **more):
    """Run a program in a folder, where `prunescope` is that of this Python: its script may be in no environment."""
    program = folder / "bin/prunescope"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m prunescope "$@"\n')
    program.chmod(0o755)
    programs = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": programs, **more}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_session_ends_in_two_other_libraries(session):
    folder, printed = session
    told = [line for line in printed.splitlines() if line.startswith("timm and onnxruntime differ by")]
    assert float(told[0].split()[-1]) < 1e-4
    assert re.search(r"^measured: test error [\d.]+%, density 0\.\d+, latency [\d.]+ ms$", printed, re.MULTILINE)
    card = (folder / "pruned-folder/README.md").read_text()
    assert "The dense network was diagnosed" in card or "n/a: this study holds no diagnosis" in card
    assert "# preresnet8, pruned to density 0." in card


@pytest.mark.parametrize(("which", "status"), [("same", (0, 4)), ("worse", (1,))])
def test_the_action_fails_a_network_that_prunes_worse(session, which, status):
    folder, printed = session
    if which == "same":
        checkpoint = json.loads((folder / "baseline.json").read_text())["input"]["run"]
    else:
        checkpoint = printed.split("worse: ")[-1].strip()
    given = {"CHECKPOINT": checkpoint, "DENSITIES": "0.3", "BASELINE": "baseline.json", "OUTPUT": which, "POINTS": "5"}
    given |= {
        "ARGUMENTS": "--family none --replicas 2 --retrain-epochs 1 --limit-batches 4",
        "GITHUB_STEP_SUMMARY": f"{which}-summary.md",
    }
    done = run(["bash", str(ROOT / "ci/diagnose.sh")], folder, **given, GITHUB_OUTPUT=f"{which}-outputs")
    assert done.returncode in status, done.stderr
    summary = (folder / f"{which}-summary.md").read_text()
    assert ("**worse: test error" in summary) == (which == "worse")
    assert "| density | regime | advice | confidence |" in summary
    assert (folder / f"{which}-outputs").read_text().splitlines() == [f"json={which}.json", f"markdown={which}.md"]
    assert json.loads((folder / f"{which}.json").read_text())["input"]["run"] == checkpoint
