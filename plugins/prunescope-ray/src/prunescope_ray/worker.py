"""What a task does on the machine that performs it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.experimental.internal_kv import _internal_kv_put

from prunescope.api import Outcome, attempt_job, describe_failure
from prunescope.api.errors import PluginError, StoreError
from prunescope.api.progress import receive_progress
from prunescope_ray.files import read_files, write_file
from prunescope_ray.versions import describe_differences, find_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prunescope.api import Job

REPORT_SECONDS = 1.0
"""How often a worker that shares no folder reports its progress."""

LOOK_SECONDS = 5.0
"""How long a worker looks for the study's folder: network file systems are slow to show a new file."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What every task of a run has in common."""

    token: str
    """Random: the name of this run among others on a cluster."""
    versions: str
    """As JSON, those of the driver."""
    directory: str
    """The working directory of the driver: relative paths of data start there."""
    mark: str = ""
    """The file that says that this is the study's folder; empty where files travel."""
    threads: int = 1
    gpus: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How a job ended, and the files it made where they travel."""

    outcome: Outcome
    files: Mapping[str, bytes] = field(default_factory=dict)


def perform_here(job: Job, perform: Callable[[Job], None], terms: Terms, files: Mapping[str, Any]) -> Delivery:
    """Perform a job in this worker; files: references of its inputs in the object store, where they travel."""
    try:
        prepare_process(terms)
        if terms.mark:
            check_mark(terms.mark, terms.token)
            return Delivery(outcome=attempt_job(job, perform))
        folder = node_folder(terms.token)
        for name in files:
            if not (folder / name).is_file():
                write_file(folder / name, ray.get(files[name]))
    except (PluginError, StoreError, OSError) as error:
        return Delivery(outcome=describe_failure(job, error))
    with receive_progress(_Reporter(terms.token)):
        outcome = attempt_job(replace(job, study=str(folder)), perform)
    return Delivery(outcome=outcome, files={} if outcome.error else read_files(folder, job.outputs))


def node_folder(token: str) -> Path:
    """Return the folder of a run on this machine: what its jobs read and write where files travel."""
    node = ray.get_runtime_context().get_node_id()[:12]
    folder = Path(tempfile.gettempdir()) / f"prunescope-ray-{token}-{node}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def remove_folder(token: str) -> None:
    """Remove the folder of a run on this machine."""
    shutil.rmtree(node_folder(token), ignore_errors=True)


def check_mark(mark: str, token: str) -> None:
    """Raise StoreError unless this machine reaches the study's folder: the file of this run is in it."""
    until = time.monotonic() + LOOK_SECONDS
    while not _sees(mark, token):
        if time.monotonic() > until:
            raise StoreError(
                f"{os.uname().nodename} does not reach the study's folder {Path(mark).parent}",
                fix="give a folder that all machines share with --study, or --executor-option shared=no",
            )
        time.sleep(0.25)


def _sees(mark: str, token: str) -> bool:
    try:
        os.listdir(Path(mark).parent)  # noqa: PTH208 - network file systems look again
        return Path(mark).read_text(encoding="ascii") == token
    except OSError:
        return False


@lru_cache(maxsize=4)
def prepare_process(terms: Terms) -> None:
    """Prepare this process once: the same versions, its share of the cores, and the driver's working directory.

    That is never searched for modules, neither here nor by processes that start here, however the machine was started.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    sys.path[:] = [place for place in sys.path if Path(place).is_absolute()]
    different = describe_differences(terms.versions, find_versions(terms.versions))
    if different:
        raise PluginError(
            f"{os.uname().nodename} has other versions: {different}", fix="install the same on every machine"
        )
    if not terms.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if Path(terms.directory).is_dir():
        os.chdir(terms.directory)
    import torch

    torch.set_num_threads(terms.threads)


@dataclass
class _Reporter:
    """Sends how far a run is to the driver, at most once a second."""

    token: str
    last: float = 0.0

    def __call__(self, run: str, fraction: float) -> None:
        if time.monotonic() - self.last > REPORT_SECONDS:
            self.last = time.monotonic()
            _internal_kv_put(progress_key(self.token, run), f"{fraction:.4f}".encode(), overwrite=True)


def progress_key(token: str, run: str) -> bytes:
    """Return where the progress of a run lies in the cluster's table of keys and values."""
    return f"prunescope:{token}:{run}".encode()
