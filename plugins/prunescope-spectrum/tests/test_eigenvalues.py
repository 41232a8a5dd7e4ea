from __future__ import annotations

import numpy as np
import pytest
import torch
from prunescope_spectrum.eigenvalues import eigenvalues


def test_a_matrix_by_its_correlation_matrix():
    weight = torch.randn(5, 9, generator=torch.Generator().manual_seed(0))
    wanted = np.linalg.eigvalsh((weight @ weight.T).double().numpy())
    np.testing.assert_allclose(eigenvalues(weight), wanted, rtol=1e-4)


def test_positions_of_a_kernel_are_pooled():
    weight = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    parts = [eigenvalues(weight[:, :, i, j]) for i in range(2) for j in range(2)]
    np.testing.assert_allclose(eigenvalues(weight), np.sort(np.concatenate(parts)))
    assert len(eigenvalues(weight)) == 12


def test_a_flat_kernel():
    weight = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(eigenvalues(weight, convolutions="flat"), eigenvalues(weight.reshape(4, 12)))


def test_zeros_are_left_out():
    weight = torch.ones(6, 4)  # of rank 1
    np.testing.assert_allclose(eigenvalues(weight), [24])
    assert len(eigenvalues(torch.zeros(3, 3))) == 0


@pytest.mark.parametrize("convolutions", ["positions", "flat"])
def test_one_dimensional_convolutions(convolutions):
    assert len(eigenvalues(torch.randn(4, 3, 5), convolutions=convolutions)) > 0
