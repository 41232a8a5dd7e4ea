"""The executor on a cluster of two nodes."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

import pytest
from prunescope_ray import Ray, dispatch, worker
from prunescope_ray.cluster import start_arguments
from tiny_jobs import leave_note, notes_of

from prunescope.api import Job, Resources
from prunescope.api.errors import PluginError, StoreError, UsageError
from prunescope.plugins.testing import check_executor

pytestmark = pytest.mark.usefixtures("cluster")


def outcomes_of(jobs, folder, **options):
    return {found.id: found for found in Ray(**options).run(jobs, partial(leave_note, folder=str(folder)))}


def jobs_in(folder, *names, **more):
    return [Job(id=name, study=str(folder), **more) for name in names]


@pytest.mark.parametrize("shared", ["auto", "no"])
def test_it_is_an_executor_with_and_without_a_shared_folder(shared, tmp_path):
    check_executor(Ray(shared=shared), folder=tmp_path)


def test_a_lost_process_is_tried_again_and_a_raised_error_is_not(tmp_path):
    jobs = jobs_in(tmp_path, "stumbles", "raises", "dies", retries=1)
    outcomes = outcomes_of(jobs, tmp_path)
    assert not outcomes["stumbles"].error
    assert outcomes["raises"].error == "ValueError: as asked"
    assert outcomes["dies"].error.startswith(dispatch.LOST)
    assert {name: len(notes_of(tmp_path, name)) for name in outcomes} == {"stumbles": 2, "raises": 1, "dies": 2}


def test_workers_search_no_working_directory_and_see_no_gpu_that_they_have_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcomes = outcomes_of(jobs_in(tmp_path, "one"), tmp_path)
    (note,) = notes_of(tmp_path, "one")
    assert not outcomes["one"].error
    assert str(tmp_path) not in note["path"]
    assert "" not in note["path"]
    assert note["gpus"] == ""


def test_nothing_is_left_in_the_study_or_on_the_nodes(tmp_path, monkeypatch):
    tokens = []
    settle = dispatch.check_nodes
    monkeypatch.setattr(
        dispatch, "check_nodes", lambda terms, **how: tokens.append(terms.token) or settle(terms, **how)
    )
    outcomes_of(jobs_in(tmp_path, "one"), tmp_path, shared="no")
    assert not list(tmp_path.glob(".prunescope-ray-*"))
    assert tokens
    assert not list(Path("/tmp").glob(f"prunescope-ray-{tokens[0]}-*"))  # noqa: S108 - where the nodes work


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("torch", "0.1", "torch is .*, wanted 0.1"),
        ("prunescope-other", "1.0", "prunescope-other is missing, wanted 1.0"),
    ],
)
def test_a_machine_with_other_versions_is_refused_before_the_first_job(name, version, message, tmp_path, monkeypatch):
    here = dispatch.versions_here()
    monkeypatch.setattr(dispatch, "versions_here", lambda: here | {name: version})
    with pytest.raises(PluginError, match=message):
        outcomes_of(jobs_in(tmp_path, "one"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_machine_that_comes_later_with_other_versions_fails_its_jobs(tmp_path, monkeypatch):
    here = dispatch.versions_here()
    monkeypatch.setattr(dispatch, "versions_here", lambda: here | {"torch": "0.1"})
    monkeypatch.setattr(dispatch, "check_nodes", lambda *_, **__: True)
    outcomes = outcomes_of(jobs_in(tmp_path, "one"), tmp_path)
    assert "has other versions: torch is" in outcomes["one"].error


def test_a_machine_that_does_not_reach_the_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.1)
    with pytest.raises(StoreError, match="does not reach the study's folder") as raised:
        worker.check_mark(str(tmp_path / "absent" / ".mark"), "token")
    assert "shared=no" in raised.value.fix


def test_more_gpus_than_any_machine_has_are_never_handed_out_to_a_job(tmp_path):
    jobs = jobs_in(tmp_path, "one", resources=Resources(gpus=1.0))
    outcomes = outcomes_of(jobs, tmp_path, gpus=0.0)  # the option comes first
    assert not outcomes["one"].error


def test_slots_are_what_the_cluster_has_room_for():
    assert Ray().slots() == 2
    assert Ray(cpus=0.5).slots() == 4
    assert Ray(jobs=3).slots() == 3
    assert Ray().with_slots(5).slots() == 5
    assert Ray(jobs=3).with_slots(5) is None


def test_the_ray_client_is_refused(monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(UsageError, match="Ray client"):
        Ray(address="ray://somewhere:10001").slots()


def test_a_temporary_folder_within_the_environment_is_refused(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", sys.prefix)
    with pytest.raises(UsageError, match="within the environment"):
        start_arguments(Ray())
