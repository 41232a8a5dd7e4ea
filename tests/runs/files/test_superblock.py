"""A result that another program has open for writing is read: nothing in it has changed but a mark."""

import h5py
import pytest

from prunescope.runs.files import hdf5, opening, superblock


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "train-0123.h5"
    made.write_bytes(hdf5.hdf5_bytes({"/": hdf5.Item(attributes={"id": "train-0123", "answer": 42.0})}))
    return made


def test_a_file_that_is_open_elsewhere_for_writing_is_read(path):
    before = path.read_bytes()
    with h5py.File(path, "r+") as held:
        marked = path.read_bytes()
        assert marked != before
        assert superblock.without_open_mark(marked, at=hdf5.BLOCK) == before
        assert opening.open_checked(path).attrs["answer"] == held.attrs["answer"] == 42.0
    assert path.read_bytes() == before


def test_a_file_that_is_changed_elsewhere_is_refused(path):
    with h5py.File(path, "r+") as held:
        held.attrs["answer"] = 43.0
        held.flush()
        with pytest.raises(ValueError, match="do not match their digest"):
            opening.open_checked(path)


@pytest.mark.parametrize("data", [b"", bytes(600), superblock.SIGNATURE + bytes(600)])
def test_what_is_no_such_file_is_left_as_it_is(data):
    assert superblock.without_open_mark(data, at=0) == data
