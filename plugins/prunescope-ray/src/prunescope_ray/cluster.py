"""The connection to a cluster: a running one, or one of this machine that listens on the loopback interface alone."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import tempfile
import threading
from contextlib import chdir, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray._private import ray_constants
from ray.exceptions import RayError

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from prunescope_ray.executor import Ray

LOOPBACK = "127.0.0.1"

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to anybody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a job without GPUs sees none
}
"""Variables that Ray reads when it starts."""

TOKEN, TOKEN_MODE = "RAY_AUTH_TOKEN", "RAY_AUTH_MODE"
"""Variables of Ray's tokens; see `_own_token`."""

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def connect(options: Ray) -> Iterator[None]:
    """Be connected to the cluster inside the block; what was started for the occasion ends with it.

    Raises UsageError where the address is not that of a cluster.
    """
    if ray.is_initialized():  # a cluster that somebody in this process is connected to, and goes on with
        yield
        return
    with _signals_kept():
        _start(options)
    try:
        yield
    finally:
        with _signals_kept():
            ray.shutdown()


def count_slots(options: Ray) -> int:
    """Return how many jobs the cluster has room for now, at least one; the cores of this machine where none runs."""
    cores = _cores()
    if not options.address and not ray.is_initialized():
        return max(1, int(cores / options.cpus))
    with connect(options):
        total = ray.cluster_resources()
    rooms = [total.get("CPU", 0.0) / options.cpus]
    if options.gpus:
        rooms.append(total.get("GPU", 0.0) / options.gpus)
    return max(1, int(min(rooms)))


def _start(options: Ray) -> None:
    """Connect, or start a cluster, such that workers look for no module in the working directory."""
    if "://" in options.address:
        raise UsageError(
            f"--executor-option address={options.address}: the Ray client has no files to bring back",
            fix="run the sweep on a machine of the cluster, with address=auto or HOST:PORT",
        )
    arguments: dict[str, Any] = {"address": options.address} if options.address else start_arguments(options)
    near = nullcontext() if options.address else loopback_alone()
    token = {} if options.address else {TOKEN: _own_token()}
    with _environment(SETTINGS | token, also=(TOKEN_MODE,)), near, chdir(Path(Path.cwd().anchor)):
        try:
            ray.init(**arguments, log_to_driver=False, logging_level=logging.ERROR, configure_logging=True)
        except (ConnectionError, ValueError, RuntimeError, OSError, RayError) as error:
            raise _refusal(options.address or "this machine", error) from error


def _refusal(place: str, error: BaseException) -> UsageError:
    """Return why there is no connection to a cluster: its token, or the cluster itself, is missing."""
    causes: list[BaseException] = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    if any("auth" in str(cause).lower() and "token" in str(cause).lower() for cause in causes):
        return UsageError(
            f"the Ray cluster at {place} requires its token, which this process has not given",
            fix=f"copy ~/.ray/auth_token from the machine that started the cluster, and export {TOKEN_MODE}=token",
        )
    reason = str(error).partition("\n")[0]
    return UsageError(
        f"there is no Ray cluster at {place}: {reason}",
        fix="start one: ray start --head; then give --executor-option address=HOST:6379",
    )


@cache
def _own_token() -> str:
    """Return the token of the clusters that this process starts: Ray would write one for good into ~/.ray."""
    return secrets.token_hex(32)


def start_arguments(options: Ray) -> dict[str, Any]:
    """Return the arguments of a cluster of this machine that nobody else reaches.

    Raises UsageError where the temporary folder is within the environment: Ray's workers would never start.
    """
    temporary = Path(tempfile.gettempdir()).resolve()
    if temporary.is_relative_to(Path(sys.prefix).resolve()):
        raise UsageError(
            f"the temporary folder {temporary} is within the environment of Python: Ray starts no worker there",
            fix="set TMPDIR to another folder, such as /tmp",
        )
    cores = max(_cores(), int(options.jobs * options.cpus))
    return {"address": "local", "num_cpus": cores, "include_dashboard": False, "_node_ip_address": LOOPBACK}


@contextmanager
def loopback_alone() -> Iterator[None]:
    """Let a cluster that starts inside the block listen on the loopback interface alone.

    Ray does so by itself where a machine is no server (macOS, Windows); on Linux it replaces the loopback address by
    a public one.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _environment(settings: dict[str, str], *, also: Collection[str] = ()) -> Iterator[None]:
    """Set variables that are not set inside the block; restore them and `also`, which Ray sets, after it."""
    before = {name: os.environ.get(name) for name in (*settings, *also)}
    os.environ.update({name: value for name, value in settings.items() if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Restore the handlers of signals after the block: Ray sets its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in SIGNALS if hasattr(signal, name)]
    before = {name: signal.getsignal(getattr(signal, name)) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            if handler is not None:
                signal.signal(getattr(signal, name), handler)
