"""What every test starts from."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import wraps
from importlib.util import find_spec

import pytest

from prunescope.runs.scheduling.local import Local

if find_spec("hypothesis"):  # the sessions upon the wheel test no properties
    from hypothesis import settings

    # The same examples each time, however busy the machine: what may land does not depend on luck.
    settings.register_profile("repeatable", deadline=None, derandomize=True)
    settings.register_profile("explore", deadline=None)  # others: `pytest --hypothesis-profile=explore`
    settings.load_profile("repeatable")


@pytest.fixture(autouse=True, scope="session")
def _one_worker_is_this_process():
    """Perform in this process what is asked of one worker: to start one takes seconds. `Local.run.__wrapped__` does."""
    run = Local.run

    @wraps(run)
    def run_here(self, jobs, perform):
        return run(replace(self, in_process=True) if self.slots() == 1 else self, jobs, perform)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Local, "run", run_here)
        yield


@pytest.fixture(autouse=True, scope="session")
def _state_of_nobody(tmp_path_factory):
    """Keep what the program remembers of the user out of the tests, and theirs out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_wait_for_the_disk():
    """Let nothing in this process wait until a file is on the disk: no test ends the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_terminal():
    """Leave the width of somebody's terminal out of the tests: workers of pytest-xdist have one in COLUMNS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        yield
