"""Images drawn at random, and folders of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cifar10_files import pictures
from PIL import Image

from prunescope.data.datasets import Timm


def same_batches(one, two):
    return all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(one, two, strict=True))


def write_folder(root, *, splits=("train", "val"), classes=("ant", "bee", "cow"), size=(20, 24), per_class=4):
    for number, split in enumerate(splits):
        for place, name in enumerate(classes):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i, pixels in enumerate(pictures(per_class - number, size=(*size, 3), seed=10 * number + place)):
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return root


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images_of(n, *, channels=3, height=6, width=5, seed=0):
    return torch.randint(256, (n, channels, height, width), generator=seeded(seed), dtype=torch.uint8)


def write_images(root, *, seed=0, size=8):
    rng = np.random.default_rng(seed)
    for split in ("train", "val"):
        for name in ("ant", "bee"):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(4):
                pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.bmp")
    return root


def refused(error, **spec):
    with pytest.raises(error) as caught:
        Timm(**spec).load()
    assert caught.value.fix
    return str(caught.value)
