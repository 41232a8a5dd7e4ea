"""Draw the pictures of the plugins' pages; they must be installed: pip install ./plugins/*.

The latencies and the study of the intrinsic dimension are read from the tables their own scripts wrote.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from prunescope_spectrum.budgets import layer_budgets
from prunescope_spectrum.eigenvalues import eigenvalues
from prunescope_spectrum.tails import clauset, fit_tail

from prunescope.networks.models import ModelSpec, create, prunable
from prunescope.plugins import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from torch import nn

ROOT = Path(__file__).parents[2]

IMAGES = ROOT / "docs" / "images"

BLUE, ORANGE, GREEN, INK, LINE = "#0b64a0", "#b34700", "#00705a", "#1c1e21", "#dcdcd6"

COLOURS = (BLUE, ORANGE, GREEN)


def main() -> None:
    """Write the pictures into docs/images."""
    save("channels", [channels])
    save("data-geometry", [dimensions, prunability])
    model = trained()
    save("spectrum", [lambda axes: tail(axes, model), lambda axes: budgets(axes, model)])


def save(name: str, draw: Sequence[Callable[[Axes], None]]) -> None:
    """Write one picture of one or more panels."""
    made = Figure(figsize=(7.2 if len(draw) > 1 else 4.6, 2.9), layout="constrained")
    for axes, panel in zip(np.atleast_1d(made.subplots(1, len(draw))), draw, strict=True):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=LINE)
        panel(axes)
        axes.legend(frameon=False, fontsize=8)
    made.savefig(IMAGES / f"{name}.svg", metadata={"Date": None})


def rows(path: str) -> list[dict[str, str]]:
    """Read a table of a plugin's study."""
    with (ROOT / "plugins" / path).open() as file:
        return list(csv.DictReader(file))


def channels(axes: Axes) -> None:
    """Draw how many times faster compact networks ran."""
    found = rows("prunescope-structured/study/latency.csv")
    for colour, name in zip(COLOURS, dict.fromkeys(row["network"] for row in found), strict=True):
        own = [row for row in found if row["network"] == name]
        x = [float(row["density"]) for row in own]
        axes.plot(x, [float(row["latency, median ratio"]) for row in own], "o-", color=colour, label=name)
        axes.plot(x, [float(row["operations, ratio"]) for row in own], "--", color=colour)
    axes.plot([], [], "--", color=INK, label="operations")
    axes.set(xscale="log", yscale="log", xlabel="density", ylabel="times as fast as masked")
    axes.set_xticks([0.05, 0.1, 0.25, 0.5], ["5 %", "10 %", "25 %", "50 %"], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_yticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
    axes.set_yticks([], minor=True)


def dimensions(axes: Axes) -> None:
    """Draw the estimates against the dimension the images were made with."""
    found = [row for row in study() if int(row["dimension"])]
    x = [int(row["dimension"]) for row in found]
    axes.plot([2, 64], [2, 64], color=INK, linewidth=0.8, label="as made")
    axes.plot(x, [float(row["two_nn"]) for row in found], "o", color=BLUE, label="TwoNN")
    axes.plot(x, [float(row["maximum_likelihood"]) for row in found], "s", color=ORANGE, label="maximum likelihood")
    axes.set(xscale="log", yscale="log", xlabel="dimension of the images", ylabel="estimate")
    for set_ticks in (axes.set_xticks, axes.set_yticks):
        set_ticks([4, 8, 16, 32, 64], ["4", "8", "16", "32", "64"])
        set_ticks([], minor=True)


def prunability(axes: Axes) -> None:
    """Draw how much test error pruning adds."""
    shades = {int(row["dimension"]): row for row in study()}
    for number, (dimension, row) in enumerate(sorted(shades.items(), key=lambda item: item[0] or 192)):
        errors = {float(key.removeprefix("error at ")): float(row[key]) for key in row if key.startswith("error at")}
        dense = errors.pop(0.999)
        colour = colormaps["viridis"](0.9 * number / max(1, len(shades) - 1))
        added = [100 * (error - dense) for error in errors.values()]
        axes.plot(list(errors), added, "o-", color=colour, markersize=3, label=f"{dimension or 'all 192'}")
    axes.set(xscale="log", xlabel="density", ylabel="points of test error added")
    axes.set_xticks([0.02, 0.05, 0.1, 0.2, 0.5], ["2 %", "5 %", "10 %", "20 %", "50 %"])
    axes.set_xticks([], minor=True)


def study() -> list[dict[str, str]]:
    """Return the lines of the first seed."""
    return [row for row in rows("prunescope-datageometry/study/dimension_and_prunability.csv") if row["seed"] == "0"]


def trained() -> nn.Module:
    """Train a small network on generated images."""
    data = registry.make("datasets", "patches", {}).instance.load()
    spec = ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8))
    model = create(spec, seed=0).to(memory_format=torch.channels_last)
    trainer = registry.make("trainers", "sgd", {"epochs": 10, "learning_rate": 0.1, "batch_size": 32}).instance
    for _ in trainer.fit(model, data, seed=0):
        pass
    return model


def tail(axes: Axes, model: nn.Module) -> None:
    """Draw the share of eigenvalues above x, and the fitted tail, of one layer."""
    name = "layer3.0.conv2.weight"
    values = eigenvalues(prunable(model)[name])
    found = clauset(values)
    above = 1 - np.arange(len(values)) / len(values)
    axes.step(values, above, where="post", color=BLUE, label=name.removesuffix(".weight"))
    x = np.geomspace(found.xmin, values[-1], 50)
    axes.plot(
        x, found.n / len(values) * (x / found.xmin) ** (1 - found.alpha), color=ORANGE, label=f"α = {found.alpha:.2f}"
    )
    axes.set(xscale="log", yscale="log", xlabel="eigenvalue", ylabel="share above", ylim=(5e-4, 2))


def budgets(axes: Axes, model: nn.Module) -> None:
    """Draw alpha and the density AlphaPruning gives at a density of 20 %, by layer."""
    weights = prunable(model)
    alphas = {name: found.alpha for name, weight in weights.items() if (found := fit_tail(eigenvalues(weight), "hill"))}
    sizes = {name: weights[name].numel() for name in alphas}
    counts = layer_budgets(alphas, sizes, 0.2, spread=0.3, floor=0.1)
    kept = [100 * counts[name] / sizes[name] for name in alphas]
    axes.plot(list(alphas.values()), kept, "o", color=GREEN, label="layers of preresnet8")
    axes.axhline(20, color=INK, linewidth=0.8, label="uniform")
    axes.set(xlabel="α (Hill)", ylabel="density, %")


if __name__ == "__main__":
    main()
