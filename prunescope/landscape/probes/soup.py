"""Replicas averaged into one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Data, Option, Probe, Reading, Replica
from prunescope.api.wording import count_text
from prunescope.landscape.probes.batches import LimitBatches, limited_probe
from prunescope.landscape.probes.readings import single

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Soup(Probe):
    """Test error of the replicas' average. BatchNorm is re-estimated; also against the best replica."""

    batch_size: Annotated[int, Option("images per batch; BatchNorm is re-estimated in these batches", minimum=2)] = 256
    limit_batches: LimitBatches = None

    replicas = "any"

    citations = ("zimmer2024sparse", "wortsman2022model", "izmailov2018averaging")

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """One over the training images, and one over the test images for each replica and for the soup."""
        seen, held_out = (limited_probe(self.limit_batches, self.batch_size, images) for images in (train, test))
        return float(seen + (replicas + 1) * held_out)

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `soup_error` and `soup_minus_best`, that minus the lowest test error among the replicas.

        The standard error of the difference is over examples, both networks seeing the same ones.
        """
        del seed

        from prunescope.landscape.estimate import mean
        from prunescope.landscape.soup import cook_soup

        models = [replica.model for replica in replicas]
        soup = cook_soup(models, data.train, batch_size=self.batch_size, limit=self.limit_batches)
        found = self._errors(soup, data)
        best = min((self._errors(model, data) for model in models), key=lambda errors: float(errors.mean()))
        how = f"average of {count_text(len(models), 'replica')}, BatchNorm re-estimated in batches of {self.batch_size}"
        name = data.objective.error_name
        return {
            "soup_error": single(mean(found), "fraction", estimator=f"{name}, {how}"),
            "soup_minus_best": single(mean(found - best), "fraction", estimator=f"{name}, {how}, minus the lowest"),
        }

    def _errors(self, model: nn.Module, data: Data) -> Tensor:
        from prunescope.landscape.evaluate import outcomes

        return outcomes(
            model, data.test, batch_size=self.batch_size, limit=self.limit_batches, objective=data.objective
        ).error.double()
