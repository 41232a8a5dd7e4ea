"""Objects that are in no result: claims that no file explains, and what HDF5 would follow or write beyond."""

from __future__ import annotations

import re
import struct
import zlib

import h5py
import numpy as np
import pytest
from h5py import h5a, h5d, h5p, h5s, h5t
from signing import sign, sign_bytes

from prunescope.api import Reading
from prunescope.api.errors import StoreError
from prunescope.runs.files import contents, glance, hdf5, runfile
from prunescope.runs.files.runfile import Run
from prunescope.runs.recipe import Recipe
from prunescope.runs.store import Store

NAME = "readings/lmc/lmc"

FACTS = {"unit": "1", "axes": "[]", "labels": "[]", "estimator": ""}

LONG = 3 << 20
"""Characters of a text that many attributes share."""


@pytest.fixture
def path(tmp_path):
    """Return the file of one run, of one reading."""
    readings = {"lmc": {"lmc": Reading(np.array([0.5, 0.25]), unit="fraction", axes=("pair",))}}
    recipe = Recipe(step="probe", plugin="lmc", arguments={"seed": 0})
    store = Store(tmp_path)
    store.write(Run(recipe=recipe, created="", wall_seconds=1.0, device="", versions={}, readings=readings))
    return store.path(recipe.id)


def again(file, *shape, dtype="f8", **options):
    del file[NAME]
    file.create_dataset(NAME, shape, dtype, **options).attrs.update(FACTS)


def packed(file, data, *, times=1):
    """Write one chunk of 8 bytes as packed data that somebody else made."""
    del file[NAME]
    plan = h5p.create(h5p.DATASET_CREATE)
    plan.set_chunk((8,))
    for _ in range(times):
        plan.set_deflate(1)
    made = h5d.create(file["readings/lmc"].id, b"lmc", h5t.STD_U8LE, h5s.create_simple((8,)), dcpl=plan)
    made.write_direct_chunk((0,), data)
    file[NAME].attrs.update(FACTS)


def problem_of(path):
    """Return what is wrong with the file, as a report on thousands of results reads it."""
    return contents.read_contents(path.parent, [path.stem]).problems[path.stem].message


def attribute(file, kind, *, name=b"new"):
    h5a.create(file["readings"].id, name, kind, h5s.create(h5s.SCALAR))


BOMB = zlib.compress(bytes(1 << 20))

ATTACKS = {
    "a chunk that unpacks to more": (lambda file: packed(file, BOMB), "when it is unpacked"),
    "packed twice": (lambda file: packed(file, zlib.compress(BOMB), times=2), "unknown compression filter"),
    "not packed at all": (lambda file: packed(file, b"not packed"), "when it is unpacked"),
    "a chunk for each number": (lambda file: again(file, 1 << 20, chunks=(1,)), "larger than the file"),
    "one large chunk": (lambda file: again(file, 1, maxshape=(None,), chunks=(1 << 27,)), "larger than"),
    "numbers that fill no file": (lambda file: again(file, 1 << 20, chunks=(1 << 20,)), "larger than"),
    "texts of any length": (lambda file: again(file, 2, dtype=h5py.string_dtype()), "a type other than"),
    "lists of any length": (lambda file: again(file, 2, dtype=h5py.vlen_dtype("f8")), "a type other than"),
    "a type of its own": (lambda file: file.update({"readings/lmc/kind": np.dtype("f8")}), "neither a group nor"),
    "a place in another array": (
        lambda file: file.update({"readings/lmc/part": file[NAME].regionref[:1]}), "a type other than"
    ),
    "a name that is no text": (lambda file: file.create_group(b"readings/\xff"), "not UTF-8"),
    "an attribute whose name is none": (lambda file: attribute(file, h5t.NATIVE_DOUBLE, name=b"\xff"), "not UTF-8"),
    "an attribute that leads on": (lambda file: attribute(file, h5t.STD_REF_OBJ), "an attribute other than"),
    "an attribute of bits": (lambda file: attribute(file, h5t.STD_B32LE), "an attribute other than"),
    "an attribute of a time": (lambda file: attribute(file, h5t.UNIX_D32LE), "an attribute other than"),
    "an attribute of several texts": (
        lambda file: file.attrs.create("new", ["a", "b"], dtype=h5py.string_dtype()), "an attribute other than"
    ),
}  # fmt: skip
"""What somebody makes of the file -> the change, and what the message says."""


@pytest.mark.parametrize("what", ATTACKS)
def test_what_is_no_plain_value_is_refused_by_name(path, what):
    change, said = ATTACKS[what]
    with h5py.File(path, "a") as file:
        change(file)
    sign_bytes(path)
    assert said in runfile.check_run_file(path)
    with pytest.raises(StoreError, match=said):
        runfile.read_run(path, with_mask=True)


@pytest.mark.parametrize("what", [name for name, (_, said) in ATTACKS.items() if said.startswith(("when", "larger"))])
def test_what_claims_too_much_is_refused_where_few_readings_are_read(path, what):
    with h5py.File(path, "a") as file:
        ATTACKS[what][0](file)
    sign_bytes(path)
    with pytest.raises(StoreError, match=ATTACKS[what][1]):
        glance.arrays(path, ("lmc/lmc",))
    assert ATTACKS[what][1] in problem_of(path)


@pytest.mark.parametrize("name", ["wall_seconds", "schema"])
@pytest.mark.parametrize("count", [2, 10_000])
def test_several_numbers_in_the_place_of_one_are_not_written_past_its_end(path, name, count):
    with h5py.File(path, "a") as file:
        file.attrs.create(name, np.full(count, 7.7))
    sign_bytes(path)
    with pytest.raises(StoreError, match=f"{name} is not one number"):
        glance.arrays(path, ("lmc/lmc",))
    assert f"{name} is not one number" in problem_of(path)


def test_more_objects_than_any_result_has_are_refused(path, monkeypatch):
    monkeypatch.setattr("prunescope.runs.files.plain_objects.MOST_OBJECTS", 20)
    with h5py.File(path, "a") as file:
        for number in range(30):
            file.create_group(f"more/{number}")
    sign_bytes(path)
    assert "more than 20 objects" in runfile.check_run_file(path)


def test_a_mask_is_unpacked_only_where_it_is_read(path):
    with h5py.File(path, "a") as file:
        packed(file, BOMB)
        file.move(NAME, "mask/w")
    sign_bytes(path)
    assert runfile.read_run(path).mask is None
    with pytest.raises(StoreError, match="when it is unpacked"):
        runfile.read_run(path, with_mask=True)


def test_a_mask_of_a_large_network_is_read(path):
    with h5py.File(path, "a") as file:
        file.create_dataset("mask/w", data=np.ones((3000, 3000), np.uint8), chunks=(300, 3000), compression="gzip")
    sign(path)
    assert runfile.check_run_file(path) is None
    assert runfile.read_run(path, with_mask=True).mask.kept["w"].all()


def test_one_text_that_many_attributes_share_counts_as_often(path):
    with h5py.File(path) as file:
        facts = dict(file.attrs)
    with h5py.File(path, "w", libver="earliest", userblock_size=hdf5.BLOCK) as file:  # attributes without checksums
        file.attrs.update(facts)
        for number in range(400):
            file.create_dataset(f"readings/lmc/r{number}", data=1.0).attrs.update(FACTS | {"axes": "[7]"})
        file["readings/lmc/r0"].attrs["axes"] = f'["{"x" * (LONG - 4)}"]'
    data = path.read_bytes()
    shared = re.search(rb"axes\0{4}.{32}(" + re.escape(struct.pack("<I", LONG)) + b".{12})", data, re.DOTALL)[1]
    data = re.sub(rb"(axes\0{4}.{32})\x03\0\0\0.{12}", lambda found: found[1] + shared, data, flags=re.DOTALL)
    path.write_bytes(hdf5.block(data, name=path.stem) + data[hdf5.BLOCK :])
    assert data.count(shared) > 300
    assert "larger than the format allows" in runfile.check_run_file(path)
    assert "takes more than the file explains" in problem_of(path)
