from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prunescope.api.errors import UsageError
from prunescope.landscape.lanczos import largest_eigenvalues


def symmetric(values, *, seed=0, dtype=torch.float64):
    draw = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(len(values), len(values), generator=draw, dtype=torch.float64))[0]
    return (rotation @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ rotation.T).to(dtype)


def largest(matrix, count, **options):
    draw = torch.Generator().manual_seed(1)
    size = len(matrix)
    return largest_eigenvalues(
        lambda v: matrix @ v,
        lambda: torch.randn(size, generator=draw, dtype=matrix.dtype),
        rank=size,
        count=count,
        **options,
    )


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 1000))
def test_they_are_those_of_the_dense_solver(size, count, seed):
    draw = torch.Generator().manual_seed(seed)
    matrix = symmetric(torch.randn(size, generator=draw).tolist(), seed=seed)
    found = largest(matrix, count, tolerance=1e-8, max_products=2000)
    wanted = torch.linalg.eigvalsh(matrix).flip(0)[:count]
    assert torch.allclose(found.values, wanted, atol=1e-6)
    assert len(found.values) == len(found.residuals) == min(count, size)


def test_restarts_reach_close_eigenvalues_with_few_vectors():
    values = [1 - 0.5 * i / 400 for i in range(400)]
    found = largest(symmetric(values), 3, tolerance=1e-6, max_products=2000)
    assert found.values.tolist() == pytest.approx(values[:3], abs=1e-8)
    assert 30 < found.products < 400


def test_the_largest_are_the_positive_ones_even_beside_larger_negative_ones():
    found = largest(symmetric([-50.0, 3.0, 2.0, *[0.01 * i for i in range(50)]]), 2)
    assert found.values.tolist() == pytest.approx([3.0, 2.0], rel=1e-3)


def test_an_eigenvalue_lies_within_each_residual():
    values = [10.0 / (i + 1) for i in range(100)]
    for products in (2, 5, 10):
        found = largest(symmetric(values), 2, max_products=products, tolerance=0.0)
        assert found.products == products
        for value, residual in zip(found.values.tolist(), found.residuals.tolist(), strict=True):
            assert min(abs(value - exact) for exact in values) <= residual + 1e-9


def test_it_stops_as_soon_as_it_is_good_enough():
    matrix = symmetric([100.0, *[0.001 * i for i in range(80)]])
    assert largest(matrix, 1, tolerance=1e-2).products < 6


def test_single_precision_reaches_its_own_rounding():
    values = [5.0, 4.0, *[0.02 * i for i in range(60)]]
    found = largest(symmetric(values, dtype=torch.float32), 2, tolerance=1e-5)
    assert found.values.tolist() == pytest.approx([5.0, 4.0], rel=1e-5)


@pytest.mark.parametrize("values", [[2.0] * 6, [5.0, 5.0, 1.0], [0.0] * 4, [-1.0, -2.0]])
def test_multiple_zero_and_negative_eigenvalues_of_small_matrices(values):
    found = largest(symmetric(values), 2, tolerance=1e-10)
    assert found.values.tolist() == pytest.approx(sorted(values, reverse=True)[:2], abs=1e-9)


def test_a_rank_below_the_length_of_the_vectors_keeps_to_the_space_of_the_draws():
    matrix = torch.diag(torch.tensor([-1.0, -2.0, -3.0, 0.0, 0.0], dtype=torch.float64))
    draw = torch.Generator().manual_seed(0)
    inside = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    found = largest_eigenvalues(
        lambda v: matrix @ v, lambda: torch.randn(5, generator=draw, dtype=torch.float64) * inside, rank=3, count=5
    )
    assert found.values.tolist() == pytest.approx([-1.0, -2.0, -3.0])


def test_no_eigenvalue_is_refused():
    with pytest.raises(UsageError, match="0 eigenvalues"):
        largest(symmetric([1.0]), 0)
