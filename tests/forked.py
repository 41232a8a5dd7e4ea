"""A warm process that runs prunescope commands in forked children and kills them: real processes, without the imports.

Reads one JSON object per line, {"argv": [...], "seconds": how long to let it run, or null}; answers each with the exit
status (negative: the signal that ended it).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import torch

import prunescope.pipeline
import prunescope.report  # noqa: F401
from prunescope import cli


def run(argv: list[str], seconds: float | None) -> int:
    """Run one command in a child; kill -9 its process group after `seconds`."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        sys.argv = ["prunescope", *argv]
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)
        try:
            cli.main()
        except SystemExit as ended:
            os._exit(int(ended.code or 0))
        os._exit(0)
    if seconds is not None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    for line in sys.stdin:
        order = json.loads(line)
        sys.stdout.write(f"{run(order['argv'], order['seconds'])}\n")
        sys.stdout.flush()
