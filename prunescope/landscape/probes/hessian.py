"""Trace and top eigenvalues of the Hessian."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Data, Option, Probe, Reading, Replica
from prunescope.api.wording import count_text
from prunescope.landscape.probes.batches import limited_probe
from prunescope.landscape.probes.readings import single

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from prunescope.api import Objective
    from prunescope.landscape.hutchinson import Trace

Parameters = Annotated[tuple[str, ...], Option("parameters by name or pattern (fc.*); empty: all")]

CLASSES_OF_A_PRODUCT = 3
"""Gradients that take as long as a Hessian-vector product."""


@dataclass(frozen=True, kw_only=True)
class Hessian(Probe):
    """Trace and top eigenvalues of the Hessian. Of the training loss, over the kept weights."""

    batch_size: Annotated[int, Option("training images per batch", minimum=1)] = 64
    batches: Annotated[int, Option("number of training batches", minimum=1)] = 8
    vectors: Annotated[int, Option("random vectors per batch for the trace", minimum=2)] = 8
    top: Annotated[int, Option("number of largest eigenvalues; 0: trace only", minimum=0)] = 1
    tolerance: Annotated[float, Option("relative residual of a converged eigenvalue", minimum=0)] = 1e-3
    max_products: Annotated[
        int, Option("largest number of products with all batches for the eigenvalues", minimum=1)
    ] = 200
    sketch: Annotated[int, Option("vectors per batch of a sketch of its large eigenvalues", minimum=0)] = 0
    stderr: Annotated[
        float | None, Option("draw more vectors until the standard error is this share of the trace", minimum=0)
    ] = None
    max_vectors: Annotated[int, Option("largest number of vectors per batch with --stderr", minimum=2)] = 256
    parameters: Parameters = ()
    exact: Annotated[
        bool, Option("the trace by a gradient for every class, where the network is piecewise linear in every weight")
    ] = True

    replicas = 1

    version = 3

    citations = ("botev2017practical", "hutchinson1990stochastic", "meyer2021hutchpp", "yang2021taxonomizing")

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """Count 3 passes for a graph, 6 for a product, and about a dozen products for one eigenvalue.

        An exact trace takes no more: 2 passes for a class, and 3 classes in place of a product.
        """
        del test
        products = min(self.max_products, 10 + 2 * self.top) if self.top else 0
        drawn = self.vectors + 2 * self.sketch
        return float(replicas * limited_probe(self.batches, self.batch_size, train) * (3 + 6 * drawn + 9 * products))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `trace`, `layer_trace`, `top_eigenvalues`, their residuals, and `products` (of one batch each)."""
        import torch

        replica, generator = replicas[0], torch.Generator().manual_seed(seed)
        batches = list(data.train.batches(self.batch_size, limit=self.batches))
        found = self._trace(replica, batches, generator, data.objective)
        readings = self._traces(found, len(batches), unit=f"{data.objective.loss_unit}/weight^2")
        products = found.products
        if self.top:
            more, used = self._eigenvalues(replica, batches, generator, data.objective)
            readings |= more
            products += used
        return readings | {"products": Reading(float(products), "1", estimator="Hessian-vector products of one batch")}

    def _trace(
        self, replica: Replica, batches: Sequence[tuple[Tensor, Tensor]], generator: Generator, objective: Objective
    ) -> Trace:
        """Return the exact trace where it costs no more than an estimate; else the estimate."""
        from prunescope.landscape.exact_trace import exact_trace
        from prunescope.landscape.piecewise import NotPiecewiseLinear

        most = CLASSES_OF_A_PRODUCT * (self.vectors + 2 * self.sketch if self.stderr is None else self.max_vectors)
        with suppress(NotPiecewiseLinear):
            if self.exact:
                return exact_trace(
                    replica.model,
                    batches,
                    mask=replica.mask,
                    only=self.parameters,
                    objective=objective,
                    most_classes=most,
                )
        return self._estimate(replica, batches, generator, objective)

    def _estimate(
        self, replica: Replica, batches: Sequence[tuple[Tensor, Tensor]], generator: Generator, objective: Objective
    ) -> Trace:
        from prunescope.landscape.hutchinson import Stop, trace

        return trace(
            replica.model,
            batches,
            vectors=self.vectors,
            generator=generator,
            mask=replica.mask,
            only=self.parameters,
            sketch=self.sketch,
            stop=None if self.stderr is None else Stop(relative_stderr=self.stderr, max_vectors=self.max_vectors),
            objective=objective,
        )

    def _traces(self, found: Trace, batches: int, *, unit: str) -> dict[str, Reading]:
        import numpy as np

        how = self._estimator(batches) if found.products else "exact: squared gradients of every class"
        values, errors = (np.array([getattr(e, key) for e in found.layers.values()]) for key in ("value", "stderr"))
        layers = Reading(
            values,
            unit,
            n=found.estimate.n,
            stderr=errors,
            estimator=f"{how}; each layer's diagonal block",
            axes=("layer",),
            labels=tuple(found.layers),
        )
        return {"trace": single(found.estimate, unit, estimator=how), "layer_trace": layers}

    def _estimator(self, batches: int) -> str:
        drawn = f"{self.vectors} Rademacher vectors" if self.stderr is None else "Rademacher vectors as needed"
        beyond = f", beyond a sketch of {self.sketch} (Hutch++)" if self.sketch else ""
        return f"Hutchinson, {drawn} for each of {count_text(batches, 'batch')}{beyond}"

    def _eigenvalues(
        self, replica: Replica, batches: Sequence[tuple[Tensor, Tensor]], generator: Generator, objective: Objective
    ) -> tuple[dict[str, Reading], int]:
        """Return the readings and the number of products of one batch."""
        from prunescope.landscape.eigenvalues import top_eigenvalues

        found = top_eigenvalues(
            replica.model,
            batches,
            count=self.top,
            generator=generator,
            mask=replica.mask,
            only=self.parameters,
            tolerance=self.tolerance,
            max_products=self.max_products,
            objective=objective,
        )
        n = sum(len(labels) for _, labels in batches)
        unit, axes = f"{objective.loss_unit}/weight^2", ("index",)
        readings = {
            "top_eigenvalues": Reading(found.values.numpy(), unit, n=n, estimator="Lanczos, largest first", axes=axes),
            "eigenvalue_residuals": Reading(
                found.residuals.numpy(), unit, n=n, estimator="an eigenvalue lies within this distance", axes=axes
            ),
        }
        return readings, found.products * len(batches)
