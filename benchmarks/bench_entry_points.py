"""What finding plugins costs small commands: by entrypoints, as prunescope does, and by importlib.metadata."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from resource import RUSAGE_CHILDREN, getrusage

from harness import Row, report

ROUNDS = 15

PROGRAM = """
import sys

def by_importlib():
    import types
    from importlib.metadata import distributions

    def get_group_all(group, path):
        seen = set()
        for distribution in distributions(path=path):
            if distribution._normalized_name in seen:  # as importlib.metadata.entry_points does: the first one counts
                continue
            seen.add(distribution._normalized_name)
            for entry in distribution.entry_points:
                if entry.group == group:
                    owner = types.SimpleNamespace(name=distribution.metadata["Name"], version=distribution.version)
                    yield types.SimpleNamespace(
                        name=entry.name, module_name=entry.module, object_name=entry.attr, distro=owner
                    )

    class EntryPoint:
        def __init__(self, name, module, attribute):
            self.module, self.attribute = module, attribute

        def load(self):
            from importlib import import_module
            return getattr(import_module(self.module), self.attribute)

    module = types.ModuleType("entrypoints")
    module.get_group_all, module.EntryPoint = get_group_all, EntryPoint
    sys.modules["entrypoints"] = module

if sys.argv.pop(1) == "importlib.metadata":
    by_importlib()
from prunescope.cli import main
main()
"""

COMMANDS = (("--help",), ("probe", "--help"), ("plugins",))


def seconds(finder: str, words: tuple[str, ...]) -> tuple[float, str]:
    """Return the processor time of a command, imports included, and what it prints."""
    before = getrusage(RUSAGE_CHILDREN)
    command = [sys.executable, "-c", PROGRAM, finder, *words]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, printed


def main() -> None:
    """Check that both print the same, time them in turn, and write the table into the docs."""
    rows = []
    for words in COMMANDS:
        ratios = []
        for number in range(ROUNDS + 1):
            (ours, printed), (theirs, other) = (seconds(one, words) for one in ("entrypoints", "importlib.metadata"))
            if printed != other:
                raise AssertionError(f"the finders differ in what `prunescope {' '.join(words)}` prints")
            if number:
                ratios.append(theirs / ours)
                print(f"{' '.join(words)}: {1000 * ours:.0f} ms, {1000 * theirs:.0f} ms")
        rows.append(
            Row(
                workload=f"prunescope {' '.join(words)}",
                comparison="importlib.metadata / entrypoints",
                ratios=ratios,
                share=None,
            )
        )
    count = sum(1 for _ in distributions())
    note = f"Processor time of the whole command, start of Python included, with {count} distributions installed."
    report("Finding plugins", rows, notes=(note,))


if __name__ == "__main__":
    main()
