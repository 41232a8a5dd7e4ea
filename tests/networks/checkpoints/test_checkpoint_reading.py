"""Reading files: what is refused, in which words, and that nothing in them is ever executed."""

from __future__ import annotations

import argparse
import collections
import datetime as dt
import io
import os
import pathlib
import pickle
import re
import stat
import sys
import types
import zipfile

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from prunescope.api.errors import InputError, PrunescopeError
from prunescope.networks import checkpoints
from prunescope.networks.checkpoints.reading import read_content


class Payload:
    """Unpickling it calls a function with one argument."""

    def __init__(self, function, argument):
        self.function, self.argument = function, argument

    def __reduce__(self):
        return self.function, (self.argument,)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)


def payloads(marker):
    return {
        "system": Payload(os.system, f"touch '{marker}'"),
        "eval": Payload(eval, f"open({str(marker)!r}, 'w').close()"),
        "exec": Payload(exec, f"open({str(marker)!r}, 'w').close()"),
    }


def legacy(value, path):
    torch.save(value, path, _use_new_zipfile_serialization=False)


def zipped(value, path):
    torch.save(value, path)


@pytest.mark.parametrize("write", [zipped, legacy])
@pytest.mark.parametrize("which", ["system", "eval", "exec"])
@pytest.mark.parametrize("where", ["beside the weights", "as a weight", "as the whole"])
def test_a_malicious_pickle_never_runs_unless_asked_to(tmp_path, write, which, where):
    marker, path = tmp_path / "marker", tmp_path / "evil.pt"
    payload = payloads(marker)[which]
    value = {
        "beside the weights": {"state_dict": {"fc.weight": torch.ones(2, 2)}, "args": payload},
        "as a weight": {"fc.weight": payload},
        "as the whole": payload,
    }[where]
    write(value, path)
    with pytest.raises(InputError, match="was not loaded") as caught:
        checkpoints.load_checkpoint(path)
    assert which in str(caught.value)
    assert "--unsafe-load" in caught.value.fix
    assert not marker.exists()
    read_content(path, unsafe=True)  # the payload is a real one
    assert marker.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_a_plain_pickle_is_refused_unread_even_when_unsafe(tmp_path, protocol):
    marker, path = tmp_path / "marker", tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps(payloads(marker)["system"], protocol=protocol))
    for unsafe in (False, True):
        with pytest.raises(InputError, match="not a checkpoint"):
            checkpoints.load_checkpoint(path, unsafe=unsafe)
    assert not marker.exists()


def test_a_pickle_behind_torchs_magic_number_is_not_run_either(tmp_path):
    marker, path = tmp_path / "marker", tmp_path / "evil.pt"
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
    for position in range(3):
        parts = [pickle.dumps(1001, protocol=2), pickle.dumps({}, protocol=2), pickle.dumps({}, protocol=2)]
        parts[position] = pickle.dumps(payloads(marker)["system"], protocol=2)
        path.write_bytes(magic + b"".join(parts))
        with pytest.raises(InputError):
            checkpoints.load_checkpoint(path)
    assert not marker.exists()


@pytest.mark.parametrize("write", [zipped, legacy])
def test_plain_data_beside_the_weights_is_read(tmp_path, write):
    beside = {
        "args": argparse.Namespace(model="x", lr=0.1, ratio=[0.75, 1.3], opt_kwargs={}),
        "metric": np.float64(71.5),
        "count": np.int64(3),
        "history": np.arange(3.0),
        "folder": pathlib.Path("runs/1"),
        "when": dt.datetime(2024, 5, 1, 12, 30, tzinfo=dt.UTC),
        "took": dt.timedelta(seconds=5),
        "order": collections.OrderedDict(a=1),
        "device": torch.device("cpu"),
        "dtype": torch.float16,
        "torch": torch.__version__,
    }
    path = tmp_path / "rich.pt"
    write({"state_dict": {"fc.weight": torch.ones(2, 2)}, **beside}, path)
    got = read_content(path, unsafe=False).value
    assert vars(got["args"]) == vars(beside["args"])
    assert got["history"].tolist() == [0, 1, 2]
    assert (got["metric"], got["count"], got["when"], got["took"]) == (71.5, 3, beside["when"], beside["took"])
    assert got["folder"] == pathlib.PurePosixPath("runs/1")
    assert not isinstance(got["folder"], pathlib.Path)  # cannot touch the disk
    assert (got["device"], got["dtype"], got["torch"]) == (beside["device"], beside["dtype"], beside["torch"])


@pytest.mark.parametrize("name", ["numpy.core.multiarray scalar", "numpy._core.multiarray scalar"])
def test_numpys_old_and_new_names_are_read(tmp_path, name):
    path = tmp_path / "a.pt"
    torch.save({"fc.weight": torch.ones(1), "metric": np.float64(0.5)}, path)
    with zipfile.ZipFile(path) as archive:
        parts = {member: archive.read(member) for member in archive.namelist()}
    member = next(member for member in parts if member.endswith("data.pkl"))
    parts[member] = re.sub(rb"numpy\._?core\.multiarray\nscalar", name.replace(" ", "\n").encode(), parts[member])
    with zipfile.ZipFile(path, "w") as archive:
        for other, content in parts.items():
            archive.writestr(other, content)
    assert read_content(path, unsafe=False).value["metric"] == 0.5


def test_the_allowance_ends_with_the_call(tmp_path):
    before = set(map(str, torch.serialization.get_safe_globals()))
    torch.save({"fc.weight": torch.ones(1)}, tmp_path / "a.pt")
    read_content(tmp_path / "a.pt", unsafe=False)
    assert set(map(str, torch.serialization.get_safe_globals())) == before


@pytest.mark.parametrize("write", [zipped, legacy])
@pytest.mark.filterwarnings("ignore::torch.serialization.SourceChangeWarning")
def test_a_whole_module_is_refused_and_loads_when_unsafe(tmp_path, write):
    path = tmp_path / "module.pt"
    write(Net(), path)
    with pytest.raises(InputError, match=r"whole pickled '.*Net'") as caught:
        checkpoints.load_checkpoint(path)
    assert "state_dict" in caught.value.fix
    assert isinstance(read_content(path, unsafe=True).value, Net)


def text(path):
    path.write_text("epoch,loss\n1,0.5\n")


def hdf5(path):
    with h5py.File(path, "w") as file:
        file["x"] = [1.0]


def npy(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def npz(path):
    with path.open("wb") as file:
        np.savez(file, w=np.ones(2))


def plain_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")


def torchscript(path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # the layout of torch.jit.save
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py", "version"):
            archive.writestr(f"net/{name}", b"")
    path.write_bytes(buffer.getvalue())


def cut(path, value=None):
    torch.save({"fc.weight": torch.ones(100, 100)} if value is None else value, path)
    path.write_bytes(path.read_bytes()[:-2000])


def cut_legacy(path):
    legacy({"fc.weight": torch.ones(100, 100)}, path)
    path.write_bytes(path.read_bytes()[:-2000])


def cut_very_short(path):
    legacy({"fc.weight": torch.ones(2)}, path)
    path.write_bytes(path.read_bytes()[:20])


def cut_safetensors(path):
    safetensors.torch.save_file({"fc.weight": torch.ones(100, 100)}, path)
    path.write_bytes(path.read_bytes()[:-2000])


def damaged_zip(path):
    torch.save({"fc.weight": torch.ones(2)}, path)
    content = path.read_bytes()
    at = content.index(b"fc.weight")
    path.write_bytes(content[:at] + b"\xff" * 30 + content[at + 30 :])


WRONG_FILES = {
    "an HDF5 file": hdf5,
    "a PNG image": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "a JPEG image": lambda path: path.write_bytes(b"\xff\xd8\xff" + bytes(100)),
    "a gzip archive": lambda path: path.write_bytes(b"\x1f\x8b" + bytes(100)),
    "a tar archive": lambda path: path.write_bytes(bytes(257) + b"ustar" + bytes(300)),
    "a Git LFS pointer": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    "an HTML page": lambda path: path.write_text("<!DOCTYPE html><html>404</html>"),
    "a text file": text,
    "a NumPy array": npy,
    "a NumPy archive": npz,
    "a zip archive": plain_zip,
    "a TorchScript program": torchscript,
    "of unknown format": lambda path: path.write_bytes(bytes(range(128, 256)) * 4),
    "is empty": lambda path: path.write_bytes(b""),
    "truncated or damaged archive": cut,
    "damaged or truncated checkpoint": cut_legacy,
    "damaged or truncated checkpoint: .*": cut_very_short,
    "damaged or truncated safetensors": cut_safetensors,
    "damaged or truncated checkpoint:": damaged_zip,
}


@pytest.mark.parametrize("what", WRONG_FILES)
def test_other_and_damaged_files_are_refused_by_what_they_are(tmp_path, what):
    path = tmp_path / "ckpt.pt"
    WRONG_FILES[what](path)
    with pytest.raises(InputError, match=what) as caught:
        checkpoints.load_checkpoint(path)
    assert str(path) in caught.value.message
    assert caught.value.fix
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("value", [[1, 2], {}, {"optimizer": {"state": {}}}, {"loss": 0.5}, torch.ones(3), "text"])
def test_a_file_without_weights_is_refused(tmp_path, value):
    torch.save(value, tmp_path / "ckpt.pt")
    with pytest.raises(InputError, match=r"ckpt\.pt"):
        checkpoints.load_checkpoint(tmp_path / "ckpt.pt")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no file at"):
        checkpoints.load_checkpoint(tmp_path / "nowhere.pt")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path):
    path = tmp_path / "ckpt.pt"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(InputError, match=r"[Pp]ermission"):
        checkpoints.load_checkpoint(path)
    path.chmod(stat.S_IRUSR)


def test_an_unreadable_file_names_the_reason(tmp_path, monkeypatch):
    path = tmp_path / "ckpt.pt"
    path.write_bytes(b"x")

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "open", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        read_content(path, unsafe=False)


def test_every_refusal_is_one_of_ours_for_any_cut_of_a_real_file(tmp_path):
    path, whole = tmp_path / "ckpt.pt", tmp_path / "whole.pt"
    for write in (zipped, legacy):
        write({"fc.weight": torch.ones(3, 3), "fc.bias": torch.ones(3)}, whole)
        content = whole.read_bytes()
        for end in range(0, len(content) - 1, max(1, len(content) // 60)):
            path.write_bytes(content[:end])
            with pytest.raises(PrunescopeError):
                checkpoints.load_checkpoint(path)


def test_code_that_is_not_installed_is_named(tmp_path, monkeypatch):
    """A sound file whose pickle names a class of another environment: not damaged."""
    module = types.ModuleType("project_of_somebody")
    exec("class Config:\n    rate = 0.1", vars(module))  # noqa: S102 - the class of a module that is gone later
    module.Config.__module__ = "project_of_somebody"
    monkeypatch.setitem(sys.modules, "project_of_somebody", module)
    torch.save({"state_dict": {"weight": torch.ones(2)}, "cfg": module.Config()}, tmp_path / "a.ckpt")
    monkeypatch.delitem(sys.modules, "project_of_somebody")
    with pytest.raises(InputError, match="project_of_somebody") as caught:
        read_content(tmp_path / "a.ckpt", unsafe=True)
    assert "damaged" not in str(caught.value)
    assert "install the package" in caught.value.fix


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("how", ["grows", "is replaced", "is gone"])
def test_a_file_that_changes_while_it_is_read_is_named(suffix, how, tmp_path, monkeypatch):
    from prunescope.networks.checkpoints import reading

    path = tmp_path / f"a.{suffix}"
    weights = {"w": torch.zeros(2)}
    torch.save(weights, path) if suffix == "pt" else safetensors.torch.save_file(weights, path)
    assert read_content(path, unsafe=False).kind
    sniff = reading.sniff

    def change(path):
        kind = sniff(path)
        if how == "grows":
            with path.open("ab") as file:
                file.write(bytes(64))
        elif how == "is replaced":
            (tmp_path / "other").write_bytes(path.read_bytes())
            (tmp_path / "other").replace(path)
        else:
            path.unlink()
        return kind

    monkeypatch.setattr(reading, "sniff", change)
    with pytest.raises(InputError, match="was changed while it was read"):
        read_content(path, unsafe=False)
