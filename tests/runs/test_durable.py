"""Durable means durable: what a crash leaves opens, and a study works where a file system has no locks."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prunescope.api import Reading
from prunescope.api.errors import BusyError, StoreError
from prunescope.networks import checkpoints
from prunescope.networks.models import create
from prunescope.networks.spec import ModelSpec
from prunescope.runs.files import leases, locks, whole
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
    monkeypatch.setattr(leases, "_is_alive", lambda _: not lease.write_text("another-host 1"))
    with pytest.raises(BusyError), store.lock("train-0", wait=False):
        pass
    assert lease.read_text() == "another-host 1"
    assert [path.name for path in lease.parent.iterdir()] == ["train-0.lease"]


def make_old(path, seconds):
    changed = path.stat().st_mtime - seconds
    os.utime(path, (changed, changed))


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("content", [b"", b"host", b"another-host 12 boot/pid:[1]", b"\xff\x00garbage"])
@pytest.mark.parametrize("seconds", [leases.UNNAMED_SECONDS + 5, -leases.UNNAMED_SECONDS - 5], ids=["past", "future"])
def test_a_lease_without_a_holder_is_given_up_once_it_is_old(tmp_path, content, seconds):
    store = Store(tmp_path)
    with store.lock("train-0"):
        pass
    lease = tmp_path / "runs" / ".locks" / "train-0.lease"
    lease.write_bytes(content)
    with pytest.raises(BusyError), store.lock("train-0", wait=False):
        pass
    make_old(lease, seconds)
    with store.lock("train-0", wait=False):
        assert leases.parse_holder(lease.read_text()) == leases.this_holder()
    assert list(lease.parent.iterdir()) == []


@pytest.mark.usefixtures("no_locks")
def test_the_lease_of_a_process_whose_number_is_used_again_is_given_up(tmp_path):
    here = leases.this_holder()
    if not here.start:
        pytest.skip("this system does not have the start of a process")
    lease = tmp_path / "runs" / ".locks" / "train-0.lease"
    with Store(tmp_path).lock("train-0"):
        pass
    for other, is_gone in (
        (replace(here, start="1"), True),
        (replace(here, kin="another boot/pid:[1]", start="1"), False),
        (replace(here, host="another-host", start="1"), False),
        (here, False),
    ):
        lease.write_text(other.to_text())
        make_old(lease, 10_000)
        assert Store(tmp_path).is_busy("train-0") != is_gone, other


@pytest.mark.usefixtures("no_locks")
@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="no state of a process here")
def test_the_lease_of_a_process_whose_parent_has_not_asked_for_its_end_is_given_up(tmp_path):
    lease = tmp_path / "runs" / ".locks" / "train-0.lease"
    with Store(tmp_path).lock("train-0"):
        pass
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        lease.write_text(f"{socket.gethostname()} {ended.pid}")
        assert not Store(tmp_path).is_busy("train-0")


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a link"])
@pytest.mark.parametrize("suffix", ["lease", "lock"])
def test_what_is_no_file_in_the_place_of_a_lock_is_named(tmp_path, kind, suffix):
    with Store(tmp_path).lock("train-0"):
        pass
    place = tmp_path / "runs" / ".locks" / f"train-0.{suffix}"
    make = {"a folder": place.mkdir, "a pipe": lambda: os.mkfifo(place), "a link": lambda: place.symlink_to("x")}
    make[kind]()
    with pytest.raises(StoreError, match=f"train-0.{suffix} is {kind}"), Store(tmp_path).lock("train-0"):
        pass


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("links", [True, False], ids=["with links", "without links"])
def test_a_lease_is_never_there_without_its_holder(tmp_path, monkeypatch, links):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if not links:
        monkeypatch.setattr(os, "link", lambda *_: no_link())
    store = Store(tmp_path)
    with store.lock("train-0", wait=False), pytest.raises(BusyError), store.lock("train-0", wait=False):
        pass
    monkeypatch.setattr(leases.Holder, "to_text", full)
    with pytest.raises(StoreError, match="No space left"), store.lock("train-0", wait=False):
        pass
    assert list((tmp_path / "runs" / ".locks").iterdir()) == []


def no_link():
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


CONTENDER = """
import errno, fcntl, os, random, sys
from pathlib import Path

from prunescope.runs.files import locks

def refused(*_):
    raise OSError(errno.ENOLCK, "no locks")

fcntl.flock = refused
locks.LOCK_POLL_SECONDS = 0.002
folder, chance = Path(sys.argv[1]), random.Random(sys.argv[2])
for turn in range(40):
    with locks.hold_lock(folder / "step.lock", wait=True):
        os.close(os.open(folder / "inside", os.O_CREAT | os.O_EXCL))
        (folder / "inside").unlink()
        if turn == 39 or chance.random() < 0.03:
            os._exit(0)  # its lease stays
"""


def test_of_several_processes_that_take_leases_over_one_holds_the_lock_at_a_time(tmp_path):
    contenders = [
        subprocess.Popen([sys.executable, "-c", CONTENDER, str(tmp_path), str(number)], stderr=subprocess.PIPE)
        for number in range(6)
    ]
    ends = [(one.communicate(timeout=60)[1].decode(), one.returncode) for one in contenders]
    assert ends == [("", 0)] * 6


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
