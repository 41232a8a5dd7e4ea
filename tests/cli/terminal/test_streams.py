"""A closed or full standard stream is no bug of the program, and ends nothing early."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = f'"{sys.executable}" -m prunescope'


def shell(text):
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", ">&- 2>&-", ">&- <&- 2>&-"])
def test_closed_streams_change_no_exit_code(closed):
    assert shell(f"{PROGRAM} cite {closed}").returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is full")
def test_a_full_disk_behind_stdout_is_named_and_not_taken_for_a_verdict():
    found = shell(f"{PROGRAM} plugins > /dev/full")
    assert found.returncode == 2
    assert found.stderr.splitlines()[0] == "error: cannot write to standard output: No space left on device"
    assert found.stderr.splitlines()[1].startswith("fix: ")
    assert len(found.stderr.splitlines()) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is full")
def test_a_full_disk_behind_stderr_changes_no_exit_code():
    assert shell(f"{PROGRAM} cite no-such-run 2> /dev/full").returncode == 2
