"""Every file ends in one clear error, within seconds and the memory that its size explains: what bombs try."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import pickle
import time
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from prunescope.api.errors import InputError, MismatchError, PrunescopeError
from prunescope.networks import checkpoints
from prunescope.networks.checkpoints.expansion import BudgetError
from prunescope.networks.checkpoints.reading import read_content
from prunescope.networks.checkpoints.scanning import scan_pickle
from prunescope.networks.checkpoints.sniffing import LEGACY_MAGIC
from prunescope.networks.spec import ModelSpec
from prunescope.runs.importing import import_checkpoint
from prunescope.runs.store import Store

SECONDS, BYTES = 10, 2 << 30
"""Of the reader of a small file; the tests allow the seconds five times over on a machine that does other work too."""


def archive(pickled, path, *, compress=zipfile.ZIP_STORED, names=("data.pkl",), more=()):
    with zipfile.ZipFile(path, "w", compress) as file:
        for name in names:
            file.writestr(f"a/{name}", pickled)
        for name, content in more:
            file.writestr(f"a/{name}", content)
    return path


def opcodes(*parts):
    return b"\x80\x02" + b"".join(parts) + b"."


def nested_pairs(depth):
    """Return a tuple that holds itself twice, so many times over: its hash takes 2^depth steps."""
    pairs = b"".join(b"q%ch%ch%c\x86" % (number, number, number) for number in range(depth))
    return b")" + pairs


BESIDE = (("version", b"3\n"), ("byteorder", b"little"))
"""What torch wants beside the pickle."""

KEY = opcodes(b"}", nested_pairs(60), b"K\x01s")

IN_A_SET = opcodes(b"cbuiltins\nset\n](", nested_pairs(60), b"e\x85R")

IN_ORDERED = opcodes(b"ccollections\nOrderedDict\n]", nested_pairs(60), b"K\x01\x86a\x85R")

BYTEARRAY = opcodes(b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R")

EMPTY_TENSOR = opcodes(b"ctorch\nFloatTensor\nJ\xa0\x86\x01\x00J\xa0\x86\x01\x00\x86R")

NDARRAY = opcodes(
    b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nJ\xff\xff\xff\x7fK\x04\x86C\x01btR".replace(
        b"C\x01b", b"U\x01b"
    )
)

SCALAR = b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\nU\x0bV2000000000\x85RtR"
"""As many bytes as its type says."""

PUNYCODE = b"c_codecs\nencode\n(X\x00\x00\x10\x00" + b"\xe4\xb8\x80\xe5\xb8\x80\xe6\xb8\x80zzz\x65zzz" * (1 << 16)
"""A codec that takes the square of the length of its text."""

MANY = opcodes(b"(" + b"N" * 2_100_000 + b"t")


def saved(value, path):
    torch.save(value, path)
    return path


def stride_0(path):
    return saved({"w": torch.zeros(1).expand(40_000, 40_000)}, path)


def sparse(path):
    return saved({"w": torch.sparse_coo_tensor([[0], [0]], [1.0], (40_000, 40_000), check_invariants=True)}, path)


def again_and_again(path):
    one = torch.zeros(1).expand(20_000, 20_000)
    return saved({str(number): one for number in range(10)}, path)


def compressed(path):
    return archive(pickle.dumps({}, 2), path, compress=zipfile.ZIP_DEFLATED, more=[("data/0", bytes(50_000_000))])


def two_pickles(path):
    return archive(pickle.dumps({}, 2), path, more=[("b/data.pkl", b"")], names=("data.pkl", "x"))


def in_capitals(path):
    """Write a second pickle, which torch finds first: it takes names in capitals for the same."""
    return archive(
        pickle.dumps({}, 2), path, names=(), more=[("DATA.PKL", HASHED), ("data.pkl", opcodes(b"}")), *BESIDE]
    )


def two_lists(path):
    """Write two lists of the members: Python reads the one before the end, torch the one that the end names."""
    ends = []
    for pickled in (HASHED, opcodes(b"}").ljust(len(HASHED), b"0")):  # of one length, so that each list is at one place
        buffer = io.BytesIO()
        archive(pickled, buffer, more=BESIDE)
        ends.append(buffer.getvalue())
    path.write_bytes(b"".join(ends))
    return path


def large_network(path):
    """Write a file of ours with one weight, which names a network of a billion."""
    spec = ModelSpec(name="vit_giant_patch14_dinov2", num_classes=3, in_chans=3, image_size=(518, 518))
    whole = checkpoints.Checkpoint(spec=spec, state={"w": torch.zeros(1)})
    path.write_bytes(b"".join(map(bytes, checkpoints.to_safetensors(whole))))
    return path


def not_utf_8(path):
    archive(pickle.dumps({}, 2), path, more=[("é", b"x")])
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xfe"))
    return path


def meta(path):
    return saved({"w": torch.zeros(2, 2, device="meta"), "b": torch.zeros(2)}, path)


def float8(path):
    return saved({"w": torch.zeros(2, 2).to(torch.float8_e4m3fn)}, path)


def complex_(path):
    return saved({"w": torch.zeros(2, 2, dtype=torch.complex64), "b": torch.zeros(2)}, path)


def many_dimensions(path):
    return saved({"w": torch.zeros(1).reshape([1] * 2000)}, path)


def many_dimensions_in_safetensors(path):
    return safetensors_of({"w": {"dtype": "F32", "shape": [1] * 100_000, "data_offsets": [0, 4]}}, path)


def many_tensors(path):
    one = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return safetensors_of({f"w{number}": one for number in range(100_001)}, path)


def safetensors_of(header, path):
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4 if len(header) == 1 else 0))
    return path


def long_name(path):
    return saved({"module." * 100_000 + "w": torch.zeros(2)}, path)


def long_storage(path):
    """Write an old layout whose storage claims 8 GB."""
    buffer = io.BytesIO()
    torch.save({"w": torch.zeros(2)}, buffer, _use_new_zipfile_serialization=False)
    path.write_bytes(buffer.getvalue().replace(b"K\x02N", b"J\xff\xff\xff\x7fN"))
    return path


TWICE = b")" + b"".join(b"q%ch%c\x86" % (number, number) for number in range(60))
"""A tuple that holds itself twice, sixty times over: written out it has 2^60 parts."""

HASHED = opcodes(b"}" + TWICE + b"K\x01s")

LATE = b"(" + b"".join(b"]q%c" % n for n in range(60)) + b"".join(b"h%c(h%ch%ce" % (n, n + 1, n + 1) for n in range(59))
"""The same of lists, which are filled only after others hold them."""

STORAGE = b"(U\x07storagectorch\nFloatStorage\n%b\x55\x03cpuK\x01tQ"

WRITTEN_OUT = {
    "hashed in a set": b"cbuiltins\nset\n](K\x01" + TWICE + b"\x86e\x85R",
    "hashed in a counter": b"ccollections\nCounter\n](K\x01" + TWICE + b"\x86e\x85R",
    "hashed as an attribute": b"cargparse\nNamespace\n)\x81](" + TWICE + b"K\x01\x86eb",
    "hashed as the key of a storage": STORAGE % TWICE,
    "hashed by torch": b"ctorch.serialization\n_get_layout\n" + TWICE + b"\x85R",
    "printed by a class": b"ctorch.torch_version\nTorchVersion\n" + TWICE + b"\x85R",
    "printed by its constructor": b"ctorch.torch_version\nTorchVersion\n" + TWICE + b"\x85\x81",
    "printed as what is called": TWICE + b")R",
    "printed as a class": TWICE + b")\x81",
    "printed as a layout": b"ctorch._utils\n_rebuild_sparse_tensor\n" + TWICE + b"K\x01\x86R",
    "printed, of lists": b"ctorch.torch_version\nTorchVersion\n" + LATE + b"t\x85R",
    "called, of lists": LATE + b"t)R",
}
"""What torch's unpickler does with a value -> opcodes that make it do so."""


def in_archive(part):
    """Return what writes a whole archive of torch.save whose value has this part."""
    return lambda path: archive(opcodes(b"}X\x01\x00\x00\x00a" + part + b"s"), path, more=BESIDE)


PROTOCOL, SYSTEM = pickle.dumps(1001, 2), pickle.dumps({"protocol_version": 1001, "little_endian": True}, 2)

FIVE_PICKLES = {
    "a protocol that is printed": (opcodes(TWICE), SYSTEM, opcodes(b"}"), opcodes(b"]")),
    "a machine with a key that is hashed": (PROTOCOL, opcodes(b"}" + TWICE + b"K\x01s"), opcodes(b"}"), opcodes(b"]")),
    "storages with a key that is hashed": (PROTOCOL, SYSTEM, opcodes(b"}"), opcodes(b"](" + TWICE + b"e")),
    "storages that take memory": (PROTOCOL, SYSTEM, opcodes(b"}"), BYTEARRAY),
}


def in_old_layout(parts):
    return lambda path: path.write_bytes(LEGACY_MAGIC + b"".join(parts)) and path


BOMBS = {
    **{f"a value {what}": in_archive(part) for what, part in WRITTEN_OUT.items()},
    **{f"the old layout, {what}": in_old_layout(parts) for what, parts in FIVE_PICKLES.items()},
    "a key of nested pairs": lambda path: archive(KEY, path),
    "the same in a set": lambda path: archive(IN_A_SET, path),
    "the same in an ordered dictionary": lambda path: archive(IN_ORDERED, path),
    "a long bytearray": lambda path: archive(BYTEARRAY, path),
    "a tensor of no storage": lambda path: archive(EMPTY_TENSOR, path),
    "numbers of numpy without a value": in_archive(b"(" + SCALAR * 8 + b"t"),
    "a text in a slow encoding": in_archive(PUNYCODE + b"U\x08punycodetR"),
    "a large array of numpy": lambda path: archive(NDARRAY, path),
    "many parts": lambda path: archive(MANY, path),
    "stride 0": stride_0,
    "sparse": sparse,
    "one tensor again and again": again_and_again,
    "compressed members": compressed,
    "two pickles": two_pickles,
    "two pickles, one in capitals": in_capitals,
    "two lists of members": two_lists,
    "names not in UTF-8": not_utf_8,
    "no data": meta,
    "float8": float8,
    "complex numbers": complex_,
    "a long name": long_name,
    "more dimensions than torch computes with": many_dimensions,
    "100,000 dimensions in safetensors": many_dimensions_in_safetensors,
    "100,001 tensors": many_tensors,
    "a long storage": long_storage,
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_is_one_clear_error(what, tmp_path):
    resource = pytest.importorskip("resource")
    path = BOMBS[what](tmp_path / "bomb.pt")
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, time.monotonic()
    with pytest.raises(PrunescopeError) as caught:
        checkpoints.load_checkpoint(path)
    assert time.monotonic() - started < 5 * SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < BYTES + 4 * path.stat().st_size
    assert caught.value.exit_code in (2, 3)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 1500


def test_a_small_file_that_names_a_large_network_takes_no_memory_for_it(tmp_path):
    resource = pytest.importorskip("resource")
    path = large_network(tmp_path / "large.safetensors")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with pytest.raises(MismatchError, match="does not fit 'vit_giant_patch14_dinov2'"):
        import_checkpoint(path, Store(tmp_path / "study"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < BYTES


def test_a_large_file_that_is_no_checkpoint_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("it was read"))
    with (tmp_path / "a.pt").open("wb") as file:
        file.truncate(8 << 30)
    with pytest.raises(InputError, match="of unknown format"):
        read_content(tmp_path / "a.pt", unsafe=False)


def test_what_torch_saves_is_followed_to_its_end(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.zeros(2, 3)).sum().backward()
    optimizer.step()
    value = {
        "state_dict": model.state_dict(),
        "whole": OrderedDict(a=torch.nn.Parameter(torch.zeros(2))),
        "optimizer": optimizer.state_dict(),
        "args": argparse.Namespace(lr=np.float64(0.1), seeds={1, 2}, size=torch.Size([1])),
        "sparse": torch.eye(3).to_sparse(),
        "half": torch.zeros(2, dtype=torch.bfloat16),
    }
    for new in (True, False):
        buffer = io.BytesIO()
        torch.save(value, buffer, _use_new_zipfile_serialization=new)
        path = tmp_path / f"{new}.pt"
        path.write_bytes(buffer.getvalue())
        with pytest.raises(PrunescopeError, match="architecture"):  # it was read
            checkpoints.load_checkpoint(path)


def test_a_value_that_is_held_twice_counts_twice_and_an_ordinary_one_is_read():
    shared = [list(range(100))] * 100
    assert scan_pickle(io.BytesIO(pickle.dumps(shared, 2)), size=100, sizes=lambda _: 0)
    with pytest.raises(BudgetError, match="repeats its parts"):
        scan_pickle(io.BytesIO(pickle.dumps([[[0] * 300] * 300] * 300, 2)), size=100, sizes=lambda _: 0)
    call = b"ccollections\nOrderedDict\n](" + b"K\x01" * 1000 + b"eq\x00\x85R"
    again = b"".join(b"ccollections\nOrderedDict\nh\x00\x85R" for _ in range(5_000))
    with pytest.raises(BudgetError, match="calls with values"):
        scan_pickle(io.BytesIO(opcodes(b"(" + call + again + b"t")), size=100, sizes=lambda _: 0)


VIEW = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE % b"U\x010" + b"%b%b%b\x89}tR"
"""A tensor of one number in the file -> its offset, shape and strides."""


@pytest.mark.parametrize(
    "placed",
    [(b"K\x01", b"K\x01\x85", b"K\x01\x85"), (b"K\x00", b"K\x02\x85", b"J\xff\xff\xff\x7f\x85"),
     (b"J\xff\xff\xff\x7f", b"K\x01\x85", b"K\x01\x85"), (b"K\x00", b"K\x01K\x02\x86", b"K\x00K\x05\x86")],
    ids=["one too far", "a stride", "an offset", "two dimensions"],
)  # fmt: skip
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(placed, tmp_path):
    path = in_archive(VIEW % placed)(tmp_path / "far.pt")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("a/data/0", bytes(4))
    with pytest.raises(InputError, match="longer than its values"):  # torch would enlarge the storage
        checkpoints.load_checkpoint(path)


def test_the_scan_follows_each_opcode_in_constant_time():
    with pytest.raises(BudgetError, match="repeats its parts"):
        scan_pickle(io.BytesIO(opcodes(b"(" + nested_pairs(200) + b"t")), size=100, sizes=lambda _: 0)
    with pytest.raises(BudgetError, match="neither a text nor a number"):
        scan_pickle(io.BytesIO(opcodes(b"}))\x86K\x01s")), size=100, sizes=lambda _: 0)


def test_20_000_tensors_that_fit_nothing_are_matched_in_seconds(tmp_path):
    path = saved({f"part{number % 50}.x{number}.y.z": torch.zeros(1) for number in range(20_000)}, tmp_path / "many.pt")
    with pytest.raises(PrunescopeError) as caught:
        checkpoints.load_checkpoint(path, model="resnet18")
    assert caught.value.exit_code == 3


def test_a_name_of_code_without_end_is_refused_before_torch_sees_it(tmp_path):
    pickled = opcodes(b"](ctorch\n" + b"[" * 30_000 + b"\n)Re")
    with pytest.raises(InputError, match="name has more than 1000 characters"):
        checkpoints.load_checkpoint(archive(pickled, tmp_path / "a.pt"))
