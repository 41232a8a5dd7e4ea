"""The interface of a data set: options in, data out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api.interfaces.data import Data


class Dataset(ABC):
    """Makes a data set from its options."""

    citations: ClassVar[tuple[str, ...]] = ()
    """Publications of the method: keys of entries in `references.bib` of the plugin's package, or of prunescope's."""

    version: ClassVar[int] = 1
    """Raise it when the same options give other numbers: it is part of every run's id."""

    @abstractmethod
    def load(self) -> Data:
        """Return the data on the CPU; equal options give equal data to the bit."""

    def located(self) -> Dataset:
        """Return the same data set as any process finds it: paths absolute, lists in place of the files that hold them.

        The default, for data that come from no files, is the data set itself.
        """
        return self

    def inventory(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what each split holds, by its name, where the data are files; {} where they are not.

        folder, classes in the order of their labels, counts of images, skipped (why -> files), sizes and modes of a
        sample: as `data.inventory.Inventory` has them.
        """
        return {}
