"""The thresholds of verdicts where none are fitted or given, which no other place has."""

from __future__ import annotations

from prunescope.api import Thresholds

PUBLISHED = Thresholds(epsilon=0.10, low=0.08, high=0.15, pair_spread=0.02, certainty=0.9, learned=0.5)
"""Read off PreResNet-20 on CIFAR-10 (Zhou et al. 2023, figure 2): one network, one data set."""

CERTAINTY = 0.8
"""Below this probability of the direction nothing is advised."""
