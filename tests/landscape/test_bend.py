from __future__ import annotations

import pytest
import torch
from tiny_landscape import learnable_data, replicas
from tiny_training import Memory
from torch import nn

from prunescope.api import Mask
from prunescope.landscape.bend import Training, bezier, curve, train_bend
from prunescope.landscape.connectivity import losses


def generator():
    return torch.Generator().manual_seed(0)


def test_the_curve_is_a_quadratic_polynomial_through_both_ends():
    a, b, c = (torch.tensor([x], dtype=torch.float64) for x in (1.0, -2.0, 5.0))
    points = [float(bezier(a, b, c, t)) for t in (0, 0.25, 0.5, 0.75, 1)]
    assert points == [1, 9 / 16 - 12 / 16 + 5 / 16, 0.25 - 1 + 1.25, 1 / 16 - 12 / 16 + 45 / 16, 5]
    second = [points[i] - 2 * points[i + 1] + points[i + 2] for i in range(3)]
    assert second == pytest.approx([second[0]] * 3)


def test_a_bend_goes_round_a_barrier_that_the_line_crosses():
    class Ring(nn.Module):
        """Classifies with a logit that is high only where the two weights lie on the unit circle."""

        def __init__(self, angle):
            nn.Module.__init__(self)
            self.place = nn.Parameter(
                torch.tensor([angle]).cos() * torch.tensor([1.0, 0.0]) + torch.tensor([0.0, 0.05])
            )

        def forward(self, images):
            height = 4 - 16 * (self.place.norm() - 1) ** 2
            return torch.stack([height.expand(len(images)), images.flatten(1)[:, 0] * 0], dim=1)

    split = Memory(torch.ones(32, 1, 2, 2), torch.zeros(32, dtype=torch.int64))
    pair = (Ring(0.0), Ring(torch.pi))
    how = Training(epochs=60, learning_rate=0.1, weight_decay=0.0, batch_size=8)
    bend = train_bend(pair, split, training=how, generator=generator())
    bent = losses(curve(pair, bend, split, points=5).train)
    middle = [torch.lerp(a.detach(), b.detach(), 0.5) for a, b in zip(*(m.parameters() for m in pair), strict=True)]
    straight = losses(curve(pair, middle, split, points=5).train)
    assert straight.barrier.value > 5
    assert bent.barrier.value < 0.3 * straight.barrier.value


def test_masked_weights_stay_zero_all_along():
    data = learnable_data()
    pair = tuple(replicas(data))
    mask = Mask({"4.weight": torch.arange(144).reshape(4, 4, 3, 3) % 3 == 0})
    with torch.no_grad():
        for model in pair:
            model[4].weight *= mask.kept["4.weight"]
    bend = train_bend(pair, data.train, training=Training(epochs=2), generator=generator(), mask=mask)
    position = [name for name, _ in pair[0].named_parameters()].index("4.weight")
    assert not bend[position][~mask.kept["4.weight"]].any()
    assert bend[position][mask.kept["4.weight"]].all()


def test_training_the_bend_lowers_the_loss_along_the_curve():
    data = learnable_data()
    pair = tuple(replicas(data))
    how = Training(epochs=15, learning_rate=0.05, batch_size=16)
    bend = train_bend(pair, data.train, training=how, generator=generator())
    middle = [torch.lerp(a.detach(), b.detach(), 0.5) for a, b in zip(*(m.parameters() for m in pair), strict=True)]
    trained, untrained = (
        sum(float(at.loss.mean()) for at in curve(pair, each, data.train, points=5).train) for each in (bend, middle)
    )
    assert trained < untrained - 0.1
