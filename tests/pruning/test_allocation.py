"""Erdős–Rényi–Kernel against bisection, LAMP against its definition, and what the allocations share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prunescope.networks.masks import per_layer_density
from prunescope.pruning.allocation import allocate, keep_allocated
from prunescope.pruning.erdos_renyi import erdos_renyi_kernel
from prunescope.pruning.lamp import lamp

SHAPES = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=2),
    st.one_of(
        st.tuples(*[st.integers(1, 40)] * 2),
        st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3), st.integers(1, 3)),
    ),
    min_size=1,
    max_size=6,
)


def by_bisection(shapes, density):
    """Find ε of Σ min(1, ε Σd / Πd) Πd = density · n by halving: the definition, without the algorithm."""
    sizes = {name: int(torch.tensor(shape).prod()) for name, shape in shapes.items()}
    low, high = 0.0, float(max(sizes.values()))
    for _ in range(200):
        middle = (low + high) / 2
        kept = sum(min(sizes[name], middle * sum(shape)) for name, shape in shapes.items())
        low, high = (middle, high) if kept < density * sum(sizes.values()) else (low, middle)
    return {name: min(sizes[name], high * sum(shape)) for name, shape in shapes.items()}, sizes


@given(SHAPES, st.floats(0.001, 1))
def test_erdos_renyi_kernel_is_what_its_definition_says(shapes, density):
    counts = erdos_renyi_kernel(shapes, density)
    shares, sizes = by_bisection(shapes, density)
    assert sum(counts.values()) == round(density * sum(sizes.values()))
    for name, count in counts.items():
        assert 0 <= count <= sizes[name]
        assert abs(count - shares[name]) < 1 + 1e-6


def test_erdos_renyi_kernel_by_hand():
    # sums 4 and 8 share 0.3 * 20 = 6 kept weights as 1 : 2
    assert erdos_renyi_kernel({"a": (2, 2), "b": (4, 4)}, 0.3) == {"a": 2, "b": 4}
    # a would get 6 of its 4 weights: it is dense, and b keeps the other 14
    assert erdos_renyi_kernel({"a": (2, 2), "b": (4, 4)}, 0.9) == {"a": 4, "b": 14}


def slow_lamp(weights):
    """Sum, for each weight, over all that do not rank below it."""
    squares = [float(w) ** 2 for w in weights]
    scores = []
    for i, one in enumerate(squares):
        outlive = [other for j, other in enumerate(squares) if other > one or (other == one and j <= i)]
        scores.append(one / sum(outlive) if one else 0.0)
    return scores


@given(st.lists(st.sampled_from([-3.0, -2.0, -0.5, 0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=12))
def test_lamp_is_what_its_definition_says(values):
    assert lamp(torch.tensor(values)).tolist() == pytest.approx(slow_lamp(values))


def test_lamp_ranks_within_a_tensor_as_magnitude_does_and_scores_its_largest_one():
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 4, 3, 3, generator=draw)
    scores = lamp(weight)
    assert torch.equal(scores.flatten().argsort(), weight.abs().flatten().argsort())
    assert scores.max() == 1


def test_lamp_does_not_see_the_scale_of_a_tensor():
    weight = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(lamp(weight), lamp(1e-3 * weight))


WEIGHTS = {
    "small": torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(1)),
    "large": torch.randn(16, 16, 3, 3, generator=torch.Generator().manual_seed(2)),
}


@pytest.mark.parametrize("allocation", ["uniform", "erk", "lamp"])
@pytest.mark.parametrize("density", [0.0, 0.002, 0.05, 1 / 3, 0.9, 1.0])
def test_every_allocation_keeps_exactly_what_was_asked(allocation, density):
    counts = allocate(WEIGHTS, density, allocation=allocation)
    assert sum(counts.values()) == round(density * (72 + 2304))
    mask = keep_allocated(WEIGHTS, WEIGHTS, density, allocation=allocation)
    assert {name: int(kept.sum()) for name, kept in mask.kept.items()} == counts


def test_erdos_renyi_kernel_keeps_the_small_tensor_denser_and_uniform_does_not():
    scores = {name: weight.abs() for name, weight in WEIGHTS.items()}
    erk = per_layer_density(keep_allocated(scores, WEIGHTS, 0.1, allocation="erk"))
    assert erk["small"] > 4 * erk["large"]
    uniform = per_layer_density(keep_allocated(scores, WEIGHTS, 0.1, allocation="uniform"))
    assert uniform["small"] == pytest.approx(uniform["large"], abs=1 / 72)
