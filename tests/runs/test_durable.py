"""Durable means durable: what a crash leaves opens, and a study works where a file system has no locks."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from prunescope.api import Reading
from prunescope.api.errors import BusyError, StoreError
from prunescope.networks import checkpoints
from prunescope.networks.models import create
from prunescope.networks.spec import ModelSpec
from prunescope.runs.files import locks, whole
from prunescope.runs.files.runfile import Run
from prunescope.runs.recipe import Recipe
from prunescope.runs.store import Store

SPEC = ModelSpec(name="preresnet8", num_classes=3, in_chans=1, image_size=(8, 8), options={"width": 0.25})


class Disk:
    """What is on a disk that keeps only what was synced: contents by file, names by folder."""

    def __init__(self, monkeypatch):
        self.contents, self.names, self.pending, self.states = {}, {}, {}, []
        self.fsync, self.replace = os.fsync, Path.replace
        monkeypatch.setattr(os, "fsync", self.synced)
        monkeypatch.setattr(Path, "replace", lambda source, target: self.renamed(source, Path(target)))

    def synced(self, descriptor):
        self.fsync(descriptor)
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        if place.is_dir():
            self.names |= {name: kept for name, kept in self.pending.items() if name.parent == place}
            self.pending = {name: kept for name, kept in self.pending.items() if name.parent != place}
        else:
            self.contents[place] = place.read_bytes()
        self.crash()

    def renamed(self, source, target):
        self.pending[target] = self.contents.get(source, b"")  # what was not synced is lost
        found = self.replace(source, target)
        self.crash()
        return found

    def crash(self):
        """Note both states a crash can leave now: names that were not synced are there, or are not."""
        self.states += [dict(self.names), self.names | self.pending]


def a_run(seed):
    recipe = Recipe(step="train", plugin="sgd", arguments={"seed": seed})
    readings = {"a": {"b": Reading(np.arange(3.0), unit="1", axes=("replica",))}}
    run = Run(recipe=recipe, created="now", wall_seconds=1.0, device="cpu", versions={}, readings=readings)
    return run, checkpoints.Checkpoint(spec=SPEC, state=create(SPEC, seed=seed).state_dict())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files have no names here")
def test_every_state_that_a_crash_can_leave_opens(tmp_path, monkeypatch):
    disk, study = Disk(monkeypatch), tmp_path / "study"
    for seed in (0, 1):
        run, weights = a_run(seed)
        Store(study).write(run, {None: weights, 1: weights})
    monkeypatch.undo()
    assert len(disk.states) > 20
    counts = set()
    for number, state in enumerate(disk.states):
        left = tmp_path / f"left{number}"
        for name, content in state.items():
            place = left / name.relative_to(study)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        store = Store(left)
        assert store.damaged(store.ids()) == {}
        assert [store.load_weights(run_id).spec for run_id in store.ids()] == [SPEC] * len(store.ids())
        counts.add(len(store.ids()))
        shutil.rmtree(left, ignore_errors=True)
    assert counts == {0, 1, 2}


def test_the_folders_of_a_study_are_synced_too(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(whole, "sync_folder", synced.append)
    whole.make_folder(tmp_path / "a" / "b")
    assert set(synced) == {tmp_path, tmp_path / "a"}


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "out").symlink_to(tmp_path / "victim")
    whole.write_whole(tmp_path / "out", "new")
    assert ((tmp_path / "victim").read_text(), (tmp_path / "out").read_text()) == ("mine", "new")
    assert not (tmp_path / "out").is_symlink()


def test_a_name_of_the_greatest_length_can_be_written(tmp_path):
    whole.write_whole(tmp_path / ("x" * 250 + ".html"), "new")
    assert len(list(tmp_path.iterdir())) == 1


def test_temporary_names_are_not_to_be_guessed():
    names = {whole.temporary_name() for _ in range(100)}
    assert len(names) == 100
    assert all(str(os.getpid()) in name for name in names)


# ---- file systems without locks ------------------------------------------------------------------------------------


@pytest.fixture(params=[errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS], ids=lambda code: errno.errorcode[code])
def no_locks(request, monkeypatch):
    def refused(*_):
        raise OSError(request.param, os.strerror(request.param))

    locks.has_locks.cache_clear()
    monkeypatch.setattr(fcntl, "flock", refused)
    yield
    locks.has_locks.cache_clear()


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_file_stands_in(tmp_path):
    store = Store(tmp_path)
    assert not store.has_locks()
    with store.lock("train-0"):
        assert store.is_busy("train-0")
        with pytest.raises(BusyError), store.lock("train-0", wait=False):
            pass
    assert not store.is_busy("train-0")
    with store.lock("train-0", wait=False):
        pass
    assert list((tmp_path / "runs" / ".locks").iterdir()) == []


@pytest.mark.usefixtures("no_locks")
def test_the_lease_of_a_process_that_is_gone_is_taken_over_and_that_of_another_host_is_not(tmp_path):
    store = Store(tmp_path)
    with store.lock("train-0"):
        pass
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    lease = tmp_path / "runs" / ".locks" / "train-0.lease"
    lease.write_text(f"{socket.gethostname()} {int(gone.stdout)}")
    with store.lock("train-0", wait=False):
        pass
    lease.write_text(f"another-host {int(gone.stdout)}")
    with pytest.raises(BusyError), store.lock("train-0", wait=False):
        pass


@pytest.mark.usefixtures("no_locks")
def test_a_lease_that_another_process_took_over_meanwhile_is_its_own(tmp_path, monkeypatch):
    store = Store(tmp_path)
    with store.lock("train-0"):
        pass
    lease = tmp_path / "runs" / ".locks" / "train-0.lease"
    lease.write_text(f"{socket.gethostname()} {'9' * 30}")
    with store.lock("train-0", wait=False):
        pass
    lease.write_text(f"{socket.gethostname()} 1")
    monkeypatch.setattr(locks, "_is_alive", lambda _: not lease.write_text("another-host 1"))
    with pytest.raises(BusyError), store.lock("train-0", wait=False):
        pass
    assert lease.read_text() == "another-host 1"
    assert [path.name for path in lease.parent.iterdir()] == ["train-0.lease"]


def test_a_lock_that_fails_otherwise_is_an_error_of_the_folder(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    store = Store(tmp_path)
    with store.lock("train-0"):
        pass
    locks.has_locks.cache_clear()
    monkeypatch.setattr(fcntl, "flock", refused)
    for ask in (store.has_locks, lambda: store.is_busy("train-0")):
        with pytest.raises(StoreError, match="Input/output error"):
            ask()


def test_an_error_inside_the_lock_is_not_one_of_the_lock(tmp_path):
    with pytest.raises(FileNotFoundError), Store(tmp_path).lock("train-0"):
        raise FileNotFoundError("of the step")
    (tmp_path / "runs" / ".locks" / "train-1.lock").symlink_to(tmp_path / "x")
    with pytest.raises(StoreError, match="is a link"), Store(tmp_path).lock("train-1"):
        pass
