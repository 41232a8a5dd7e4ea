"""Make the pictures of docs/pruners.md and docs/compare.md, and the table of the latter.

`python docs/pictures/pruners.py [FOLDER]` keeps every finished step in FOLDER, so that a run that was stopped goes on.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from prunescope.data import sources
from prunescope.networks import checkpoints, masks
from prunescope.plugins import registry
from prunescope.report.common import svg
from prunescope.report.comparison import figures, tables
from prunescope.runs.store import Store
from prunescope.studies.comparison.measured import ComparedPoint, MeasuredComparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

DOCS = Path(__file__).parents[1]

DENSITY = 0.05

TRAIN = (
    *("train", "sgd", "--model", "preresnet20", "--data", "patches", "--epochs", "20"),
    *("--learning-rate", "0.1", "--weight-decay", "5e-3", "--batch-size", "32"),
)

COMPARE = (
    *("compare", "magnitude", "magnitude:scope=global", "lamp", "activation"),
    *("gradient-weight", "snip", "synflow", "grasp", "--data", "patches"),
)

LAYERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("magnitude, scope layer", "magnitude", {}),
    ("magnitude, scope global", "magnitude", {"scope": "global"}),
    ("allocation erk", "magnitude", {"allocation": "erk"}),
    ("lamp", "lamp", {}),
    ("activation, scope global", "activation", {"scope": "global"}),
    ("gradient", "gradient", {"scope": "global"}),
    ("gradient-weight", "gradient-weight", {}),
    ("taylor", "taylor", {}),
    ("snip", "snip", {}),
    ("synflow", "synflow", {}),
    ("synflow, 1 round", "synflow", {"rounds": 1}),
    ("grasp", "grasp", {}),
)
"""Title, plugin, options."""

FLOOR = 1e-5
"""Where the bars begin: a logarithm has no zero."""

BLUE, RED, INK, LINE = "#0b64a0", "#b34700", "#1c1e21", "#dcdcd6"


def main(folder: Path) -> None:
    """Write docs/images/pruners_*.svg and the table of docs/compare.md."""
    trained = _run(TRAIN, folder / "study").strip()
    _save(_layers(Store(folder / "study"), trained), "pruners_layers")
    found = json.loads(_run((*COMPARE, "--json"), folder / "study"))
    measured = _measured(found)
    for x in ("compression", "speedup"):
        with svg.drawing():
            _save(figures.against(measured, x, "top1", paint=svg.PAINT), f"pruners_{x}")
    _write_table(_table(measured))


def _save(made: Figure, name: str) -> None:
    """Write a picture; its text stays text, which is smaller."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "prunescope"}):
        made.savefig(DOCS / "images" / f"{name}.svg", facecolor="white", metadata={"Date": None, "Creator": None})


def _run(words: Sequence[str], study: Path) -> str:
    command = [sys.executable, "-m", "prunescope", *words, "--study", str(study)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _layers(store: Store, run: str) -> Figure:
    """Draw the density of every layer, a panel for each method; a cross where a layer keeps nothing."""
    found = store.load_weights(run)
    data = sources.open_source(store.read(run).facts["data"], device="cpu")
    made = Figure(figsize=(8.2, 6.6), layout="constrained")
    panels = made.subplots(4, 3, sharex=True, sharey=True)
    for axes, (title, plugin, options) in zip(panels.flat, LAYERS, strict=True):
        pruner = registry.make("pruners", plugin, options).instance
        mask = pruner.mask(checkpoints.to_model(found).eval(), data, DENSITY, seed=0)
        _panel(axes, title, list(masks.per_layer_density(mask).values()))
    made.supxlabel("convolution, from the first to the last", fontsize=9.5)
    made.supylabel("density of the layer", fontsize=9.5)
    return made


def _panel(axes: Axes, title: str, densities: Sequence[float]) -> None:
    places = list(range(1, len(densities) + 1))
    edges = [place - 0.5 for place in (*places, len(places) + 1)]
    axes.stairs([max(density, FLOOR) for density in densities], edges, baseline=FLOOR, fill=True, color=BLUE)
    empty = [place for place, density in zip(places, densities, strict=True) if not density]
    axes.plot(empty, [2.2 * FLOOR] * len(empty), linestyle="none", marker="x", color=RED, markersize=6)
    axes.axhline(DENSITY, color=INK, linewidth=0.9, linestyle="--")
    axes.set(yscale="log", ylim=(FLOOR, 1.3))
    axes.set_yticks([1e-4, 1e-2, 1], ["0.01 %", "1 %", "100 %"], fontsize=8.5)
    axes.minorticks_off()
    axes.tick_params(axis="x", labelsize=8.5)
    axes.set_title(title, fontsize=9.5, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)


def _measured(found: dict[str, Any]) -> MeasuredComparison:
    """Return what --json printed as it was measured."""
    pruned = {
        label: {one["density"]: tuple(ComparedPoint(**point) for point in one["seeds"]) for one in densities}
        for label, densities in found["pruners"].items()
    }
    dense = tuple(ComparedPoint(**point) for point in found["dense"]["seeds"])
    return MeasuredComparison(
        densities=tuple(found["densities"]), seeds=tuple(found["seeds"]), dense=dense, pruned=pruned
    )


def _write_table(text: str) -> None:
    page = DOCS / "compare.md"
    before, begin, rest = page.read_text(encoding="utf-8").partition("writes this -->\n")
    _, end, after = rest.partition("<!-- end -->")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _table(measured: MeasuredComparison) -> str:
    shown = " ".join(COMPARE).replace(" --", " \\\n  --")
    lines = ["| " + " | ".join(tables.COMPARISON_COLUMNS) + " |", "|" + "---|" * len(tables.COMPARISON_COLUMNS)]
    lines += ["| " + " | ".join(row) + " |" for row in tables.comparison_rows(measured)]
    return f"```\nprunescope {shown}\n```\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
