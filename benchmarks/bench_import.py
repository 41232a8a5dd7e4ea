"""What `import prunescope` costs a program that uses something else then: against Python alone, and numpy."""

from __future__ import annotations

import statistics
import subprocess
import sys
from resource import RUSAGE_CHILDREN, getrusage

from harness import Row, report

ROUNDS = 25

HEAVY = ("torch", "timm", "h5py", "numpy", "typer", "scipy", "matplotlib")
"""What the import may not load."""

LOADED = f"import sys, prunescope; print([name for name in {HEAVY!r} if name in sys.modules])"

PROGRAMS = {"python": "pass", "prunescope": "import prunescope", "numpy": "import numpy"}

LIMIT = 0.050
"""Seconds that the import may take beside the start of Python."""


def seconds(program: str) -> float:
    """Return the processor time of a program, start of Python included."""
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - ours
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Check that nothing heavy is loaded, time the programs in turn, and write the table into the docs."""
    found = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True)  # noqa: S603
    if found.stdout.strip() != "[]":
        raise AssertionError(f"import prunescope loads {found.stdout.strip()}")
    rounds = [{name: seconds(program) for name, program in PROGRAMS.items()} for _ in range(ROUNDS + 1)][1:]
    more = [one["prunescope"] - one["python"] for one in rounds]
    print(f"import prunescope: {1000 * statistics.median(more):.0f} ms more than Python")
    rows = [
        Row(
            workload="a program that imports prunescope",
            comparison=f"{name} / {other}",
            ratios=[one[name] / one[other] for one in rounds],
            share=None,
        )
        for name, other in (("prunescope", "python"), ("numpy", "prunescope"))
    ]
    low, high = 1000 * min(more), 1000 * max(more)
    note = (
        f"Processor time of the whole program, start of Python included. `import prunescope` takes "
        f"{1000 * statistics.median(more):.0f} ms more than Python alone ({low:.0f} to {high:.0f} ms, {ROUNDS} rounds; "
        f"{1000 * LIMIT:.0f} ms are wanted at most), and loads none of: {', '.join(HEAVY)}."
    )
    report("Import", rows, notes=(note,))


if __name__ == "__main__":
    main()
