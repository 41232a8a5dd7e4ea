"""Draw the schedules: learning rates of the trainers, densities of the rounds, SAM's step and a moving average."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from matplotlib.figure import Figure

from prunescope.studies.lottery.densities import SHAPES
from prunescope.training import timm_rates
from prunescope.training.cycles import cycle_ends
from prunescope.training.schedule import Schedule, rate_factor

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

IMAGES = Path(__file__).parents[1] / "images"

BLUE, ORANGE, GREEN, INK, LINE = "#0b64a0", "#b34700", "#00705a", "#1c1e21", "#dcdcd6"

EPOCHS, STEPS = 40, 50


def main() -> None:
    """Write the pictures into docs/images."""
    torch.manual_seed(0)
    for name, draw in {"schedules": rates, "densities": densities, "sam": sam, "ema": ema}.items():
        made = Figure(figsize=(5.6, 2.8), layout="constrained")
        axes = made.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=LINE)
        draw(axes)
        made.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=9)
        made.savefig(IMAGES / f"{name}.svg", metadata={"Date": None})


def rates(axes: Axes) -> None:
    """Draw the learning rate of every step of 40 epochs."""
    multistep, cosine = Schedule(epochs=EPOCHS), Schedule(epochs=EPOCHS, shape="cosine")
    cyclic = Schedule(epochs=EPOCHS, shape="cosine", ends=cycle_ends(EPOCHS, cycles=4, factor=2))
    tanh = timm_rates.rates("tanh", multistep, steps_per_epoch=STEPS)
    kinds: tuple[tuple[str, Callable[[int], float], str, str], ...] = (
        ("multistep", partial(rate_factor, multistep, steps_per_epoch=STEPS), INK, "-"),
        ("cosine", partial(rate_factor, cosine, steps_per_epoch=STEPS), BLUE, "--"),
        ("cyclic, cosine", partial(rate_factor, cyclic, steps_per_epoch=STEPS), ORANGE, "-"),
        ("timm's tanh", tanh.__getitem__, GREEN, ":"),
    )
    for label, factor, colour, style in kinds:
        steps = range(EPOCHS * STEPS)
        axes.plot([step / STEPS for step in steps], [factor(step) for step in steps], style, color=colour, label=label)
    axes.set(xlabel="epochs", ylabel="share of the learning rate")


def densities(axes: Axes) -> None:
    """Draw the three schedules of density down to 5 %."""
    styles = {"geometric": (BLUE, "-"), "linear": (INK, "--"), "cubic": (ORANGE, "-.")}
    ways = [number / 100 for number in range(101)]
    for shape, (colour, style) in styles.items():
        axes.plot(ways, [SHAPES[shape](x, final=0.05) for x in ways], style, color=colour, label=shape)  # type: ignore[index]
    axes.set(xlabel="share of the rounds", ylabel="density")


def sam(axes: Axes) -> None:
    """Draw a loss with a sharp and a flat minimum, and that of the worst point within rho of each weight."""
    w = torch.linspace(-3, 3, 1201)
    loss = 1 - 0.95 * torch.exp(-12 * (w + 1.5) ** 2) - 0.85 * torch.exp(-0.9 * (w - 1) ** 2)
    reach = 60  # rho = 0.3
    worst = torch.stack([loss[max(0, i - reach) : i + reach + 1].max() for i in range(len(w))])
    axes.plot(w, loss, color=INK, label="loss at w")
    axes.plot(w, worst, "--", color=ORANGE, label="worst loss within ρ = 0.3")
    axes.set(xlabel="weight", ylabel="loss")


def ema(axes: Axes) -> None:
    """Draw one weight under noisy gradients, and its moving average with decay 0.98."""
    weight, average, path, averages = 1.0, 1.0, [], []
    for noise in torch.randn(300).tolist():
        weight -= 0.1 * (weight + 1.5 * noise)
        average = 0.98 * average + 0.02 * weight
        path.append(weight)
        averages.append(average)
    axes.plot(path, color=LINE.replace("dcdcd6", "9a9a92"), label="weight trained on")
    axes.plot(averages, color=BLUE, label="average, which is kept")
    axes.set(xlabel="step", ylabel="weight")


if __name__ == "__main__":
    main()
