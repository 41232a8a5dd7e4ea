"""Mutants whose frame is valid: digests renewed, archives packed again, pickles written by pickle, JSON by json.

A changed byte of such a file is refused by its first check; here the change lies in what that check lets through.
"""

from __future__ import annotations

import csv
import io
import json
import math
import tomllib
import zipfile
from argparse import Namespace
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import torch

from prunescope.runs.files import hdf5

if TYPE_CHECKING:
    import random
    from collections.abc import Callable


def _deep(depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


PLAIN: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: True,
    lambda: -1,
    lambda: 0,
    lambda: 10**30,
    lambda: -(10**400),
    lambda: math.inf,
    lambda: math.nan,
    lambda: 1e-320,
    lambda: "",
    lambda: "os:system",
    lambda: "subprocess:check_output",
    lambda: "stranger:f",
    lambda: "./mod:f",
    lambda: "/etc/passwd",
    lambda: "../../etc/passwd",
    lambda: "<script>alert(1)</script>",
    lambda: "=cmd|' /C calc'!A0",
    lambda: "\x00\x1b[2J",
    lambda: "\ud7ff" * 50,
    lambda: "\udc80",
    lambda: "a" * 5000,
    lambda: "1e999",
    list,
    dict,
    lambda: [1, "a", None],
    lambda: {"a": {"b": [1]}},
    lambda: _deep(60),
    lambda: _deep(300),
    lambda: ["x"] * 20_000,
    lambda: {str(number): number for number in range(3000)},
)
"""Values that a reader of plain data must stand."""

TENSORS: tuple[Callable[[], Any], ...] = (
    lambda: torch.zeros(0),
    lambda: torch.zeros(()),
    lambda: torch.tensor([1.0, 2.0]),
    lambda: torch.full((3, 4), math.nan),
    lambda: torch.zeros(3, 4, dtype=torch.complex64),
    lambda: torch.zeros(3, 4, dtype=torch.float16),
    lambda: torch.zeros(3, 4, dtype=torch.bool),
    lambda: torch.zeros(3, 4, dtype=torch.int8),
    lambda: torch.zeros(1).expand(200, 200),
    lambda: torch.zeros(3, 4).to_sparse(),
    lambda: torch.zeros(2, 3, 4).transpose(0, 2),
    lambda: torch.nn.Parameter(torch.zeros(3, 4)),
    lambda: np.float64(3.0),
    lambda: np.zeros((2, 2)),
    lambda: Namespace(model="resnet18", lr=None),
    lambda: OrderedDict(a=torch.zeros(2)),
    lambda: (1, (2, (3,))),
    lambda: {("a", 1): torch.zeros(1), 3: 4},
    lambda: b"\xff\x00",
    lambda: {1, 2},
    lambda: torch.Size([3, 4]),
    lambda: torch.float32,
    lambda: slice(1, 2),
    lambda: 3 + 4j,
)
"""Values that torch.save writes."""


def mutated(value: Any, chance: random.Random, odd: tuple[Callable[[], Any], ...]) -> Any:  # noqa: ANN401 - any data
    """Return a value with one thing in it replaced, removed, renamed or doubled."""
    if isinstance(value, Namespace):
        return Namespace(**_named(mutated(vars(value), chance, odd)))
    inside = isinstance(value, dict | list | tuple) and len(value) > 0 and chance.random() < 0.85
    if not inside:
        return chance.choice(odd)()
    items: list[Any] = list(value.items()) if isinstance(value, dict) else list(value)
    at, kind = chance.randrange(len(items)), chance.randrange(8)
    if kind == 0:
        del items[at]
    elif kind == 1:
        items.insert(chance.randrange(len(items)), items[at])
    elif isinstance(value, dict):
        key, held = items[at]
        items[at] = (_name(chance), held) if kind == 2 else (key, mutated(held, chance, odd))
    else:
        items[at] = mutated(items[at], chance, odd)
    if isinstance(value, dict):
        return dict(items)
    return tuple(items) if isinstance(value, tuple) else items


def _named(found: object) -> dict[str, Any]:
    return {str(name): held for name, held in found.items()} if isinstance(found, dict) else {"model": found}


NAMES = ("", "os:system", "a.b.c.weight", "module.", "\x00", "x" * 300, "args", "state_dict", "weight")
"""Of keys and of members of an archive."""


def _name(chance: random.Random) -> str:
    return chance.choice(NAMES)


def times(value: Any, chance: random.Random, odd: tuple[Callable[[], Any], ...]) -> Any:  # noqa: ANN401 - any data
    """Return a value that was mutated one to three times."""
    for _ in range(chance.randint(1, 3)):
        value = mutated(value, chance, odd)
    return value


def saved_values(value: object, chance: random.Random, *, new: bool) -> bytes:
    """Return what torch.save writes of a mutated object."""
    file = io.BytesIO()
    torch.save(times(value, chance, PLAIN + TENSORS), file, _use_new_zipfile_serialization=new)
    return file.getvalue()


def packed_again(data: bytes, chance: random.Random, mutate: Callable[[bytes, random.Random], bytes]) -> bytes:
    """Return an archive one of whose members is mutated, renamed, doubled or left out, its checksums renewed."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(made, "w") as again:
        names = archive.namelist()
        chosen, kind = chance.choice(names), chance.randrange(8)
        for name in names:
            content = archive.read(name)
            if name != chosen or kind > 3:
                again.writestr(name, mutate(content, chance) if name == chosen else content)
            elif kind == 1:
                again.writestr(f"{name}{_name(chance)}", content)
            elif kind == 2:
                again.writestr(zipfile.ZipInfo(name), content * chance.choice((0, 2, 100)))
            elif kind == 3:
                again.writestr(name, content, compress_type=zipfile.ZIP_DEFLATED)
    return made.getvalue()


def safetensors_values(data: bytes, chance: random.Random) -> bytes:
    """Return a file of tensors whose header is mutated as JSON, its length renewed."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    made = json.dumps(times(header, chance, PLAIN)).encode()
    return len(made).to_bytes(8, "little") + made + data[8 + size :]


def safetensors_facts(data: bytes, chance: random.Random) -> bytes:
    """Return a file of tensors whose facts of prunescope's own are mutated: JSON texts in the texts of the header."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    texts = header["__metadata__"]
    name = chance.choice(sorted(texts))
    try:
        texts[name] = json.dumps(times(json.loads(texts[name]), chance, PLAIN))
    except ValueError:
        texts[name] = str(chance.choice(PLAIN)())
    made = json.dumps(header).encode()
    return len(made).to_bytes(8, "little") + made + data[8 + size :]


def state_values(data: bytes, chance: random.Random) -> bytes:
    """Return the state of a training, its header mutated and its digest renewed."""
    change = chance.choice((safetensors_facts, safetensors_values))
    made = bytes(hdf5.BLOCK) + change(data[hdf5.BLOCK :], chance)
    return hdf5.block(made, name=hdf5.name_in(data)) + made[hdf5.BLOCK :]


def json_values(data: bytes, chance: random.Random) -> bytes:
    """Return a JSON text of mutated values."""
    return json.dumps(times(json.loads(data), chance, PLAIN)).encode()


def yaml_values(data: bytes, chance: random.Random) -> bytes:
    """Return a YAML text of mutated values."""
    import yaml

    return bytes(yaml.safe_dump(times(yaml.safe_load(data), chance, PLAIN)).encode("utf-8", "surrogatepass"))


def toml_values(data: bytes, chance: random.Random) -> bytes:
    """Return a TOML text of mutated values."""
    found = times(tomllib.loads(data.decode()), chance, PLAIN)
    tables = found if isinstance(found, dict) else {"x": found}
    return "\n".join(f"{json.dumps(name)} = {_toml(held)}" for name, held in tables.items()).encode()


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(name))} = {_toml(held)}" for name, held in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf"
    return json.dumps(value if value is not None else "")


def csv_cells(data: bytes, chance: random.Random) -> bytes:
    """Return a table some of whose cells, rows or columns are others."""
    found = times([list(row) for row in csv.reader(data.decode().splitlines())], chance, PLAIN)
    rows = found if isinstance(found, list) else [found]
    made = io.StringIO()
    csv.writer(made).writerows(row if isinstance(row, list) else [row] for row in rows)
    return made.getvalue().encode("utf-8", "surrogatepass")


ARRAYS: tuple[Callable[[], Any], ...] = (
    lambda: h5py.Empty("f"),
    lambda: np.zeros((0, 3)),
    lambda: np.zeros((2, 3, 4)),
    lambda: np.full(5, np.nan),
    lambda: np.array(["a", "b"], dtype="S3"),
    lambda: np.zeros(3, dtype=np.complex64),
    lambda: np.int8(-3),
    lambda: np.float16(1),
    lambda: True,
    lambda: 2**63,
    lambda: "text",
    lambda: "",
    lambda: "[" * 3000,
    lambda: '{"a": 1e999}',
    lambda: np.void(b"\x00\x01"),
)
"""Values of HDF5's attributes and data sets."""


def signed_values(data: bytes, chance: random.Random) -> bytes:
    """Return a result whose attributes and data sets are mutated, and both digests renewed."""
    file = io.BytesIO(data)
    with h5py.File(file, "a") as opened:
        for _ in range(chance.randint(1, 3)):
            _change(opened, chance)
        with suppress(Exception):  # what cannot be signed by its values is signed by its bytes
            opened.attrs[hdf5.DIGEST] = hdf5.digest_of(opened)
    made = file.getvalue()
    return hdf5.block(made, name=hdf5.name_in(made)) + made[hdf5.BLOCK :]


def _change(file: h5py.File, chance: random.Random) -> None:
    places = [file]
    file.visititems(lambda _, found: places.append(found))
    place, kind = chance.choice(places), chance.randrange(6)
    names = list(place.attrs)
    try:
        if kind == 0 and place is not file:
            del file[place.name]
        elif kind == 1 and isinstance(place, h5py.Dataset):
            name = place.name
            del file[name]
            file[name] = chance.choice(ARRAYS)()
        elif kind == 2:
            place.attrs[chance.choice(("of a newer version", "unit", "n", "schema"))] = chance.choice(ARRAYS)()
        elif names and kind == 3:
            del place.attrs[chance.choice(names)]
        elif names:
            name = chance.choice(names)
            text = place.attrs[name]
            is_json = isinstance(text, str) and text[:1] in ("{", "[")
            plain = json.dumps(times(json.loads(text), chance, PLAIN)) if is_json else chance.choice(ARRAYS)()
            place.attrs[name] = plain
    except (OSError, TypeError, ValueError, RuntimeError, KeyError, OverflowError):
        return  # what HDF5 itself does not write
