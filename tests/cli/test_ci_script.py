"""The script of the GitHub Action, with a program in place of prunescope that records its words."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

PROGRAM = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>words
case $1 in
diagnose) echo '{"id": "diagnose-1"}'; echo '# verdict' >"${@: -1}"; exit "${DIAGNOSED:-0}";;
diff) echo '# changes' >"$9"; exit "${COMPARED:-0}";;
esac
"""


@pytest.fixture
def run(tmp_path):
    program = tmp_path / "bin/prunescope"
    program.parent.mkdir()
    program.write_text(PROGRAM.replace("${@: -1}", "$(sed 's/.*--markdown \\([^ ]*\\).*/\\1/' <<<\"$*\")"))
    program.chmod(0o755)

    def call(**given):
        environment = {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", "CHECKPOINT": "a b.pt", **given}
        script = ["bash", str(ROOT / "ci/diagnose.sh")]
        return subprocess.run(script, cwd=tmp_path, env=environment, check=False, timeout=60).returncode

    call.words = lambda: (tmp_path / "words").read_text().splitlines()
    call.folder = tmp_path
    return call


def test_the_words_of_a_diagnosis(run):
    assert run(DATA="digits", FAIL_ON="raise I", ARGUMENTS="--replicas 2", DENSITIES="0.2", STUDY="s") == 0
    words = "diagnose a b.pt --density 0.2 --study s --json --markdown prunescope.md --data digits"
    assert run.words() == [f"{words} --fail-on raise --fail-on I --replicas 2"]
    assert (run.folder / "prunescope.json").read_text() == '{"id": "diagnose-1"}\n'


@pytest.mark.parametrize(
    ("diagnosed", "compared", "status"),
    [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1), (4, 0, 4), (4, 1, 1), (2, 1, 2), (0, 2, 2)],
)
def test_the_exit_code_is_that_of_the_worse_of_both(run, diagnosed, compared, status):
    given = {"DIAGNOSED": str(diagnosed), "COMPARED": str(compared), "BASELINE": "base.json", "POINTS": "2"}
    assert run(**given, OUTPUT="out", GITHUB_STEP_SUMMARY="summary", GITHUB_OUTPUT="outputs") == status
    found = run.words()
    assert len(found) == (1 if diagnosed == 2 else 2)
    if diagnosed != 2:
        assert found[1].startswith("diff base.json out.json --points 2 --fail-on worse --markdown out-changes.md")
        assert (run.folder / "summary").read_text() == "# changes\n# verdict\n"
    assert (run.folder / "outputs").read_text() == "json=out.json\nmarkdown=out.md\n"


def test_the_action_hands_every_input_to_the_script():
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    given = {name for step in action["runs"]["steps"] for name in step.get("env", {})}
    inputs = {name.upper().replace("-", "_") for name in action["inputs"]}
    assert given == inputs
    script = (ROOT / "ci/diagnose.sh").read_text()
    assert all(f"${{{name}" in script or f"${name}" in script for name in inputs - {"VERSION"})
    steps = action["runs"]["steps"]
    assert not [step for step in steps if "${{" in step.get("run", "")], "inputs are no part of a shell command"


def test_the_hook_runs_the_program():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (
        hook["entry"] == "prunescope diagnose"
    )  # without --json: pre-commit shows stdout, at the end, where one fails
    assert hook["pass_filenames"] is False
