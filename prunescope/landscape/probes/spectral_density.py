"""Spectral density of the Hessian."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Data, Option, Probe, Reading, Replica
from prunescope.api.wording import count_text
from prunescope.landscape.probes.batches import limited_probe
from prunescope.landscape.probes.hessian import Parameters

if TYPE_CHECKING:
    from prunescope.landscape.spectrum import Spectrum


@dataclass(frozen=True, kw_only=True)
class SpectralDensity(Probe):
    """Spectral density of the Hessian. By stochastic Lanczos quadrature (Ghorbani 2019)."""

    batch_size: Annotated[int, Option("training images per batch", minimum=1)] = 64
    batches: Annotated[int, Option("number of training batches", minimum=1)] = 8
    vectors: Annotated[int, Option("random vectors, each with its own quadrature rule", minimum=1)] = 4
    steps: Annotated[int, Option("Lanczos steps per vector: nodes of a rule", minimum=2)] = 40
    points: Annotated[int, Option("points of the density curve", minimum=2)] = 201
    width: Annotated[float, Option("width of a node's Gaussian, as a share of the range", minimum=1e-6)] = 0.01
    parameters: Parameters = ()

    replicas = 1

    citations = ("ghorbani2019investigation", "yao2020pyhessian")

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """Count 9 for a product: a graph and its differentiation, at most."""
        del test
        return float(9 * replicas * self.vectors * self.steps * limited_probe(self.batches, self.batch_size, train))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `nodes`, `masses`, `density` at `eigenvalue`, `negative`, `smallest`, `largest` and `products`."""
        import torch

        from prunescope.landscape.spectrum import spectrum

        batches = list(data.train.batches(self.batch_size, limit=self.batches))
        found = spectrum(
            replicas[0].model,
            batches,
            vectors=self.vectors,
            steps=self.steps,
            generator=torch.Generator().manual_seed(seed),
            mask=replicas[0].mask,
            only=self.parameters,
            objective=data.objective,
        )
        how = f"{self.vectors} Gaussian vectors of {count_text(found.nodes.shape[1], 'Lanczos step')}"
        return self._readings(found, sum(len(labels) for _, labels in batches), how, data.objective.loss_unit) | {
            "products": Reading(float(found.products), "1", estimator="Hessian-vector products of all batches")
        }

    def _readings(self, found: Spectrum, n: int, how: str, loss: str) -> dict[str, Reading]:
        import torch

        from prunescope.landscape.estimate import mean
        from prunescope.landscape.probes.readings import single

        unit = f"{loss}/weight^2"
        low, high = float(found.nodes.min()), float(found.nodes.max())
        width = self.width * (high - low) or 1.0
        grid = torch.linspace(low - 3 * width, high + 3 * width, self.points, dtype=torch.float64)
        curves = found.density(grid, width=width)
        error = curves.std(0) / self.vectors**0.5 if self.vectors > 1 else None
        along = ("point",)
        negative = mean((found.masses * (found.nodes < -width)).sum(1))
        smooth = f"{how}; a Gaussian of width {width:.3g} for each node"
        return {
            "nodes": Reading(found.nodes.numpy(), unit, n=n, estimator=how, axes=("vector", "node")),
            "masses": Reading(found.masses.numpy(), "fraction", n=n, estimator=how, axes=("vector", "node")),
            "eigenvalue": Reading(grid.numpy(), unit, n=n, estimator="where the density is given", axes=along),
            "density": Reading(
                curves.mean(0).numpy(),
                f"weight^2/{loss}",
                n=n,
                stderr=None if error is None else error.numpy(),
                estimator=smooth,
                axes=along,
            ),
            "negative": single(negative, "fraction", estimator=f"{how}; of the eigenvalues below -{width:.3g}"),
            "smallest": Reading(low, unit, n=n, estimator=how),
            "largest": Reading(high, unit, n=n, estimator=how),
        }
