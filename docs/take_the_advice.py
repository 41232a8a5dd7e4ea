"""Does the advice of `quickstart` hold? Train colder and hotter from three seeds, and write the tutorial's table."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SEEDS = (0, 1, 2)
EPOCHS = (60, 30, 15)
DENSITIES = (0.05, 0.1, 0.4)
TARGET = Path(__file__).parent / "advice_table.md"
DENSE = ("--model", "preresnet8", "--model-option", "width=0.5", "--data", "digits", "--batch-size", "32")


def prunescope(*words: object, study: Path) -> str:
    """Run one command and return what it prints."""
    command = [sys.executable, "-m", "prunescope", *map(str, words), "--study", str(study)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if done.returncode not in (0, 4):
        raise SystemExit(f"failed: {' '.join(command)}")
    return done.stdout.strip()


def diagnosis(epochs: int, seed: int, study: Path) -> dict[float, tuple[str, float]]:
    """Train, diagnose, and return density -> (regime, mean test error of the replicas)."""
    settings = ("--epochs", epochs, "--weight-decay", "0.005", "--seed", seed)
    dense = prunescope("train", "sgd", *DENSE, *settings, study=study)
    densities = ",".join(map(str, DENSITIES))
    asked = ("--density", densities, "--retrain-epochs", 12, "--seed", seed)
    found = json.loads(prunescope("diagnose", dense, *asked, "--json", study=study))
    regimes = {verdict["density"]: verdict["regime"] for verdict in found["verdicts"]}
    return {density: (regime, test_error(found, density)) for density, regime in regimes.items()}


def test_error(found: dict[str, Any], density: float) -> float:
    """Return the replicas' mean test error at one density."""
    (values,) = [
        reading["value"]
        for reading in found["readings"]
        if (reading["density"], reading["probe"], reading["name"]) == (density, "errors", "test_error")
    ]
    return statistics.fmean(values)


def main() -> None:
    """Write the table."""
    lines = [f"| density | {' | '.join(f'{epochs} epochs' for epochs in EPOCHS)} |", "|---" * (len(EPOCHS) + 1) + "|"]
    with tempfile.TemporaryDirectory() as folder:
        found = {epochs: [diagnosis(epochs, seed, Path(folder)) for seed in SEEDS] for epochs in EPOCHS}
    for density in DENSITIES:
        cells = []
        for epochs in EPOCHS:
            errors = [100 * one[density][1] for one in found[epochs]]
            regimes = ", ".join(str(one[density][0]) for one in found[epochs])
            cells.append(f"{statistics.median(errors):.1f} % ({min(errors):.1f} to {max(errors):.1f}); {regimes}")
        lines.append(f"| {density:.0%} | {' | '.join(cells)} |")
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(TARGET.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
