"""Make the tables and pictures of docs/lottery.md: run `instability` and `lottery`, keep what they say.

`python docs/pictures/lottery.py [FOLDER]` keeps every finished step in FOLDER, so that a run that was stopped goes on.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent

DENSITY, LEVELS = 0.1, 3

COMMON = (
    *("--model", "preresnet8", "--model-option", "width=0.5", "--seeds", "3"),
    *("--trainer-option", "batch_size=32", "--density", str(DENSITY), "--levels", str(LEVELS)),
)
DIGITS = (*COMMON, "--data", "digits", "--trainer-option", "epochs=20")
PATCHES = (*COMMON, "--data", "patches:prototypes=1,noise=0.3,distractor=0.4", "--trainer-option", "epochs=12")

COMMANDS = {
    "instability": (*DIGITS, "--steps", "0,20,41,82"),
    "lottery": (*DIGITS, "--rewind", "0,41", "--method", "weights"),
    "instability_patches": (*PATCHES, "--steps", "0,32,126"),
    "lottery_patches": (*PATCHES, "--rewind", "0,126", "--method", "weights"),
}


def main(folder: Path) -> None:
    """Run both commands; write docs/lottery_*.md and docs/images/."""
    for name, words in COMMANDS.items():
        command = name.removesuffix("_patches")
        found = _run(command, words, folder / name.removeprefix(command))
        table = _instability(found) if command == "instability" else _lottery(found)
        shown = " ".join(words).replace(" --", " \\\n  --")
        text = f"```\nprunescope {command} {shown}\n```\n\n{table}\n"
        (DOCS / f"lottery_{name}.md").write_text(text, encoding="utf-8")
        if command == name:
            shutil.copy(folder / "figures" / f"{name}.svg", DOCS / "images" / f"{name}.svg")


def _run(name: str, words: tuple[str, ...], folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "prunescope", name, *words, "--study", str(folder / "study")]
    command += ["--figures", str(folder / "figures"), "--report", str(folder / f"{name}.html"), "--json", *sys.argv[2:]]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _instability(found: dict[str, Any]) -> str:
    """Return barrier and test error in percent by step, dense and masked."""
    dense, masked = found["curves"]
    lines = [
        f"| step | barrier, dense | barrier, density {masked['density']:g} | test error, dense | test error, masked |",
        "|---|---|---|---|---|",
    ]
    for at, step in enumerate(dense["steps"]):
        cells = [_over(curve[what], at) for what in ("barrier", "error") for curve in (dense, masked)]
        lines.append(f"| {step} | {' | '.join(cells)} |")
    told = [_stable(dense, "the dense networks"), _stable(masked, f"those of density {masked['density']:g}")]
    return "\n".join(lines) + f"\n\nIn percent; means over seeds, least and greatest in brackets. {' '.join(told)}"


def _over(rows: list[list[float]], at: int) -> str:
    column = [100 * row[at] for row in rows]
    return f"{sum(column) / len(column):.2f} ({min(column):.2f} to {max(column):.2f})"


def _stable(curve: dict[str, Any], who: str) -> str:
    found = curve["stability"]
    if found["middle"] is None:
        return f"In most seeds {who} are not stable up to step {curve['steps'][-1]}."
    high = "later" if found["high"] is None else found["high"]
    return f"Step of stability of {who}: {found['middle']} (seeds: {found['low']} to {high})."


def _lottery(found: dict[str, Any]) -> str:
    """Return test errors in percent of every kind of network at every density."""
    densities = sorted({row["density"] for row in found["rows"]}, reverse=True)
    head = " | ".join(f"density {density:.3g}" for density in densities)
    lines = [f"| network | {head} |", "|---|" + "---|" * len(densities)]
    kinds = dict.fromkeys((row["step"], row["control"]) for row in found["rows"])
    for step, control in kinds:
        rows = {row["density"]: row for row in found["rows"] if (row["step"], row["control"]) == (step, control)}
        lines.append(f"| {_name(step, control)} | {' | '.join(_cell(rows[density]) for density in densities)} |")
    dense = found["dense"]
    return (
        "\n".join(lines) + f"\n\nTest error in percent, mean ± standard deviation over seeds; the dense networks have "
        f"{100 * dense['mean']:.2f} ± {100 * dense['deviation']:.2f}, and bold matches them."
    )


def _name(step: int, control: str | None) -> str:
    kinds = {
        None: f"weights of step {step}",
        "random": f"weights of step {step}, random mask",
        "reinit": f"mask of step {step}, reinitialised",
    }
    return kinds[control]


def _cell(row: dict[str, Any]) -> str:
    text = f"{100 * row['test_error']['mean']:.2f} ± {100 * row['test_error']['deviation']:.2f}"
    return f"**{text}**" if row["matching"] else text


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch))
