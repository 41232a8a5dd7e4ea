"""Digests of files: read once until a file changes, and shown where it takes long."""

from __future__ import annotations

import pytest
from images import write_images

from prunescope.data import file_digests


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path / "images")


def test_a_file_is_read_once_until_it_changes(images, monkeypatch):
    paths, read = sorted(images.rglob("*.bmp")), []
    digest = file_digests._digest
    monkeypatch.setattr(file_digests, "_digest", lambda path: read.append(path) or digest(path))
    first = file_digests.digest_files(images, paths)
    assert (file_digests.digest_files(images, paths), len(read)) == (first, len(paths))
    status = paths[0].stat()
    data = bytearray(paths[0].read_bytes())
    data[-1] ^= 1
    paths[0].write_bytes(data)
    again = file_digests.digest_files(images, paths)
    assert [one != other for one, other in zip(first, again, strict=True)] == [True] + [False] * (len(paths) - 1)
    assert (paths[0].stat().st_size, len(read)) == (status.st_size, len(paths) + 1)


def test_a_cache_that_is_damaged_or_cannot_be_written_changes_no_digest(images, monkeypatch):
    paths = sorted(images.rglob("*.bmp"))
    first = file_digests.digest_files(images, paths)
    for text in ("", "{}", '[["a"]]', "[[1, 2, 3, 4, 5]]"):
        file_digests._cache(images).write_text(text)
        assert file_digests.digest_files(images, paths) == first
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    assert file_digests.digest_files(images, paths) == first


def test_reading_many_bytes_is_shown(images, monkeypatch):
    shares, paths = [], sorted(images.rglob("*.bmp"))

    class Meter:
        def __enter__(self):
            return shares.append

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(file_digests, "SMALL", 0)
    token = file_digests.SHOWN.set(lambda _: Meter())
    try:
        file_digests.digest_files(images, paths)
    finally:
        file_digests.SHOWN.reset(token)
    assert len(shares) == len(paths)
    assert shares == sorted(shares)
    assert shares[-1] == 1
