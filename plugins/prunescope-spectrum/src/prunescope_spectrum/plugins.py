"""The probe and the pruner: thin shells around the spectra and budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from prunescope.api import Option, Probe, Pruner, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Data, Mask, Replica
    from prunescope_spectrum.tails import Tail

Estimator = Annotated[
    Literal["clauset", "hill"], Option("xmin where the fit is best (slower), or the median of the eigenvalues")
]
Convolutions = Annotated[
    Literal["positions", "flat"], Option("a matrix for each position of a kernel, pooled, or one for the whole kernel")
]


@dataclass(frozen=True, kw_only=True)
class Spectrum(Probe):
    """Power-law exponent of the eigenvalue tail of each layer's weights (Martin & Mahoney 2021); needs no data.

    alpha of p(x) proportional to x^(-alpha) for x >= xmin, x the eigenvalues of W W^T; 2 to 6 for trained layers, and
    smaller where the tail is heavier. Layers of fewer than 8 eigenvalues have none and are left out.
    """

    estimator: Estimator = "clauset"
    convolutions: Convolutions = "positions"
    linear: Annotated[bool, Option("linear layers too, not convolutions only")] = True

    replicas = 1
    needs_data = False

    citations = ("martin2021implicit", "clauset2009power", "alstott2014powerlaw")

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:  # noqa: ARG002
        """Return `alpha` and `distance` (of the fit) by layer, and `mean_alpha`."""
        import numpy as np

        from prunescope.networks.models import prunable

        found = _tails(prunable(replicas[0].model, linear=self.linear), self.estimator, self.convolutions)
        tails = {name: tail for name, tail in found.items() if tail is not None}
        if not tails:
            return {"layers": Reading(0.0, unit="1", estimator=self.estimator)}
        alpha = np.array([tail.alpha for tail in tails.values()])
        stderr = np.array([tail.stderr for tail in tails.values()])
        distance = np.array([tail.distance for tail in tails.values()])
        labels = tuple(tails)
        return {
            "mean_alpha": Reading(
                float(alpha.mean()),
                unit="1",
                stderr=float((stderr**2).sum() ** 0.5 / len(stderr)),
                estimator=self.estimator,
            ),
            "alpha": Reading(alpha, unit="1", stderr=stderr, estimator=self.estimator, axes=("layer",), labels=labels),
            "distance": Reading(distance, unit="1", estimator=self.estimator, axes=("layer",), labels=labels),
            "layers": Reading(float(len(labels)), unit="1", estimator=self.estimator),
        }

    def passes(self, *, replicas: int, train: int, test: int) -> float:  # noqa: ARG002
        """No image goes through a network."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class AlphaPruning(Pruner):
    """Keep the largest weights of each layer, more in layers with heavy tails (AlphaPruning, Lu 2024).

    A layer without a fit (too few eigenvalues) is given the median alpha of the others.
    """

    spread: Annotated[
        float, Option("layers are pruned by up to so much more or less than all", maximum=1, minimum=0)
    ] = 0.3
    floor: Annotated[
        float, Option("least density of a layer, as a share of the density of all", minimum=0, maximum=1)
    ] = 0.1
    estimator: Estimator = "hill"
    convolutions: Convolutions = "positions"
    linear: Annotated[bool, Option("prune linear layers too, not convolutions only")] = False

    citations = ("lu2024alphapruning", "martin2021implicit")

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by absolute value within each layer."""
        from statistics import median

        from prunescope.networks.masks import keep_counts
        from prunescope.networks.models import prunable
        from prunescope_spectrum.budgets import layer_budgets

        weights = prunable(model, linear=self.linear)
        tails = _tails(weights, self.estimator, self.convolutions)
        known = [tail.alpha for tail in tails.values() if tail is not None]
        middle = median(known) if known else 1.0
        alphas = {name: middle if tail is None else tail.alpha for name, tail in tails.items()}
        sizes = {name: weight.numel() for name, weight in weights.items()}
        counts = layer_budgets(alphas, sizes, density, spread=self.spread, floor=self.floor)
        return keep_counts({name: weight.detach().abs() for name, weight in weights.items()}, counts)


def _tails(
    weights: Mapping[str, Tensor], estimator: Literal["clauset", "hill"], convolutions: Literal["positions", "flat"]
) -> dict[str, Tail | None]:
    from prunescope_spectrum.eigenvalues import eigenvalues
    from prunescope_spectrum.tails import fit_tail

    return {
        name: fit_tail(eigenvalues(weight, convolutions=convolutions), estimator) for name, weight in weights.items()
    }
