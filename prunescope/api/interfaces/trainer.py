"""The interface of a trainer, which yields after every epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import nn

    from prunescope.api.interfaces.data import Data
    from prunescope.api.interfaces.keeper import StateKeeper
    from prunescope.api.interfaces.mask import Mask


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One finished epoch of training."""

    number: int
    """Epochs finished so far, from 1."""
    of: int
    learning_rate: float
    """Learning rate of the last step."""
    train_loss: float
    """Mean loss over the epoch's augmented mini-batches, as trained on."""
    train_error: float
    """Mean error of the objective over the same batches, fraction in [0, 1]."""


class Trainer(ABC):
    """Trains a dense model, and retrains a pruned one with its mask held."""

    citations: ClassVar[tuple[str, ...]] = ()
    """Publications of the method: keys of entries in `references.bib` of the plugin's package, or of prunescope's."""

    version: ClassVar[int] = 1
    """Raise it when the same options give other numbers: it is part of every run's id."""

    @abstractmethod
    def fit(self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int) -> Iterator[Epoch]:
        """Train `model` in place and yield after every epoch.

        Between epochs the caller takes snapshots, audits the density, shows progress, or stops. Weights masked out
        must be exactly zero at every yield. Order, augmentation and initial momentum depend on `seed` alone; the
        caller has seeded torch's global generator (dropout) with it too.

        A generator may return a string after the last epoch: how it performed the steps ("captured"). The run file
        records it with the engine.
        """

    def fit_resumable(
        self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int, keeper: StateKeeper
    ) -> Iterator[Epoch]:
        """Train as `fit` does, but save the state whenever `keeper` says so, and begin where a saved state ends.

        A training that was resumed ends with the weights of one that was not, to the bit on the same kind of machine.
        The default is `fit`: a training that is interrupted is performed again from its beginning.
        """
        del keeper
        return self.fit(model, data, mask=mask, seed=seed)

    def stages(self) -> tuple[int, ...]:
        """Return the epochs after which the network is as one trained so long: ends of cycles, for example.

        Their snapshots are kept unless others are asked for, and a study takes its epochs from them alone. (): the
        trainer has none; any epoch may be asked for.
        """
        return ()

    def length(self) -> int | None:
        """Return the epochs of one fit; None: the trainer does not count in epochs.

        The default is the option `epochs`, where there is one.
        """
        epochs = getattr(self, "epochs", None)
        return epochs if isinstance(epochs, int) else None

    def drop_epochs(self) -> tuple[float, ...]:
        """Return the epochs of one fit after which the learning rate falls in a step, rising.

        (), the default: it does not, or falls otherwise. Diagrams draw them, and rules compare with them.
        """
        return ()

    def held_rate(self, *, total: int) -> Mapping[str, object]:
        """Return the options that hold the learning rate of the last of `total` steps of the schedule: fine-tuning.

        {}, the default: the rate ends at zero, or the trainer has no options for it.
        """
        del total
        return {}

    def passes(self, *, train: int) -> float:
        """Return the images one fit sends forward, for the cost estimate; a backward pass counts as two.

        train: images in the training set. The default uses the length of a fit and nothing else.
        """
        return 3.0 * (self.length() or 1) * train

    def together(self, model: nn.Module, data: Data) -> int:
        """Return how many models like `model` one call of `fit_together` trains best; 1: they are trained one by one.

        The answer must follow from the options, the architecture and the sizes of the data alone: no clock, no memory
        that happens to be free. It decides which runs share a call, and with that the last bits of their numbers.
        """
        del model, data
        return 1

    def fit_together(
        self, models: Sequence[nn.Module], data: Data, *, masks: Sequence[Mask | None], seeds: Sequence[int]
    ) -> Iterator[tuple[Epoch, ...]]:
        """Train several models of one architecture in place, each as `fit` trains it alone up to float32 rounding.

        Yields the epochs of all models after every epoch; see `fit` for what holds for each of them then. Called only
        where `together` is above 1. What happens to one model must not depend on the others: when one diverges, raise,
        and the core trains them one by one.
        """
        raise NotImplementedError

    def fit_together_resumable(
        self,
        models: Sequence[nn.Module],
        data: Data,
        *,
        masks: Sequence[Mask | None],
        seeds: Sequence[int],
        keeper: StateKeeper,
    ) -> Iterator[tuple[Epoch, ...]]:
        """Train as `fit_together` does, and save and resume as `fit_resumable` does; the default does neither."""
        del keeper
        return self.fit_together(models, data, masks=masks, seeds=seeds)
