"""What is remembered of a user: whole, or nothing of it."""

import os
from pathlib import Path

import pytest

from prunescope.api.state import write_state


def full(*_, **__):
    raise OSError(28, "No space left on device")


def test_a_file_of_the_state_is_written_whole_and_private(tmp_path):
    target = tmp_path / "state" / "places.json"
    write_state(target, "old")
    write_state(target, "größer")
    assert target.read_text(encoding="utf-8") == "größer"
    assert list(target.parent.iterdir()) == [target]
    assert target.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("owner", "call"), [(os, "fdopen"), (Path, "replace")])
def test_a_full_disk_leaves_the_old_file_and_no_other(owner, call, tmp_path, monkeypatch):
    target = tmp_path / "places.json"
    write_state(target, "old")
    monkeypatch.setattr(owner, call, full)
    write_state(target, "new")
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"old"
