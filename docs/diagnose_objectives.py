"""Train and diagnose the two examples of docs/objectives.md; write what the terminal shows to docs/objectives/*.txt.

python docs/diagnose_objectives.py: five minutes on one core.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent / "objectives"

TRAIN = {
    "transformer": (
        *("train", "timm", "--model", "tokens:transformer", "--data", "tokens:sequences"),
        *("--epochs", "20", "--learning-rate", "0.003"),
    ),
    "grasps": ("train", "sgd", "--model", "grasps:network", "--data", "grasps:bars", "--epochs", "20"),
}

DIAGNOSE = {
    "transformer": ("--densities", "0.03,0.1,0.3", "--retrain-epochs", "6", "--pruner-option", "linear=true"),
    "grasps": ("--densities", "0.03,0.1,0.3", "--retrain-epochs", "6"),
}


def main() -> None:
    """Write docs/objectives/transformer.txt and docs/objectives/grasps.txt."""
    for name, words in TRAIN.items():
        with tempfile.TemporaryDirectory() as folder:
            dense = _run(words, folder).stdout.strip()
            asked = ("diagnose", dense, *DIAGNOSE[name])
            done = _run((*asked, "--workers", "1"), folder)
        shown = done.stderr[done.stderr.index(f"prunescope {words[3]}") :]
        typed = f"$ dense=$({_typed(words)})\n$ {_typed(asked).replace(dense, '$dense')}\n"
        (HERE / f"{name}.txt").write_text(f"{typed}{shown.partition(chr(10) + 'Cite: ')[0]}", encoding="utf-8")


def _run(words: tuple[str, ...], folder: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    command = [sys.executable, "-m", "prunescope", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    if done.returncode not in (0, 4):  # 4: no verdict
        sys.exit(done.stderr)
    return done


def _typed(words: tuple[str, ...]) -> str:
    return shlex.join(("prunescope", *words))


if __name__ == "__main__":
    main()
