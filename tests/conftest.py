"""What every test starts from."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def _state_of_nobody(tmp_path_factory):
    """Keep what the program remembers of the user out of the tests, and theirs out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_terminal():
    """Leave the width of somebody's terminal out of the tests: workers of pytest-xdist have one in COLUMNS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        yield
