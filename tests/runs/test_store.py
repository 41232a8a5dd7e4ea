"""The study folder: what happens when it cannot be written."""

from __future__ import annotations

import filelock
import pytest

from prunescope.api.errors import StoreError
from prunescope.runs.store import CANNOT_WRITE, Store


def test_a_lock_that_finds_no_room_is_a_full_disk(tmp_path, monkeypatch):
    def full(_self, **_given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(filelock.FileLock, "acquire", full)
    with pytest.raises(StoreError, match="No space left on device") as caught, Store(tmp_path).lock("train-0"):
        pass
    assert caught.value.message.startswith(CANNOT_WRITE)


def test_a_folder_that_cannot_be_made_is_one_that_cannot_be_written(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StoreError, match=r"File exists|Not a directory") as caught, Store(tmp_path).lock("train-0"):
        pass
    assert caught.value.message.startswith(CANNOT_WRITE)
