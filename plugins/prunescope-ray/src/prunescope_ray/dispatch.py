"""The loop of the driver: hand out what is ready, receive what has ended."""

from __future__ import annotations

import json
import math
import secrets
from collections import OrderedDict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from prunescope.api import Outcome, Progress, describe_failure
from prunescope.api.errors import PluginError, StoreError
from prunescope.api.queue import queue_jobs
from prunescope_ray.files import read_files, write_file, write_files
from prunescope_ray.nodes import check_nodes
from prunescope_ray.rooms import NO_ROOM, RETURN_SECONDS, Watch, require_room, room_of
from prunescope_ray.versions import versions_here
from prunescope_ray.worker import Delivery, Terms, perform_here, progress_key, remove_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from prunescope.api import Job
    from prunescope_ray.executor import Ray

MOST_AT_A_TIME = 1000
"""Jobs handed out where their number is left to the cluster: what its autoscaler sees of the demand."""

POLL_SECONDS = 1.0

KEPT_FILES = 64
"""Inputs of which the driver keeps the copy in the object store."""

LOST = "the process or the machine that performed it was lost"


def dispatch_jobs(options: Ray, jobs: Sequence[Job], perform: Callable[[Job], None]) -> Iterator[Outcome | Progress]:
    """Perform jobs on the cluster that this process is connected to; see `api.Executor.run`."""
    study = Path(jobs[0].study)
    if not options.wait:
        require_room(room_of(options, job) for job in jobs)
    with _marked(study, options) as terms:
        sender = _Sender(options=options, perform=perform, terms=terms, study=study)
        try:
            yield from _dispatched(options, jobs, sender)
        finally:
            sender.end()


def _dispatched(options: Ray, jobs: Sequence[Job], sender: _Sender) -> Iterator[Outcome | Progress]:
    queue = queue_jobs(jobs)
    while queue.is_active():
        yield from queue.skip()
        for job in queue.take((options.jobs or MOST_AT_A_TIME) - len(sender.running)):
            sender.send(job)
        for outcome in (*sender.receive(), *sender.give_up()):
            yield queue.end(outcome)
        yield from sender.progress()


@contextmanager
def _marked(study: Path, options: Ray) -> Iterator[Terms]:
    """Yield the terms of a run; while it lasts, a file says to every machine that reaches it which folder it is."""
    token = secrets.token_hex(16)
    mark = study / f".prunescope-ray-{token}"
    terms = Terms(
        token=token,
        versions=json.dumps(versions_here()),
        directory=str(Path.cwd()),
        mark=str(mark),
        threads=max(1, math.floor(options.cpus)),
    )
    try:
        write_file(mark, token.encode())
        yield terms if check_nodes(terms, shared=options.shared) else replace(terms, mark="")
    except OSError as error:
        raise StoreError(f"cannot write {mark}: {error.strerror or error}", fix="choose another --study") from error
    finally:
        with suppress(OSError):
            mark.unlink(missing_ok=True)


@dataclass(kw_only=True)
class _Sender:
    """Tasks under way."""

    options: Ray
    perform: Callable[[Job], None]
    terms: Terms
    study: Path
    running: dict[Any, Job] = field(default_factory=dict)
    """Reference of the result -> job."""
    kept: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    """Path of an input -> its reference, the last used at the end."""
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        """Begin to watch the machines."""
        self.watch = Watch(patience=max(60 * self.options.wait, RETURN_SECONDS))

    def send(self, job: Job) -> None:
        """Hand a job to the cluster."""
        room = room_of(self.options, job)
        task = ray.remote(perform_here).options(
            num_cpus=room.cpus,
            num_gpus=room.gpus,
            memory=room.memory or None,
            max_retries=job.retries if self.options.retries is None else self.options.retries,
            retry_exceptions=False,
            name=job.id,
        )
        files = {} if self.terms.mark else self._put(job.inputs)
        self.running[task.remote(job, self.perform, replace(self.terms, gpus=room.gpus), files)] = job

    def receive(self) -> Iterator[Outcome]:
        """Yield how jobs ended, once one has or a second has passed; files that travel are in the study then."""
        if not self.running:
            return
        ended, _ = ray.wait(list(self.running), num_returns=1, timeout=POLL_SECONDS, fetch_local=False)
        if ended:
            ended, _ = ray.wait(list(self.running), num_returns=len(self.running), timeout=0, fetch_local=False)
        for reference in ended:
            yield self._received(reference, self.running.pop(reference))

    def give_up(self) -> Iterator[Outcome]:
        """Yield the failure of jobs for which no machine has had room for too long: those that had are gone."""
        given_up = self.watch.given_up({room_of(self.options, job) for job in self.running.values()})
        for reference, job in list(self.running.items()) if given_up else ():
            room = room_of(self.options, job)
            if room in given_up:
                del self.running[reference]
                ray.cancel(reference, force=True)
                yield Outcome(id=job.id, error=f"{NO_ROOM}: {room}\nthe same command resumes once there is one")

    def progress(self) -> Iterator[Progress]:
        """Yield how far the runs under way are, where no folder shows it."""
        if self.terms.mark:
            return
        for run in [_run_of(path) for job in self.running.values() for path in job.outputs if path.endswith(".h5")]:
            key = progress_key(self.terms.token, run)
            noted = _internal_kv_get(key)
            if noted:
                _internal_kv_del(key)
                yield Progress(run=run, fraction=float(noted))

    def end(self) -> None:
        """Cancel what is under way, and remove what was left on the machines."""
        with suppress(RayError):
            for reference in self.running:
                ray.cancel(reference, force=True)
            if not self.terms.mark:
                _clean_nodes(self.terms.token)

    def _received(self, reference: Any, job: Job) -> Outcome:  # noqa: ANN401 - Ray's references have no type here
        try:
            delivery: Delivery = ray.get(reference)
            write_files(self.study, delivery.files, patterns=job.outputs)
        except RayError as error:
            return replace(describe_failure(job, error), error=_describe_loss(error))
        except (PluginError, OSError) as error:
            return describe_failure(job, error)
        return delivery.outcome

    def _put(self, inputs: Sequence[str]) -> Mapping[str, Any]:
        """Return references of the inputs that are there, put into the object store once for several jobs."""
        for name in inputs:
            if name not in self.kept:
                self.kept |= {path: ray.put(data) for path, data in read_files(self.study, (name,)).items()}
        found = {name: self.kept[name] for name in inputs if name in self.kept}
        for name in found:
            self.kept.move_to_end(name)
        while len(self.kept) > max(KEPT_FILES, len(found)):
            self.kept.popitem(last=False)
        return found


def _run_of(path: str) -> str:
    return Path(path).name.removesuffix(".h5")


def _describe_loss(error: RayError) -> str:
    """Return why Ray gave a job up; after an error of its own the code never began."""
    words = " ".join(str(error).split())[:300]
    return f"{LOST}, and so were those that tried again: {type(error).__name__}: {words}\nthe same command resumes"


def _clean_nodes(token: str) -> None:
    clean = ray.remote(num_cpus=0, max_retries=0)(remove_folder)
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    todo = [
        clean.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(token)
        for node in nodes
    ]
    ray.wait(todo, num_returns=len(todo), timeout=30)
