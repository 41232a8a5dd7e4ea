"""How many jobs run at a time: what `--workers` asks for, where the executor lets it be chosen."""

from __future__ import annotations

import pytest

from prunescope.api import Executor
from prunescope.api.errors import UsageError
from prunescope.plugins import registry
from prunescope.runs.place import Place
from prunescope.runs.scheduling import devices
from prunescope.runs.session import choose_executor, open_session


class Cluster(Executor):
    """An executor whose number of jobs is not the user's to choose."""

    def run(self, jobs, perform):
        raise NotImplementedError


class Distant(Cluster):
    """One whose jobs run on other machines, which chooses its number where it is asked."""

    remote = True

    def with_slots(self, slots):
        raise AssertionError(f"nobody asked for {slots}")


def test_workers_are_the_slots_of_the_local_executor():
    assert choose_executor(Place(workers=3), device="cpu").instance.slots() == 3
    assert choose_executor(Place(executor_options={"workers": 2}), device="cpu").instance.slots() == 2


def test_the_device_of_other_machines_is_not_asked_of_this_one(monkeypatch, tmp_path):
    loaded = registry.make("executors", "local", {})
    made = type(loaded)(plugin=loaded.plugin, instance=Distant())
    monkeypatch.setattr(registry, "make", lambda *_: made)
    monkeypatch.setattr(devices, "gpus", lambda: 0)
    opened = open_session(Place(study=tmp_path / "study", device="cuda", executor="distant"))
    assert (opened.device, opened.device_here) == ("cuda", "cpu")
    assert open_session(Place(study=tmp_path / "study", executor="distant")).executor.instance.slots() == 1


def test_on_gpus_there_is_one_job_for_each(monkeypatch):
    monkeypatch.setattr(devices, "workers", lambda _device: 4)
    assert choose_executor(Place(), device="cuda").instance.slots() == 4
    assert choose_executor(Place(workers=2), device="cuda").instance.slots() == 2
    assert choose_executor(Place(executor_options={"workers": 2}), device="cuda").instance.slots() == 2


def test_a_number_that_is_fixed_is_not_chosen_twice(monkeypatch):
    with pytest.raises(UsageError, match="does not accept --workers here"):
        choose_executor(Place(workers=3, executor_options={"workers": 2}), device="cpu")
    assert Cluster().with_slots(3) is None
    loaded = registry.make("executors", "local", {})
    monkeypatch.setattr(registry, "make", lambda *_: type(loaded)(plugin=loaded.plugin, instance=Cluster()))
    assert choose_executor(Place(), device="cpu").instance.slots() == 1
    with pytest.raises(UsageError, match="executor-option"):
        choose_executor(Place(workers=2), device="cpu")
