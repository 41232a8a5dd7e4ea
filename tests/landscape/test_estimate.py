from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from prunescope.landscape.estimate import mean


def test_the_mean_and_its_standard_error_are_those_of_numpy():
    values = np.random.default_rng(0).normal(5.0, 2.0, size=37)
    found = mean(torch.from_numpy(values))
    assert found.value == pytest.approx(values.mean(), abs=1e-12)
    assert found.stderr == pytest.approx(values.std(ddof=1) / math.sqrt(37), rel=1e-12)
    assert found.n == 37


def test_sums_are_exact_where_float32_would_lose_the_small_ones():
    values = torch.tensor([1e8] + [1.0] * 1000, dtype=torch.float32)
    assert mean(values).value == (1e8 + 1000) / 1001


def test_bool_values_are_a_fraction_with_the_binomial_error():
    found = mean(torch.tensor([True, False, False, False, True]))
    assert found.value == 0.4
    assert found.stderr == pytest.approx(math.sqrt(0.4 * 0.6 / 4))


def test_one_value_has_no_standard_error():
    found = mean(torch.tensor([3.0]))
    assert found.value == 3.0
    assert math.isnan(found.stderr)
    assert math.isnan(mean(torch.tensor([])).value)
