"""What every test starts from."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def _no_terminal():
    """Leave the width of somebody's terminal out of the tests: workers of pytest-xdist have one in COLUMNS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        yield
