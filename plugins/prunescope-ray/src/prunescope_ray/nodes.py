"""What every machine of the cluster is asked before the first job: its versions, and whether it reaches the study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from prunescope.api.errors import PluginError, StoreError
from prunescope_ray.versions import describe_differences

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prunescope_ray.worker import Terms

PATIENCE_SECONDS = 120.0
"""How long the first processes of the machines may take to start."""


@dataclass(frozen=True, kw_only=True)
class NodeState:
    """What a machine answered."""

    name: str
    versions: str
    """As JSON."""
    sees: bool
    """Whether it reaches the study's folder, and may write there."""


def check_nodes(terms: Terms, *, shared: str) -> bool:
    """Return whether the jobs write into the study's folder: all machines reach it, and it is to be used.

    shared: yes, no or auto, as the option has it. Raises PluginError for a machine with other versions, StoreError for
    one that does not reach the folder where it must.
    """
    found = ask_nodes(terms)
    if not found:
        raise PluginError(
            f"no machine of the Ray cluster started a process within {PATIENCE_SECONDS:g} s",
            fix="see the logs of its machines, /tmp/ray/session_latest/logs",
        )
    for node in found:
        different = describe_differences(terms.versions, node.versions)
        if different:
            raise PluginError(
                f"the machine {node.name} has other versions: {different}", fix="install the same on every machine"
            )
    blind = [node.name for node in found if not node.sees]
    if blind and shared == "yes":
        raise StoreError(
            f"the machine {blind[0]} does not reach the study's folder, or may not write there",
            fix="give a folder that all machines share with --study, or --executor-option shared=no",
        )
    return shared != "no" and not blind


def ask_nodes(terms: Terms) -> list[NodeState]:
    """Ask every machine that is alive; the question travels as code, so that one without prunescope answers too."""
    answer = ray.remote(num_cpus=0, max_retries=2)(_question())
    alive = [node for node in ray.nodes() if node["Alive"]]
    asked = {
        answer.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
            terms.versions, terms.mark, terms.token
        ): node
        for node in alive
    }
    answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=PATIENCE_SECONDS)
    states = []
    for reference, node in asked.items():
        try:
            found: Mapping[str, Any] = ray.get(reference, timeout=PATIENCE_SECONDS if reference in answered else 0)
        except (RayError, GetTimeoutError):
            continue  # a machine that is lost while it starts gets no jobs; one that comes later is asked by each job
        name = f"{node['NodeManagerHostname']} ({node['NodeID'][:8]})"
        states.append(NodeState(name=name, versions=found["versions"], sees=found["sees"]))
    return states


def _question() -> Callable[[str, str, str], dict[str, object]]:
    """Return a function of the standard library alone: Ray sends it by its code, not by its name."""

    def question(wanted: str, mark: str, token: str) -> dict[str, object]:
        import json
        import os
        import platform
        import time
        from importlib.metadata import PackageNotFoundError, version

        found = {}
        for name in json.loads(wanted):
            try:
                found[name] = platform.python_version() if name == "python" else version(name)
            except PackageNotFoundError:
                continue
        sees = False
        for wait in (0.0, 0.5, 1.0, 2.0) if mark else ():
            time.sleep(wait)
            try:
                os.listdir(os.path.dirname(mark))  # noqa: PTH120, PTH208
                with open(mark, encoding="ascii") as file:  # noqa: PTH123
                    sees = file.read() == token and os.access(os.path.dirname(mark), os.W_OK)  # noqa: PTH120
            except OSError:
                continue
            if sees:
                break
        return {"versions": json.dumps(found), "sees": sees}

    return question
