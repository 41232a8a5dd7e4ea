"""The interface of a probe: replicas in, readings out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from prunescope.api.interfaces.data import Data
    from prunescope.api.interfaces.mask import Mask
    from prunescope.api.interfaces.reading import Reading


@dataclass(frozen=True, kw_only=True)
class Replica:
    """A model as a probe gets it: in eval mode, on the device of the data; `mask` where it was pruned."""

    model: nn.Module
    mask: Mask | None = None
    run: str = ""
    """Id of the run it comes from; empty for a model made by hand."""


class Probe(ABC):
    """Measures replicas of a model, or the data alone."""

    replicas: ClassVar[Literal[0, 1, 2, "any"]]
    """How many replicas one call takes. 0: data alone. 1, 2: the core calls once per replica or pair and stacks the
    readings along "replica" or "pair". "any": one call with all of them (two or more)."""

    needs_data: ClassVar[bool] = True

    citations: ClassVar[tuple[str, ...]] = ()
    """Publications of the method: keys of entries in `references.bib` of the plugin's package, or of prunescope's."""

    version: ClassVar[int] = 1

    @abstractmethod
    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return the readings by name; leave models (and their mode) as they were."""

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """Return the images one call sends forward, for the cost estimate; a backward pass counts as two.

        replicas: how many the call gets; train, test: images in each split. The default is one pass over both.
        """
        return float(replicas * (train + test))
