"""Small data for other objectives than classification of images, as factories that a command line names."""

from __future__ import annotations

import torch
from torch import nn

from prunescope.data.objectives import DenseClassification, MultiLabel, Regression
from prunescope.data.tensors import from_tensors

FEATURES, OUTPUTS = 12, 3


def sequences():
    """Fewer of the token sequences of the docs."""
    import tokens

    return tokens.sequences(train=120, test=60)


def bars():
    """Fewer of the grasp maps of the docs."""
    import grasps

    return grasps.bars(train=120, test=60)


def rows(seed, count):
    """Rows of numbers and what a linear map makes of them."""
    draw = torch.Generator().manual_seed(7)
    weight = torch.randn(FEATURES, OUTPUTS, generator=draw) / FEATURES**0.5
    x = torch.randn(count, FEATURES, generator=draw.manual_seed(seed))
    return x, x @ weight


def label_sets():
    """Rows with three labels each, there or not."""
    train, test = rows(0, 120), rows(1, 60)
    return from_tensors("label-sets", (train[0], train[1] > 0), (test[0], test[1] > 0), objective=MultiLabel())


def numbers():
    """Rows with three numbers each."""
    train = rows(0, 120)
    return from_tensors("numbers", train, rows(1, 60), objective=Regression.of(train[1]))


def masks():
    """Images of noise whose every bright pixel is of class 1; the border has no label."""
    draw = torch.Generator().manual_seed(3)

    def split(count):
        images = torch.randn(count, 2, 6, 6, generator=draw)
        labels = (images[:, 0] > 0.3).long()
        labels[:, 0] = -100
        return images, labels

    return from_tensors("masks", split(60), split(30), objective=DenseClassification())


def perceptron(*, num_classes, in_chans, width=16):
    """A perceptron on rows."""
    return nn.Sequential(nn.Linear(in_chans, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, num_classes))


def pixels(*, num_classes, in_chans, width=4):
    """A fully convolutional network that keeps the size of the image."""
    return nn.Sequential(
        nn.Conv2d(in_chans, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, num_classes, 1)
    )
