"""Draw the pictures of the probes' pages: small networks on generated images, and simulated series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from prunescope_earlywarning import early_warning

from prunescope.api import Replica
from prunescope.networks import models
from prunescope.plugins import registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from prunescope.api import Data, Reading

IMAGES = Path(__file__).parent.parent / "images"
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#777777"
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "prunescope",
}
SPEC = models.ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8), options={"width": 0.5})
EPOCHS = 15


def trained() -> tuple[list[Replica], Data]:
    """Return two replicas of a small network on generated images."""
    data = registry.make("datasets", "patches", {"images": 600, "test_images": 200}).instance.load()
    trainer = registry.make("trainers", "sgd", {"epochs": EPOCHS, "batch_size": 32}).instance
    found = []
    for seed in range(2):
        model = models.create(SPEC, seed=seed)
        list(trainer.fit(model, data, seed=seed))
        found.append(Replica(model=model.eval()))
    return found, data


def measure(name: str, replicas: list[Replica], data: Data, **options: object) -> dict[str, Reading]:
    """Return a probe's readings."""
    probe = registry.make("probes", name, options).instance
    found: dict[str, Reading] = probe.measure(replicas[: probe.replicas], data, seed=0)
    return found


def picture(name: str, draw: Callable[[Axes], None], *, width: float = 4.6, height: float = 2.8) -> None:
    """Draw one picture and save it as SVG."""
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.subplots())
        figure.savefig(IMAGES / f"{name}.svg", metadata={"Date": None})


def spectral_density(replicas: list[Replica], data: Data) -> None:
    """Draw the density of the Hessian's eigenvalues on a logarithmic scale."""
    found = measure("spectral-density", replicas, data, batches=4, vectors=2, steps=30)

    def draw(axes: Axes) -> None:
        grid, curve = (np.asarray(found[name].value) for name in ("eigenvalue", "density"))
        axes.semilogy(grid, np.maximum(curve, 1e-7), color=BLUE)
        axes.set_ylim(1e-6, None)
        axes.set_xlabel("eigenvalue (nat / weight²)")
        axes.set_ylabel("density")

    picture("probe_spectral_density", draw)


def bezier(replicas: list[Replica], data: Data) -> None:
    """Draw the training error along the straight line and along the curve."""
    curve = measure("bezier", replicas, data, epochs=15, test=False)
    line = registry.make("probes", "lmc", {"test": False}).instance.measure(replicas, data, seed=0)

    def draw(axes: Axes) -> None:
        t = np.linspace(0, 1, 11)
        axes.plot(t, 100 * np.asarray(line["train_error_path"].value)[0], "o-", color=ORANGE, label="straight line")
        axes.plot(t, 100 * np.asarray(curve["train_error_path"].value), "s-", color=BLUE, label="trained Bezier curve")
        axes.set_xlabel("t, from replica A to replica B")
        axes.set_ylabel("training error (%)")
        axes.set_ylim(0, None)
        axes.legend(frameon=False)

    picture("probe_bezier", draw)


def slices(replicas: list[Replica], data: Data) -> None:
    """Draw a plane through one replica, and one through a pair."""
    around = measure("loss-slice", replicas, data, dimensions="2", points=13, batches=2)
    between = measure("pair-slice", replicas, data, dimensions="2", points=13, batches=2)
    for name, found, reach in (("loss_slice", around, (-1.0, 1.0)), ("pair_slice", between, (-0.5, 1.5))):
        levels = np.asarray(found["loss"].value)

        def draw(axes: Axes, levels: np.ndarray = levels, reach: tuple[float, float] = reach, name: str = name) -> None:
            steps = np.linspace(*reach, levels.shape[0])
            across = steps if name == "loss_slice" else steps - 0.5
            contour = axes.contourf(steps, across, np.log10(levels.T), levels=12, cmap="cividis")
            axes.figure.colorbar(contour, ax=axes, label="log₁₀ training loss (nat)")
            places = [(0.0, 0.0)] if name == "loss_slice" else [(0.0, 0.0), (1.0, 0.0)]
            axes.plot(*zip(*places, strict=True), "o", color=ORANGE)
            axes.set_xlabel("direction 1" if name == "loss_slice" else "A at 0, B at 1")
            axes.set_ylabel("direction 2" if name == "loss_slice" else "across")

        picture(f"probe_{name}", draw, height=3.2)


def sam(replicas: list[Replica], data: Data) -> None:
    """Draw the rise of the loss against the radius, with one step and with ten."""
    radii = [0.01, 0.02, 0.05, 0.1, 0.2]
    found = {
        steps: [
            float(measure("sam-sharpness", replicas, data, rho=rho, steps=steps, batches=1)["sharpness"].value)
            for rho in radii
        ]
        for steps in (1, 10)
    }

    def draw(axes: Axes) -> None:
        axes.loglog(radii, found[1], "o-", color=BLUE, label="one step")
        axes.loglog(radii, found[10], "s--", color=ORANGE, label="ten steps")
        axes.set_xlabel("radius ρ")
        axes.set_ylabel("rise of the loss (nat)")
        axes.legend(frameon=False)

    picture("probe_sam_sharpness", draw)


def cka_map(replicas: list[Replica], data: Data) -> None:
    """Draw the similarity of all layers."""
    found = measure("cka-map", replicas, data)["map"]

    def draw(axes: Axes) -> None:
        image = axes.imshow(np.asarray(found.value), cmap="cividis", vmin=0, vmax=1, origin="lower")
        axes.figure.colorbar(image, ax=axes, label="CKA")
        axes.set_xticks(range(len(found.labels)), found.labels, rotation=90, fontsize=6)
        axes.set_yticks(range(len(found.labels)), found.labels, fontsize=6)
        axes.set_xlabel("layer of replica B")
        axes.set_ylabel("layer of replica A")

    picture("probe_cka_map", draw, height=3.8)


def distance(replicas: list[Replica], data: Data) -> None:
    """Draw the distance of each layer."""
    found = measure("distance", replicas, data)["layer_l2"]

    def draw(axes: Axes) -> None:
        axes.bar(range(len(found.labels)), np.asarray(found.value), color=BLUE)
        axes.axhline(2**0.5, color=GREY, linestyle="--", label="unrelated (√2)")
        axes.set_xticks(range(len(found.labels)), [name.removesuffix(".weight") for name in found.labels], rotation=90)
        axes.tick_params(axis="x", labelsize=6)
        axes.set_ylabel("relative L2 distance")
        axes.set_ylim(0, 2)
        axes.legend(frameon=False, loc="upper left")

    picture("probe_distance", draw)


def hessian(replicas: list[Replica], data: Data) -> None:
    """Draw the trace of every layer with its standard error."""
    found = measure("hessian", replicas, data, top=0, vectors=8, sketch=4)["layer_trace"]

    def draw(axes: Axes) -> None:
        axes.bar(range(len(found.labels)), np.asarray(found.value), yerr=np.asarray(found.stderr), color=BLUE)
        axes.set_xticks(range(len(found.labels)), found.labels, rotation=90, fontsize=6)
        axes.set_ylabel("trace of the layer's block")

    picture("probe_hessian", draw)


def warning() -> None:
    """Draw the indicators before a simulated fold."""
    draws, x, series = np.random.default_rng(4), 1.0, []
    for p in np.linspace(1.0, 0.03, 500):
        for _ in range(5):
            x += 0.1 * (p - x * x) + 0.03 * 0.1**0.5 * draws.standard_normal()
        series.append(x)
    found = early_warning(series)

    def draw(axes: Axes) -> None:
        axes.plot(series, color=GREY, linewidth=0.7)
        axes.set_ylabel("state")
        axes.set_xlabel("place on the axis; the fold is near its end")
        axes.spines["right"].set_visible(True)
        beside = axes.twinx()
        ends = np.arange(found.window - 1, len(series))
        beside.plot(ends, found.autocorrelation.values, color=BLUE, label="lag-1 autocorrelation")
        scaled = np.array(found.variance.values) / max(found.variance.values)
        beside.plot(ends, scaled, color=ORANGE, label="variance (of its largest)")
        beside.set_ylim(0, 1.05)
        beside.legend(frameon=False, loc="lower left")

    picture("early_warning", draw)


def main() -> None:
    """Write all pictures."""
    warning()
    replicas, data = trained()
    for draw in (spectral_density, bezier, slices, sam, cka_map, distance, hessian):
        draw(replicas, data)


if __name__ == "__main__":
    main()
