"""Keeping freed memory against giving it back: linear mode connectivity and training of PreResNet-20 on 32x32."""

from __future__ import annotations

import subprocess
import sys
from time import process_time

from harness import Row, one_thread, report

from prunescope.data.datasets import Patches
from prunescope.landscape.connectivity import lines
from prunescope.networks import models
from prunescope.runs.scheduling import memory
from prunescope.training.trainers.sgd import Sgd

ROUNDS = 3
SPEC = models.ModelSpec(name="preresnet20", num_classes=10, in_chans=3, image_size=(32, 32))
BATCH = 128


def seconds(workload: str) -> float:
    """Return the processor time of one workload in this process, the second time it is run."""
    one_thread()
    data = Patches(size=32, images=BATCH, test_images=10).load()
    pair = [models.create(SPEC, seed=seed) for seed in (0, 1)]
    for _ in range(2):
        started = process_time()
        if workload == "training":
            list(Sgd(epochs=1).fit(pair[0], data, seed=0))
        else:
            list(lines(pair, data.train, points=3, batch_size=BATCH))
        taken = process_time() - started
    return taken


def measured(workload: str, how: str) -> float:
    """Return the processor time of one workload in a process of its own: the setting cannot be taken back."""
    command = [sys.executable, __file__, workload, how]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - ourselves


def main() -> None:
    """Print the table and write it into the docs."""
    rows = []
    for workload in ("training", "LMC"):
        ratios = [measured(workload, "given back") / measured(workload, "kept") for _ in range(ROUNDS)]
        title = f"{workload}, preresnet20 on 32x32, batches of {BATCH}"
        rows.append(Row(workload=title, comparison="given back / kept", ratios=ratios, share=None))
    report("Freed memory", rows)


if __name__ == "__main__":
    if sys.argv[1:]:
        if sys.argv[2] == "kept":
            memory.keep_freed()
        print(seconds(sys.argv[1]))
    else:
        main()
