"""Trace and top eigenvalues of the Hessian."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Data, Option, Probe, Reading, Replica
from prunescope.builtin.citations import HUTCHINSON_1990, YANG_2021
from prunescope.builtin.probes.batches import limited
from prunescope.builtin.readings import single

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True, kw_only=True)
class Hessian(Probe):
    """Trace and top eigenvalues of the Hessian of the training loss, over the kept weights."""

    batch_size: Annotated[int, Option("training images per batch", minimum=1)] = 64
    batches: Annotated[int, Option("how many training batches, from the first on", minimum=1)] = 8
    vectors: Annotated[int, Option("random vectors per batch for the trace", minimum=2)] = 8
    top: Annotated[int, Option("how many of the largest eigenvalues; 0 measures the trace alone", minimum=0)] = 1
    tolerance: Annotated[float, Option("relative residual at which an eigenvalue is good enough", minimum=0)] = 1e-3
    max_products: Annotated[int, Option("most products with all batches for the eigenvalues", minimum=1)] = 200

    replicas = 1

    citations = (HUTCHINSON_1990, YANG_2021)

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """Count 3 passes for a graph, 6 for a product, and about a dozen products for one eigenvalue."""
        del test
        products = min(self.max_products, 10 + 2 * self.top) if self.top else 0
        return float(replicas * limited(self.batches, self.batch_size, train) * (3 + 6 * self.vectors + 9 * products))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `trace`, `top_eigenvalues`, `eigenvalue_residuals` and `products` (of one batch each)."""
        import torch

        from prunescope.landscape.hutchinson import trace

        replica, generator = replicas[0], torch.Generator().manual_seed(seed)
        batches = list(data.train.batches(self.batch_size, limit=self.batches))
        found = trace(replica.model, batches, vectors=self.vectors, generator=generator, mask=replica.mask)
        how = f"Hutchinson, {self.vectors} Rademacher vectors for each of {len(batches)} batches"
        readings = {"trace": single(found.estimate, "nat/weight^2", estimator=how)}
        products = found.products
        if self.top:
            more, used = self._eigenvalues(replica, batches, generator)
            readings |= more
            products += used
        return readings | {"products": Reading(float(products), "1", estimator="Hessian-vector products of one batch")}

    def _eigenvalues(
        self, replica: Replica, batches: Sequence[tuple[Tensor, Tensor]], generator: Generator
    ) -> tuple[dict[str, Reading], int]:
        """Return the readings and the number of products of one batch."""
        from prunescope.landscape.eigenvalues import top_eigenvalues

        found = top_eigenvalues(
            replica.model,
            batches,
            count=self.top,
            generator=generator,
            mask=replica.mask,
            tolerance=self.tolerance,
            max_products=self.max_products,
        )
        n = sum(len(labels) for _, labels in batches)
        unit, axes = "nat/weight^2", ("index",)
        readings = {
            "top_eigenvalues": Reading(found.values.numpy(), unit, n=n, estimator="Lanczos, largest first", axes=axes),
            "eigenvalue_residuals": Reading(
                found.residuals.numpy(), unit, n=n, estimator="an eigenvalue lies within this distance", axes=axes
            ),
        }
        return readings, found.products * len(batches)
