from __future__ import annotations

import math

import pytest
import slow_reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prunescope.api.errors import UsageError
from prunescope.landscape.similarity import cka, hsic, hsic_debiased, kernel, pairwise_cka

BOTH = pytest.mark.parametrize("debiased", [False, True])


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@BOTH
@pytest.mark.parametrize("p", [1, 5, 30, 31, 200])
@pytest.mark.parametrize("q", [3, 90])
def test_cka_equals_explicit_gram_matrices_in_feature_space_and_out_of_it(p, q, debiased):
    x = random(30, p) + 3.0
    y = random(30, q, seed=1) + x[:, :1]
    wanted = slow_reference.cka(x.numpy(), y.numpy(), debiased=debiased)
    assert cka(kernel(x), kernel(y), debiased=debiased) == pytest.approx(wanted, abs=1e-9)


@settings(max_examples=50)
@given(st.integers(4, 12), st.integers(1, 14), st.integers(1, 14), st.integers(0, 10**6), st.booleans())
def test_cka_equals_explicit_gram_matrices_for_any_shape(n, p, q, seed, debiased):
    x, y = random(n, p, seed=seed), random(n, q, seed=seed + 1)
    wanted = slow_reference.cka(x.numpy(), y.numpy(), debiased=debiased)
    assert cka(kernel(x), kernel(y), debiased=debiased) == pytest.approx(wanted, abs=1e-6)


@BOTH
@pytest.mark.parametrize(("p", "q"), [(10, 10), (10, 103), (33, 33), (90, 40)])
def test_narrow_and_wide_products_in_feature_space(p, q, debiased):
    x = random(120, p)
    y = random(120, q, seed=1) + x[:, :1]
    wanted = slow_reference.cka(x.numpy(), y.numpy(), debiased=debiased)
    assert cka(kernel(x), kernel(y), debiased=debiased) == pytest.approx(wanted, abs=1e-9)


def test_features_are_summed_in_float64_far_from_the_origin():
    x, y = (random(40, 6, seed=s).float() + 1e4 for s in (0, 1))
    wanted = slow_reference.cka(x.double().numpy(), y.double().numpy(), debiased=False)
    assert cka(kernel(x), kernel(y)) == pytest.approx(wanted, abs=1e-6)


def test_more_columns_than_one_block():
    x, y = random(6, 9001).float(), random(6, 5000, seed=1).float()
    wanted = slow_reference.cka(x.numpy(), y.numpy(), debiased=True)
    assert cka(kernel(x), kernel(y), debiased=True) == pytest.approx(wanted, abs=1e-9)


def test_more_rows_than_one_block():
    x, y = random(530, 540), random(530, 3, seed=1)
    y[:, 0] += x[:, 0]
    for debiased in (False, True):
        wanted = slow_reference.cka(x.numpy(), y.numpy(), debiased=debiased)
        assert cka(kernel(x), kernel(y), debiased=debiased) == pytest.approx(wanted, abs=1e-9)
        assert cka(kernel(x), kernel(y, gram=True), debiased=debiased) == pytest.approx(wanted, abs=1e-9)
    matrix = kernel(x).matrix
    torch.testing.assert_close(matrix, matrix.T)
    assert torch.equal(matrix[300:, :200], matrix[:200, 300:].T)


@BOTH
@pytest.mark.parametrize("p", [4, 60])
def test_a_representation_is_like_itself_rotated_scaled_or_shifted(p, debiased):
    x = random(25, p)
    rotation = torch.linalg.qr(random(p, p, seed=2))[0]
    for same in (x, x @ rotation, -0.01 * x, x + 7.0, x[:, torch.randperm(p)]):
        assert cka(kernel(x), kernel(same), debiased=debiased) == pytest.approx(1.0, abs=1e-9)
    y = random(25, 6, seed=3)
    straight = cka(kernel(x), kernel(y), debiased=debiased)
    assert cka(kernel(5 * x @ rotation), kernel(y), debiased=debiased) == pytest.approx(straight, abs=1e-9)
    assert cka(kernel(y), kernel(x), debiased=debiased) == pytest.approx(straight, abs=1e-12)


def test_a_linear_map_that_is_no_rotation_changes_it():
    x = random(25, 4)
    assert cka(kernel(x), kernel(x * torch.tensor([1.0, 5.0, 0.1, 1.0]))) < 0.95


def test_the_debiased_estimate_is_near_zero_for_independent_features_where_the_biased_is_not():
    pairs = [(kernel(random(40, 20, seed=2 * s)), kernel(random(40, 20, seed=2 * s + 1))) for s in range(60)]
    debiased = torch.tensor([cka(x, y, debiased=True) for x, y in pairs])
    biased = torch.tensor([cka(x, y) for x, y in pairs])
    assert abs(debiased.mean()) < 4 * debiased.std() / math.sqrt(60)
    assert debiased.std() < 0.1
    assert biased.min() > 0.2


def test_hsic_debiased_is_unbiased_under_sub_sampling():
    x, y = random(2000, 2), random(2000, 3, seed=1)
    y[:, 0] += x[:, 0]
    everything = hsic_debiased(kernel(x), kernel(y))
    draw = torch.Generator().manual_seed(1)
    few = []
    for _ in range(400):
        chosen = torch.randperm(2000, generator=draw)[:12]
        few.append(hsic_debiased(kernel(x[chosen]), kernel(y[chosen])))
    few = torch.tensor(few)
    assert float(few.mean()) == pytest.approx(everything, abs=4 * float(few.std()) / 20)
    assert hsic(kernel(x[:12]), kernel(y[:12])) > everything


@BOTH
@pytest.mark.parametrize("p", [3, 50])
def test_a_constant_representation_has_no_cka(p, debiased):
    constant = torch.full((20, p), 0.1) * (1 + 5e-8 * random(20, 1))  # constant up to rounding
    assert math.isnan(cka(kernel(constant.float()), kernel(random(20, 4)), debiased=debiased))
    assert not kernel(constant.float()).diagonal.any()


def test_small_differences_that_are_no_rounding_count():
    x = 1.0 + 1e-4 * random(20, 3).float()
    assert cka(kernel(x), kernel(x)) == pytest.approx(1.0)


def test_features_of_any_shape_are_flattened():
    x = random(10, 2, 3, 4)
    assert torch.equal(kernel(x).matrix, kernel(x.reshape(10, 24)).matrix)


def test_pairs_come_in_the_order_of_combinations():
    kernels = [kernel(random(10, 3, seed=s)) for s in range(3)]
    wanted = [cka(kernels[0], kernels[1]), cka(kernels[0], kernels[2]), cka(kernels[1], kernels[2])]
    assert pairwise_cka(kernels) == wanted


def test_too_few_or_unequal_images_are_refused():
    with pytest.raises(UsageError, match="two images or more, got 1"):
        kernel(torch.zeros(1, 3))
    with pytest.raises(UsageError, match="four images or more, got 3"):
        cka(kernel(random(3, 2)), kernel(random(3, 2)), debiased=True)
    with pytest.raises(UsageError, match="5 and of 6 images"):
        cka(kernel(random(5, 2)), kernel(random(6, 2)))
