"""One cyclic run against separate runs of each length: how near its curve comes, and how many epochs it saves.

The numbers are test errors, not times: the same data, network, learning rate and batch size, over several seeds. The
table and the picture go into the page of trainers.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from harness import one_thread
from matplotlib.figure import Figure

from prunescope.data.datasets import Patches
from prunescope.landscape.evaluate import outcomes
from prunescope.networks import models
from prunescope.runs.scheduling.memory import keep_freed
from prunescope.training.trainers.cyclic import Cyclic
from prunescope.training.trainers.sgd import Sgd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from prunescope.api import Data, Trainer

DOCS = Path(__file__).parent.parent / "docs"

SEEDS = (0, 1, 2)
EPOCHS, CYCLES = 40, 4
HOW = {"schedule": "cosine", "learning_rate": 0.1, "weight_decay": 1e-3, "batch_size": 32}
SPEC = models.ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8), options={"width": 0.5})

Curves = dict[int, list[float]]
"""Test error in percent of every seed, by epochs."""


def errors(trainer: Trainer, data: Data, *, seed: int, at: Sequence[int]) -> list[float]:
    """Train from nothing; return the test error after each of these epochs, in percent."""
    model = models.create(SPEC, seed=seed)
    return [_error(model, data) for epoch in trainer.fit(model, data, seed=seed) if epoch.number in at]


def _error(model: nn.Module, data: Data) -> float:
    model.eval()
    return 100 * float(outcomes(model, data.test, batch_size=500).error.double().mean())


def measure() -> tuple[Curves, Curves]:
    """Return the curves of separate runs and of one cyclic run."""
    data, cyclic = Patches().load(), Cyclic(epochs=EPOCHS, cycles=CYCLES, **HOW)
    ends = cyclic.stages()
    separate: Curves = {end: [] for end in ends}
    together: Curves = {end: [] for end in ends}
    for seed in SEEDS:
        for end, error in zip(ends, errors(cyclic, data, seed=seed, at=ends), strict=True):
            together[end].append(error)
            separate[end] += errors(Sgd(epochs=end, **HOW), data, seed=seed, at=[end])
    return separate, together


def table(separate: Curves, together: Curves) -> str:
    """Return what was measured as Markdown."""
    lines = ["| epochs | separate runs | one cyclic run | difference, seed by seed |", "|---|---|---|---|"]
    for end in separate:
        apart = [cyclic - alone for cyclic, alone in zip(together[end], separate[end], strict=True)]
        low, high = min(apart), max(apart)
        lines.append(
            f"| {end} | {_told(separate[end])} | {_told(together[end])} | "
            f"{statistics.fmean(apart):+.2f} ({low:+.2f} to {high:+.2f}) |"
        )
    total = sum(separate)
    lines.append("")
    lines.append(
        f"Test error in percent, mean ± standard deviation over {len(SEEDS)} seeds: `preresnet8` of half width on "
        f"`patches`. The separate runs take {total} epochs, the cyclic run {EPOCHS}: {total / EPOCHS:.2f} times fewer. "
        "Written by `benchmarks/bench_cyclic.py`."
    )
    return "\n".join(lines) + "\n"


def _told(values: Sequence[float]) -> str:
    return f"{statistics.fmean(values):.2f} ± {statistics.stdev(values):.2f}"


def draw(separate: Curves, together: Curves, path: Path) -> None:
    """Draw both curves, with the range over seeds."""
    made = Figure(figsize=(5.6, 3.2), layout="constrained")
    axes = made.add_subplot()
    kinds = ((separate, "separate runs", "#0b64a0", "o", "-"), (together, "one cyclic run", "#b34700", "s", "--"))
    for shift, (curve, label, colour, marker, style) in zip((0.98, 1.02), kinds, strict=True):
        places = [end * shift for end in curve]
        means = [statistics.fmean(values) for values in curve.values()]
        axes.plot(places, means, marker=marker, linestyle=style, color=colour, label=label, markerfacecolor="white")
        axes.vlines(places, [min(v) for v in curve.values()], [max(v) for v in curve.values()], color=colour)
    axes.set_xscale("log")
    axes.set_xticks(list(separate), [str(end) for end in separate], minor=False)
    axes.minorticks_off()
    axes.set(xlabel="epochs of training", ylabel="test error, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dcdcd6")
    axes.legend(frameon=False)
    made.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, print the table, and write it and the picture into the docs."""
    one_thread()
    keep_freed()  # as the program does
    separate, together = measure()
    text = table(separate, together)
    print(text)
    (DOCS / "cyclic_table.md").write_text(text, encoding="utf-8")
    draw(separate, together, DOCS / "images" / "cyclic.svg")


if __name__ == "__main__":
    main()
