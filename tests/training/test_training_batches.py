from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_training import tiny_data

from prunescope.api.errors import UsageError
from prunescope.training.batches import Batches, passes_over, steps_per_epoch
from prunescope.training.mixup import mixer


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("count", "size"), [(22, 8), (22, 7), (22, 22), (22, 64), (3, 2), (4, 2), (5, 1)])
@pytest.mark.parametrize("augment", [True, False])
def test_steps_are_counted_as_they_come(count, size, augment):
    one_pass = passes_over(tiny_data(count), Batches(size=size, augment=augment), generator=seeded())
    assert len(list(one_pass())) == steps_per_epoch(count, size)


def test_without_augmentation_every_image_comes_once_as_it_is():
    data = tiny_data(20, noise=9.0)
    one_pass = passes_over(data, Batches(size=6, augment=False), generator=seeded())
    first, second = ([images for images, _ in one_pass()] for _ in range(2))
    for batches in (first, second):
        assert [len(images) for images in batches] == [6, 6, 6, 2]
        assert all(images.is_contiguous(memory_format=torch.channels_last) for images in batches)
        sums = torch.cat(batches).sum((1, 2, 3)).sort().values
        assert torch.equal(sums, data.train.images.sum((1, 2, 3)).sort().values)
    assert not torch.equal(first[0], second[0])


def test_without_augmentation_images_keep_their_labels():
    data = tiny_data(20)
    label_of = {
        float(image.sum()): int(label) for image, label in zip(data.train.images, data.train.labels, strict=True)
    }
    for images, labels in passes_over(data, Batches(size=6, augment=False), generator=seeded())():
        for image, label in zip(images, labels, strict=True):
            assert label_of[float(image.sum())] == int(label)


def test_augmented_passes_are_those_of_the_data_set():
    data = tiny_data()
    ours = passes_over(data, Batches(size=8), generator=seeded(3))
    theirs = seeded(3)
    for _ in range(2):
        for (images, labels), (wanted, wanted_labels) in zip(
            ours(), data.train.epoch(8, generator=theirs), strict=True
        ):
            assert torch.equal(images, wanted)
            assert torch.equal(labels, wanted_labels)


def test_mixup_is_the_formula_with_one_lambda_per_batch():
    images, labels = torch.randn(6, 2, 4, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    draw = np.random.RandomState(7)
    mix = mixer(alpha=0.4, num_classes=3, label_smoothing=0.1, seed=7)
    for _ in range(3):
        draw.rand()  # timm first asks whether to mix this batch: always
        lam = draw.beta(0.4, 0.4)
        mixed, targets = mix(images, labels)
        smooth = torch.nn.functional.one_hot(labels, 3) * 0.9 + 0.1 / 3
        torch.testing.assert_close(mixed, lam * images + (1 - lam) * images.flip(0))
        torch.testing.assert_close(targets, (lam * smooth + (1 - lam) * smooth.flip(0)).float())


def test_mixup_leaves_its_input_and_numpys_generator_alone():
    images, labels = torch.randn(4, 2, 4, 4), torch.tensor([0, 1, 2, 0])
    before = images.clone()
    np.random.seed(1)  # noqa: NPY002
    wanted = np.random.RandomState(1).rand(4)
    mix = mixer(alpha=1.0, num_classes=3, label_smoothing=0.0, seed=0)
    seen = []
    for _ in range(4):
        mix(images, labels)
        seen.append(np.random.rand())  # noqa: NPY002
    assert seen == list(wanted)
    assert torch.equal(images, before)


def test_mixup_depends_on_its_seed_alone():
    images, labels = torch.randn(4, 2, 4, 4), torch.tensor([0, 1, 2, 0])

    def mixes(seed: int) -> list[torch.Tensor]:
        mix = mixer(alpha=1.0, num_classes=3, label_smoothing=0.0, seed=seed)
        return [mix(images, labels)[0] for _ in range(3)]

    first = mixes(0)
    np.random.seed(1)  # noqa: NPY002
    assert all(torch.equal(one, other) for one, other in zip(first, mixes(0), strict=True))
    assert not torch.equal(first[0], mixes(1)[0])
    assert not torch.equal(first[0], first[1])


def test_mixup_leaves_out_the_odd_image():
    one_pass = passes_over(tiny_data(11), Batches(size=8, mixup=0.2), generator=seeded())
    shapes = [(tuple(images.shape), tuple(targets.shape)) for images, targets in one_pass()]
    assert shapes == [((8, 2, 4, 4), (8, 3)), ((2, 2, 4, 4), (2, 3))]


def test_mixup_needs_pairs():
    with pytest.raises(UsageError, match="batch_size is 1, wanted at least 2"):
        passes_over(tiny_data(), Batches(size=1, mixup=0.2), generator=seeded())
