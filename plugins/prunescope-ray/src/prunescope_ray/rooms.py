"""Whether some machine of the cluster has room for a job: Ray itself waits for one without end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import ray

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from prunescope.api import Job
    from prunescope_ray.executor import Ray

LOOK_SECONDS = 5.0
"""How often the machines are looked at while jobs are under way."""

RETURN_SECONDS = 300.0
"""How long the only machines with room may be away before jobs are given up."""

NO_ROOM = "no machine of the cluster has room for it"


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a job reserves on one machine."""

    cpus: float
    gpus: float
    memory: int
    """Bytes."""

    def fits(self, resources: dict[str, float]) -> bool:
        """Whether a machine with these resources, all of them free, has the room."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory}
        return all(resources.get(name, 0.0) >= amount for name, amount in wanted.items() if amount)

    def __str__(self) -> str:
        """Return it in words."""
        memory = f", {self.memory / 2**30:g} GiB of memory" if self.memory else ""
        return f"{self.cpus:g} cores, {self.gpus:g} GPUs{memory}"


def room_of(options: Ray, job: Job) -> Room:
    """Return what a job reserves: as the options say, and the GPUs of the job where they do not."""
    gpus = job.resources.gpus if options.gpus is None else options.gpus
    return Room(cpus=options.cpus, gpus=gpus, memory=int(options.memory * 2**30))


def find_homeless(rooms: Iterable[Room]) -> set[Room]:
    """Return what no machine that is alive has room for, were it free."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return {room for room in set(rooms) if not any(room.fits(machine) for machine in machines)}


def require_room(rooms: Iterable[Room]) -> None:
    """Raise UsageError where a job would wait for a machine that the cluster does not have."""
    for room in sorted(find_homeless(rooms), key=str):
        raise UsageError(
            f"no machine of the Ray cluster has room for a job of {room}",
            fix="reserve less with --executor-option cpus=, gpus=, memory=; or, where machines are started on demand, "
            "give the minutes to wait for one: --executor-option wait=15",
        )


@dataclass(kw_only=True)
class Watch:
    """Notices jobs that wait for a machine that is gone."""

    patience: float
    """Seconds."""
    looked: float = field(default_factory=time.monotonic)
    since: dict[Room, float] = field(default_factory=dict)
    """What no machine has room for -> since when."""

    def given_up(self, rooms: Collection[Room]) -> set[Room]:
        """Return what no machine had room for, for longer than the patience; at most one look every few seconds."""
        now = time.monotonic()
        if now - self.looked > LOOK_SECONDS:
            self.looked = now
            homeless = find_homeless(rooms)
            self.since = {room: self.since.get(room, now) for room in homeless}
        return {room for room, since in self.since.items() if room in rooms and now - since > self.patience}
