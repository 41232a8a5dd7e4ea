"""CKA of outputs, of all layers of a small network, and of one wide layer, against Gram matrices of numpy."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from math import comb
from time import process_time

import gram
import numpy as np
import torch
from harness import Row, headline, interleaved, one_thread, report

from prunescope.api import Replica
from prunescope.data.datasets import Patches
from prunescope.landscape.features import layers_features, match_layers
from prunescope.landscape.probes.cka import Cka
from prunescope.landscape.probes.lmc import Lmc
from prunescope.landscape.similarity import kernel, pairwise_cka
from prunescope.networks import models

N = 5000
REPLICAS = 5
WIDE = (1000, 16384)
"""Images and features of the first layers of PreResNet-20 on 32x32."""
FEW, FACTOR = 1000, 4
"""Images, and how many times as many, for the growth of time and memory."""
BOUND = 0.02
"""GiB for the layers in that comparison."""

NOTES = (
    """For a layer with more features than images the gain is that five Gram matrices are made in place of twenty:
numpy multiplies a matrix with its own transpose at half the operations (BLAS syrk), and so does prunescope, both at the
speed of the core in float64.""",
    "torchmetrics has no CKA to compare with.",
    f"""Growth: PreResNet-8 (width 0.5) on 8x8. CKA of all layers within {BOUND} GiB is the approximation from
mini-batches, so that its memory does not grow; exact CKA of wide layers is quadratic in n.""",
)


def outputs() -> Row:
    """CKA of the softmax outputs of two replicas."""
    made = torch.Generator().manual_seed(0)
    logits = torch.randn(2, N, 10, generator=made, dtype=torch.float64)
    x, y = (logits[0] * 3).softmax(1), (logits[0] * 3 + logits[1]).softmax(1)
    found, wanted = [0.0], gram.cka(x.numpy(), y.numpy())

    def ours() -> None:
        for _ in range(100):
            found[0] = pairwise_cka([kernel(x), kernel(y)])[0]

    seconds = interleaved({"numpy Gram": lambda: gram.cka(x.numpy(), y.numpy()), "prunescope": ours}, rounds=9)
    error = abs(found[0] - wanted)
    assert error < 1e-8, error  # noqa: S101 - the benchmark's own check
    ratios = [a / b * 100 for a, b in zip(seconds["numpy Gram"], seconds["prunescope"], strict=True)]
    title = f"CKA of outputs, n = {N:,}"
    return Row(workload=title, comparison="numpy Gram / prunescope", ratios=ratios, share=None)


def all_layers() -> Row:
    """CKA of all layers of five replicas: the probe, forward passes included, against numpy on features it is given."""
    data = Patches(size=8, images=N, test_images=10).load()
    spec = models.ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8), options={"width": 0.5})
    made = [models.create(spec, seed=seed).eval() for seed in range(REPLICAS)]
    layers = match_layers(made[0], ["*"])
    started = process_time()
    found = Cka(layers=("*",), images=N).measure([Replica(model=model) for model in made], data, seed=0)
    ours = process_time() - started
    pair = [layers_features(model, layers, data.train, images=N, batch_size=256) for model in made[:2]]
    plain = 0.0
    for layer in layers:
        x, y = (features.pop(layer).double().numpy() for features in pair)
        started = process_time()
        wanted = gram.cka(x, y)
        plain += process_time() - started
        assert abs(found[f"layer.{layer}"].value[0] - wanted) < 1e-6, layer  # noqa: S101 - rounding of the features
    ratio = comb(REPLICAS, 2) * plain / ours
    title = f"CKA of all {len(layers)} layers of PreResNet-8 (width 0.5) on 8x8, {REPLICAS} replicas, n = {N:,}"
    return Row(workload=title, comparison="numpy Gram per pair / prunescope", ratios=[ratio], share=None)


def wide_layer() -> Row:
    """CKA of a layer with more features than images, of five replicas."""
    n, features = WIDE
    draw = torch.Generator().manual_seed(0)
    made = [torch.randn(n, features, generator=draw) for _ in range(REPLICAS)]
    found: list[float] = []

    def ours() -> None:
        found[:] = pairwise_cka([kernel(one) for one in made])

    def plain() -> None:
        x, y = (one.double().numpy() for one in made[:2])
        error = abs(gram.cka(x, y) - (found[0] if found else np.nan))
        assert not error > 1e-8, error  # noqa: S101 - the benchmark's own check

    seconds = interleaved({"prunescope": ours, "one pair": plain}, rounds=2)
    ratios = [comb(REPLICAS, 2) * a / b for a, b in zip(seconds["one pair"], seconds["prunescope"], strict=True)]
    title = f"CKA of one layer of {features:,} features, {REPLICAS} replicas, n = {n:,}"
    return Row(workload=title, comparison="numpy Gram per pair / prunescope", ratios=ratios, share=None)


def grown(what: str, images: int) -> tuple[float, float]:
    """Return processor time and peak memory (MiB) of one probe, in this process, on so many images."""
    data = Patches(size=8, images=images, test_images=10).load()
    spec = models.ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8), options={"width": 0.5})
    pair = [Replica(model=models.create(spec, seed=seed).eval()) for seed in (0, 1)]
    probes = {
        "LMC": Lmc(points=3, batch_size=64),
        "CKA of outputs": Cka(images=images),
        f"CKA of all layers in {BOUND} GiB": Cka(images=images, layers=("*",), memory=BOUND, estimator="debiased"),
    }
    started = process_time()
    probes[what].measure(pair, data, seed=0)
    return process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def growth() -> list[Row]:
    """Time and peak memory on four times the images over those on the images, each in a process of its own."""
    rows = []
    for what in ("LMC", "CKA of outputs", f"CKA of all layers in {BOUND} GiB"):
        few, many = (_child(what, FEW * factor) for factor in (1, FACTOR))
        for place, name in enumerate(("time", "peak memory of the process")):
            ratios = [many[place] / few[place]]
            title = f"{what}: {name}"
            rows.append(Row(workload=title, comparison=f"{FACTOR * FEW:,} / {FEW:,} images", ratios=ratios, share=None))
    return rows


def _child(what: str, images: int) -> tuple[float, float]:
    command = [sys.executable, __file__, what, str(images)]
    time, memory = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - ourselves
    return time, memory


def main() -> None:
    """Print the table and write it into the docs."""
    rows = [outputs(), all_layers(), wide_layer()]
    lines = [
        headline(rows[0], least=1000, note="error < 1e-8"),
        headline(rows[1], least=3, aim=6, note="numpy timed on one pair of ten"),
        headline(rows[2], least=3, aim=6, note="exact; numpy timed on one pair of ten"),
    ]
    report("Similarity", [*rows, *growth()], headlines=lines, notes=NOTES)


if __name__ == "__main__":
    one_thread()
    if sys.argv[1:]:
        print(json.dumps(grown(sys.argv[1], int(sys.argv[2]))))
    else:
        main()
