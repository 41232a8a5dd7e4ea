import os
import stat
from pathlib import Path

import pytest

from prunescope.api.errors import StoreError
from prunescope.runs.files.whole import whole_file, write_whole
from prunescope.runs.store import Store


def test_a_file_is_written_whole(tmp_path):
    target = tmp_path / "report.html"
    write_whole(target, "größer")
    write_whole(target, b"bytes")
    assert target.read_bytes() == b"bytes"
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_is_left_where_the_disk_is_full(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="No space left"):
        write_whole(tmp_path / "report.html", "text")
    assert list(tmp_path.iterdir()) == []


def test_progress_that_finds_no_room_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    store = Store(tmp_path)
    store.note_progress("train-1", 0.25)
    monkeypatch.setattr(Path, "replace", full)
    store.note_progress("train-1", 0.5)
    assert store.progress("train-1") == 0.25
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    target = tmp_path / "x.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(target) as file:
        file.write(b"%d" % (1 // 0))
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_file_and_folder_are_synced_before_and_after_the_rename(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: calls.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
    )
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: calls.append("rename") or replace(self, target))
    write_whole(tmp_path / "x", "text")
    assert calls == ["file", "rename", "folder"]
