"""check_objective fails on each defect of an objective, and check_dataset knows data that are no images."""

from dataclasses import dataclass

import pytest
import torch
from defects import fails, plugin

from prunescope.api import CLASSIFICATION, Dataset, Objective
from prunescope.data.objectives import Regression
from prunescope.data.tensors import from_tensors
from prunescope.plugins.testing import check_dataset, check_objective

OUTPUTS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
TARGETS = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))


@dataclass(frozen=True)
class Right(Objective):
    """A right objective, to override."""

    loss_name = "distance"
    error_names = {"error": "distance, at most 1"}  # noqa: RUF012 - as an author writes it

    def losses(self, outputs, targets):
        return (outputs - targets).abs().mean(1)

    def errors(self, outputs, targets):
        return self.losses(outputs, targets).clamp(max=1)


DEFECTS = {
    "losses of shape": {"losses": lambda self, z, y: (z - y).abs()},  # noqa: ARG005
    "depends on the other examples": {"losses": lambda self, z, y: ((z - z.mean(0)) - y).abs().mean(1)},  # noqa: ARG005
    "no gradient": {"losses": lambda self, z, y: (z.detach() - y).abs().mean(1)},  # noqa: ARG005
    "mean_loss is not the mean": {"mean_loss": lambda self, z, y: (z - y).abs().sum()},  # noqa: ARG005
    r"error from .*, wanted \[0, 1\]": {"errors": lambda self, z, y: 9 * (z - y).abs().mean(1)},  # noqa: ARG005
    "on its own predictions is not 0": {"predictions": lambda self, z: z + 1},  # noqa: ARG005
    "other names": {"error_names": {"error": "one", "more": "another"}},
    "representation": {"representation": lambda self, z: z},  # noqa: ARG005
    "add up to 1": {"distributions": lambda self, z: z.double().exp()},  # noqa: ARG005
    "chance is 2": {"chance": lambda self, y: 2.0},  # noqa: ARG005
    "in place": {"chance": lambda self, y: y.add_(1).sum().mul(0).item()},  # noqa: ARG005
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found(defect):
    made = type("Made", (Right,), DEFECTS[defect])()
    fails(check_objective, made, defect, outputs=OUTPUTS.clone(), targets=TARGETS.clone())


def test_right_ones_pass():
    check_objective(Right(), OUTPUTS, TARGETS)
    check_objective(CLASSIFICATION, OUTPUTS, torch.tensor([0, 1, 2, 0, 1, 2]))


TOKENS = torch.arange(120).view(24, 5) % 7


@pytest.mark.parametrize(
    "make",
    [
        lambda: from_tensors("tokens", (TOKENS, torch.arange(24) % 3), (TOKENS, torch.arange(24) % 3)),
        lambda: from_tensors(
            "numbers", (TOKENS / 7, TOKENS / 7), (TOKENS / 7, TOKENS / 7), objective=Regression(variance=(1.0,))
        ),
    ],
)
def test_data_that_are_no_images_are_data(make):
    check_dataset(plugin(Dataset, load=lambda self: make()))  # noqa: ARG005
