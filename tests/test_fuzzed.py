"""A short share of the campaign of `nox -s fuzz`, and every file that it once failed on."""

from __future__ import annotations

import shutil
from pathlib import Path

import mutate_files
import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", mutate_files.FORMATS)
def test_mutants_are_read_or_refused(name):
    ends = {found for found, _ in mutate_files.campaign(name, files=20, seconds=600, seed=1)}
    assert ends <= {"read", "refused"}


FAILED = sorted((ROOT / "tests" / "data" / "fuzz").glob("*"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", FAILED, ids=lambda path: path.name)
def test_what_once_failed_is_read_or_refused(path, tmp_path):
    for name, _, read, _ in mutate_files.FORMATS.values():
        if path.name.endswith(f"-{name}"):
            shutil.copy(path, tmp_path / name)
            assert mutate_files.end(read, tmp_path / name) in ("read", "refused")
