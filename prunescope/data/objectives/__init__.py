"""Objectives beside classification, which is `prunescope.api.CLASSIFICATION`; one idea a file."""

from prunescope.data.objectives.dense import DenseClassification
from prunescope.data.objectives.multi_label import MultiLabel
from prunescope.data.objectives.regression import Regression
from prunescope.data.objectives.sparse_map import SparseMap

__all__ = ["DenseClassification", "MultiLabel", "Regression", "SparseMap"]
