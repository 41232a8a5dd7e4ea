"""Machines that are not as the driver needs them: each is refused, or named, and nobody waits without end."""

from __future__ import annotations

import os
from functools import partial

import pytest
from conftest import NODE
from prunescope_ray import Ray, dispatch, nodes, rooms
from prunescope_ray.cluster import connect
from ray.exceptions import AuthenticationError
from tiny_jobs import leave_note, notes_of

from prunescope.api import Job, Resources
from prunescope.api.errors import PluginError, UsageError

WITHOUT_IT = """
import importlib.metadata
found = importlib.metadata.version
def version(name):
    if name == "prunescope":
        raise importlib.metadata.PackageNotFoundError(name)
    return found(name)
importlib.metadata.version = version
"""


def outcomes_of(folder, *jobs, **options):
    study = folder / "study"
    jobs = [Job(id=name, study=str(study), **more) for name, more in jobs]
    return {found.id: found for found in Ray(**options).run(jobs, partial(leave_note, folder=str(folder)))}


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gpus": 0.5}, "1 cores, 0.5 GPUs"),
        ({"cpus": 64}, "64 cores, 0 GPUs"),
        ({"memory": 4000}, "4000 GiB of memory"),
    ],
)
def test_a_job_that_fits_no_machine_is_refused_before_the_first_one(options, words, tmp_path):
    with pytest.raises(UsageError, match="no machine of the Ray cluster has room for a job of") as raised:
        outcomes_of(tmp_path, ("one", {}), **options)
    assert words in raised.value.message
    assert "wait=15" in raised.value.fix
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("cluster")
def test_jobs_whose_only_machines_are_gone_are_given_up_and_the_others_are_performed(tmp_path, monkeypatch):
    monkeypatch.setattr(rooms, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(dispatch, "RETURN_SECONDS", 0.5)
    (tmp_path / "study").mkdir()
    wants_gpu = {"resources": Resources(gpus=1.0)}
    found = outcomes_of(tmp_path, ("large", wants_gpu), ("after", {"needs": ("large",)}), ("small", {}), wait=0.001)
    assert found["large"].error.startswith(rooms.NO_ROOM)
    assert found["after"].skipped
    assert not found["small"].error


def test_four_jobs_share_a_gpu_and_each_sees_it(cluster, tmp_path):
    (tmp_path / "study").mkdir()
    node = cluster.add_node(**NODE | {"num_cpus": 4, "num_gpus": 1})
    try:
        assert Ray(gpus=0.25).slots() == 4
        assert Ray(gpus=0.5).slots() == 2
        found = outcomes_of(tmp_path, *((f"job{number}", {}) for number in range(4)), gpus=0.25)
        notes = [note for number in range(4) for note in notes_of(tmp_path, f"job{number}")]
    finally:
        cluster.remove_node(node)
    assert not any(outcome.error for outcome in found.values())
    assert {note["gpus"] for note in notes} == {"0"}


def on_other_machine(cluster, folder):
    """Add a machine whose processes find `folder` first."""
    path = os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])
    return cluster.add_node(**NODE, env_vars={"PYTHONPATH": path})


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"torch-0.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: torch\nVersion: 0.1\n"},
            "torch is 0.1, wanted",
        ),
        ({"sitecustomize.py": WITHOUT_IT}, "prunescope is missing, wanted"),
    ],
)
def test_a_machine_with_another_version_or_without_the_package_is_refused(files, message, cluster, tmp_path):
    for name, text in files.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    node = on_other_machine(cluster, tmp_path / "site")
    (tmp_path / "study").mkdir()
    try:
        with pytest.raises(PluginError, match=f"has other versions: {message}"):
            outcomes_of(tmp_path, ("one", {}))
    finally:
        cluster.remove_node(node)
    assert not list((tmp_path / "study").iterdir())


def test_a_folder_that_a_machine_may_only_read_is_not_used_by_it(tmp_path, monkeypatch):
    mark = tmp_path / "mark"
    mark.write_text("token", encoding="ascii")
    ask = nodes._question()
    assert ask("{}", str(mark), "token")["sees"]
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert not ask("{}", str(mark), "token")["sees"]


def test_a_cluster_that_requires_a_token_is_an_error_with_the_fix(monkeypatch):
    def refuse(**_):
        reason = AuthenticationError("InvalidAuthToken: Authentication token is missing or incorrect")
        raise ConnectionError("Failed to connect to Ray cluster") from reason

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", refuse)
    with pytest.raises(UsageError, match="requires its token") as raised, connect(Ray(address="far:6379")):
        pass
    assert "export RAY_AUTH_MODE=token" in raised.value.fix
