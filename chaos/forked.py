"""A warm process that runs prunescope commands in forked children and kills them: real processes, without the imports.

Reads one JSON list of orders per line, runs them side by side and answers with the list of their ends: [exit status
(negative: the signal that ended it), how many kills struck]. An order is {"argv": [...], "kills": [...], "file_bytes":
largest file or null}. Each kill, in turn, strikes `seconds` after `files` result files are in `folder` and the one
before it is done; `worker` names one of the command's worker processes as the victim, by position; null: the command
itself. `number` is that of the signal.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed.nn  # torch 2.7 writes a file when this is imported: not within the limit of a child

from prunescope import cli


@dataclass(kw_only=True)
class Child:
    """One running command."""

    process: int
    kills: list[dict]
    due: float | None = None
    """When the next kill strikes; None until its files are there."""
    status: int | None = None
    struck: int = 0
    """Kills that were sent."""

    def look(self) -> None:
        """Strike if it is time; note the end."""
        done, status = os.waitpid(self.process, os.WNOHANG)
        if done:
            self.status = os.waitstatus_to_exitcode(status)
        elif self.kills and self._strike(self.kills[0]):
            self.kills.pop(0)
            self.due = None
            self.struck += 1

    def _strike(self, kill: dict) -> bool:
        if self.due is None and _files(kill["folder"]) >= kill["files"]:
            self.due = time.monotonic() + kill["seconds"]
        if self.due is None or time.monotonic() < self.due:
            return False
        victims = [self.process] if kill["worker"] is None else _workers(self.process)
        if not victims:
            return False
        os.kill(victims[(kill["worker"] or 0) % len(victims)], kill["number"])
        return True


def start(order: dict) -> Child:
    """Run one command in a child."""
    child = os.fork()
    if child:
        return Child(process=child, kills=order["kills"])
    os.setpgid(0, 0)
    _answer_signals()
    sys.argv = ["prunescope", *order["argv"]]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if order["file_bytes"] is not None:
        os.dup2(1, 2)  # the limit would hold for the log too
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_bytes"], order["file_bytes"]))
    try:
        cli.main()
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    os._exit(0)


def _answer_signals() -> None:
    """Let the command see the signals that whoever started this campaign ignores: nohup, or a shell's background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _files(folder: str) -> int:
    return sum(not path.name.startswith(".") for path in Path(folder).glob("*.h5"))


def _workers(parent: int) -> list[int]:
    """Return the processes that the command spawned for its steps."""
    children = [
        int(child) for file in Path(f"/proc/{parent}/task").glob("*/children") for child in file.read_text().split()
    ]
    return sorted(child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes())


def run(orders: list[dict]) -> list[tuple[int | None, int]]:
    """Run commands side by side; return the exit status of each, and how many kills struck it."""
    children = [start(order) for order in orders]
    while any(child.status is None for child in children):
        for child in children:
            if child.status is None:
                child.look()
        time.sleep(0.002)
    return [(child.status, child.struck) for child in children]


if __name__ == "__main__":
    torch.set_num_threads(1)
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(run(json.loads(line)))}\n")
        sys.stdout.flush()
