"""What a machine must have in common with this one: the versions of what makes the numbers."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, entry_points, version

CORE = ("prunescope", "prunescope-ray", "torch", "timm", "numpy", "h5py", "ray")

GROUPS = ("pruners", "trainers", "probes", "rules", "datasets", "executors")


def versions_here() -> dict[str, str]:
    """Return the version of Python, of the core and of every distribution with plugins."""
    points = [point for group in GROUPS for point in entry_points(group=f"prunescope.{group}")]
    plugins = {point.dist.name for point in points if point.dist is not None}
    return {"python": platform.python_version()} | {name: version(name) for name in sorted({*CORE, *plugins})}


def describe_differences(wanted: str, found: str) -> str:
    """Return how two sets of versions, as JSON, differ; empty where all that is wanted is there.

    >>> describe_differences('{"torch": "2.8", "timm": "1.0"}', '{"torch": "2.7"}')
    'torch is 2.7, wanted 2.8; timm is missing, wanted 1.0'
    """
    there = json.loads(found)
    pairs = [(name, wanted_version, there.get(name)) for name, wanted_version in json.loads(wanted).items()]
    return "; ".join(
        f"{name} is {'missing' if have is None else have}, wanted {want}" for name, want, have in pairs if have != want
    )


def find_versions(wanted: str) -> str:
    """Return the versions of what is named in `wanted`, as JSON, in the process that calls it."""
    found = {}
    for name in json.loads(wanted):
        try:
            found[name] = platform.python_version() if name == "python" else version(name)
        except PackageNotFoundError:
            continue
    return json.dumps(found)
