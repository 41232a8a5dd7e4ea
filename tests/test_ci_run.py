"""`.ci/run` with stand-ins for Python and nox: every session runs, and one that fails fails the whole."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "run"

SESSIONS = ("lint", "docs", "plugins", "interop", "browser", "minimums", "tests")

CLOSING = "===== 3 passed in 1.00s ====="

PYTHON = """#!/bin/sh
mkdir -p .nox/runner/bin
cp "$(dirname "$0")/nox" .nox/runner/bin/nox
printf '#!/bin/sh\\n' > .nox/runner/bin/python
chmod +x .nox/runner/bin/python
"""

NOX = f"""#!/bin/sh
echo "$3" >> ran
[ "$3" != browser ] || echo "$SAID"
[ "$3" != tests ] || echo "{CLOSING}"
[ "$3" != "$FAILS" ] || echo "FAILED tests/test_$3.py::test_it - assert False"
echo "nox > Session $3 ended"
[ "$3" != "$FAILS" ]
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a copy of the script where `fails` is the session that fails."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci/run")
    for name, text in (("python3", PYTHON), ("nox", NOX)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)

    def call(fails="", said=""):
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "FAILS": fails, "SAID": said}
        words = ["bash", str(tmp_path / ".ci/run")]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=environment)

    return call


def test_every_session_runs_once_and_the_tests_last(run, tmp_path):
    ended = run()
    assert ended.returncode == 0, ended.stderr
    ran = (tmp_path / "ran").read_text().split()
    assert sorted(ran) == sorted(SESSIONS)
    assert ran[-1] == "tests"
    lines = ended.stdout.splitlines()
    assert lines[-3:] == ["failed sessions: none", "skipped sessions: none", CLOSING]
    assert {f"nox > Session {name} ended" for name in SESSIONS} <= set(lines)


@pytest.mark.parametrize("session", SESSIONS)
def test_a_session_that_fails_fails_the_whole_and_ends_no_other(session, run, tmp_path):
    ended = run(fails=session)
    assert ended.returncode != 0
    assert sorted((tmp_path / "ran").read_text().split()) == sorted(SESSIONS)
    *_, headline, why, failed, _, closing = ended.stdout.splitlines()
    assert headline == f"===== what failed in {session}"
    assert why == f"FAILED tests/test_{session}.py::test_it - assert False"
    assert (failed, closing) == (f"failed sessions: {session}", CLOSING)


def test_a_browser_that_is_not_there_is_named(run):
    ended = run(said="nox > Session browser skipped: NOT RUN: no Chromium")
    assert "skipped sessions: browser skipped: NOT RUN: no Chromium" in ended.stdout.splitlines()
