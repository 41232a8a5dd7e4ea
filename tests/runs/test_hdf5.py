"""Files made in memory by HDF5's own functions are those that h5py's objects write."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from prunescope.runs.files import hdf5
from prunescope.runs.files.hdf5 import Item

KINDS = st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_])

VALUES = KINDS.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, min_side=0, max_side=3)))

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)

ATTRIBUTES = st.dictionaries(
    st.sampled_from(["unit", "n", "stderr", "größe"]), TEXTS | st.integers(-9, 9) | st.floats() | VALUES, max_size=4
)

ITEMS = st.dictionaries(
    st.sampled_from(["/", "history/of", "readings/lmc/lmc", "readings/lmc/a%2Fb", "mask/größe", "alone"]),
    st.builds(Item, value=VALUES, attributes=ATTRIBUTES),
)


def by_h5py(path, items):
    with h5py.File(path, "w") as file:
        for name, item in items.items():
            if name != "/":
                file.create_dataset(name, data=item.value, compression="gzip" if item.compressed else None)
            file[name].attrs.update(item.attributes)
        file.attrs["digest"] = hdf5.digest_of(file)


def seen(path):
    """Return what a reader of a file sees."""
    found = {}

    def look(name, item):
        values = {key: (type(value), np.asarray(value).dtype, repr(value)) for key, value in item.attrs.items()}
        kinds = {key: item.attrs.get_id(key).get_type() for key in item.attrs}
        if isinstance(item, h5py.Dataset):
            values["value"] = (item.dtype, item.shape, item[()].tobytes(), item.compression, item.compression_opts)
            kinds["value"] = item.id.get_type()
        found[name] = (values, kinds)

    with h5py.File(path) as file:
        look("/", file)
        file.visititems(look)
    return found


@settings(max_examples=60)
@given(items=ITEMS)
def test_any_file_is_what_h5py_writes(tmp_path_factory, items):
    folder = tmp_path_factory.mktemp("files")
    items = {name: Item(attributes=item.attributes) if name == "/" else item for name, item in items.items()}
    (folder / "ours.h5").write_bytes(hdf5.hdf5_bytes(items))
    by_h5py(folder / "theirs.h5", items)
    assert seen(folder / "ours.h5") == seen(folder / "theirs.h5")
    with h5py.File(folder / "ours.h5") as file:
        assert file.attrs["digest"] == hdf5.digest_of(file)


@pytest.mark.parametrize("shape", [(1,), (3, 2, 3, 3), (5000, 700), (2, 3_000_000), (0, 4)])
def test_masks_of_any_size_are_compressed(tmp_path, shape):
    value = (np.arange(np.prod(shape)) % 7 == 0).astype(np.uint8).reshape(shape)
    items = {"mask/a": Item(value=value, compressed=True)}
    (tmp_path / "a.h5").write_bytes(hdf5.hdf5_bytes(items))
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["mask/a"][()], value)
        assert file["mask/a"].compression == ("gzip" if value.size else None)
        assert file.attrs["digest"] == hdf5.digest_of(file)
    assert (tmp_path / "a.h5").stat().st_size < max(value.size / 5, 9000)


def test_an_attribute_may_be_large(tmp_path):
    text, numbers = "größe " * 50_000, np.arange(50_000.0)
    (tmp_path / "a.h5").write_bytes(hdf5.hdf5_bytes({"/": Item(attributes={"text": text, "numbers": numbers})}))
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["text"] == text
        assert np.array_equal(file.attrs["numbers"], numbers)


def test_an_array_may_lie_anyhow_in_memory(tmp_path):
    value = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)[::2]
    (tmp_path / "a.h5").write_bytes(hdf5.hdf5_bytes({"a": Item(value=value, attributes={"b": value})}))
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["a"][()], value)
        assert np.array_equal(file["a"].attrs["b"], value)


def test_the_digest_is_the_one_that_old_files_have(tmp_path):
    """A file and its digest as prunescope 0.1 wrote them, through h5py's objects."""
    digest = "fb6f540f60af31619bb0a3935ecce5776da2596f6185ec7bee6a61ae28d80243"
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs.update(schema=1, id="probe-0", wall_seconds=2.5)
        file.create_dataset("readings/lmc/lmc", data=np.array([-0.5, 0.25])).attrs["unit"] = "fraction"
        file.attrs["digest"] = digest
    with h5py.File(tmp_path / "old.h5") as file:
        assert hdf5.digest_of(file) == digest


RUN_TOGETHER = (
    ([("x", {}, None), ("y", {}, None)], [("xgroup0y", {}, None)]),
    ([("x", {}, None), ("y", {"k": "v"}, None)], [("xgroup0y", {"k": "v"}, None)]),
)
"""Without the lengths of the parts both have the same bytes."""


@pytest.mark.parametrize(("one", "other"), RUN_TOGETHER)
def test_parts_that_run_together_have_other_digests(one, other):
    assert hdf5.digest(one) != hdf5.digest(other)
