"""CIFAR-10 as its archive has it on disk, with few and random images."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
from torchvision.datasets import CIFAR10


def pictures(n, *, size=(8, 8, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, size=(n, *size), dtype=np.uint8)


def write_cifar10(root, monkeypatch, *, per_batch=6):
    """Write the files of the "CIFAR-10 python version" archive, with few images, and their checksums."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    sums = {}

    def dump(name, content):
        raw = pickle.dumps(content, protocol=2)
        (folder / name).write_bytes(raw)
        sums[name] = hashlib.md5(raw).hexdigest()  # noqa: S324 - torchvision asks for MD5

    for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        pixels = pictures(per_batch, size=(3, 32, 32), seed=number).reshape(per_batch, -1)
        dump(name, {"data": pixels, "labels": [(number + i) % 10 for i in range(per_batch)], "batch_label": "x"})
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    dump("batches.meta", {"label_names": names, "num_vis": 3072})
    monkeypatch.setattr(CIFAR10, "train_list", [[f"data_batch_{i}", sums[f"data_batch_{i}"]] for i in range(1, 6)])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"]})
    return root
