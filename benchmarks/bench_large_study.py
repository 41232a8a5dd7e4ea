"""What a finished study of 100,000 runs costs: list it, ask for what is left to run, report it.

    python benchmarks/bench_large_study.py [RUNS]

Writes a synthetic study of so many runs with the real writer, without weights, and runs `sweep --list`, `sweep`, which
finds every step finished and verifies each result, and `report --json` on it, each in a process of its own, twice: the
first command opens each result, the later ones read and hash its bytes. Prints the seconds of processor time and the
largest memory of each, importing torch for comparison; fails where a command takes more than 1 GB beyond that import.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from math import ceil
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import synthetic_phase

from prunescope.runs.store import Store
from prunescope.studies.grid import studyfolder

RUNS = 100_000

RUNS_OF_A_VALUE = 3 * 75 * (1 + 3 + 3)
"""Of three dense seeds and 75 densities each: a mask, three replicas, three probes, for one value of the axis."""

MOST_GIGABYTES = 1.0

STUDY = """
model = {{ name = "preresnet8", width = 0.5 }}
data = {{ name = "patches", images = 40, test_images = 20 }}
train = {{ plugin = "sgd", epochs = {last} }}
prune = {{ plugin = "magnitude" }}
retrain = {{ plugin = "sgd", epochs = 8 }}
probes = [{{ plugin = "errors" }}, {{ plugin = "lmc" }}, {{ plugin = "cka" }}]
axes = {{ epochs = {values}, density = {densities} }}
seeds = {{ dense = [0, 1, 2], replicas = 3 }}
"""


def make_study(folder: Path, runs: int) -> Store:
    """Write a study of at least so many runs, as if it had run."""
    values = [2 * number for number in range(1, max(2, ceil(runs / RUNS_OF_A_VALUE)) + 1)]
    densities = [round(0.005 * place, 3) for place in range(1, 76)]
    text = STUDY.format(last=values[-1], values=values, densities=densities)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    studyfolder.settle(folder / "study.toml", folder)
    store = Store(folder)
    synthetic_phase.write(studyfolder.load_grid(folder), store)
    return store


def run_command(*words: str, state: str = "") -> tuple[float, float]:
    """Return the processor time and the largest memory (GB) of Python with these words, in a process of its own."""
    environment = os.environ | {"XDG_STATE_HOME": state}
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, env=environment) as process:  # noqa: S603
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"python {' '.join(words)} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "runs", nargs="?", type=int, default=RUNS, help="runs of the study, at least (default: %(default)s)"
    )
    return parser.parse_args()


def main() -> int:
    """Print the figures; return 1 where a command takes too much memory."""
    count, most = _arguments().runs, 0.0
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as state:
        started = process_time()
        runs = len(make_study(Path(folder), count).ids())
        print(f"{runs:,} runs written in {process_time() - started:.0f} s of processor time", flush=True)
        torch_seconds, torch_memory = run_command("-c", "import torch")
        print(f"import torch: {torch_seconds:.1f} s of processor time, {torch_memory:.2f} GB", flush=True)
        for words in 2 * (("sweep", "--list", folder), ("sweep", folder), ("report", folder, "--json")):
            seconds, memory = run_command("-m", "prunescope", *words, state=state)
            most = max(most, memory - torch_memory)
            name = " ".join(word for word in words if word != folder)
            each = 1000 * seconds / runs
            print(f"{name}: {seconds:.1f} s of processor time, {each:.2f} ms for each run, {memory:.2f} GB", flush=True)
    return int(most > MOST_GIGABYTES)


if __name__ == "__main__":
    sys.exit(main())
