"""What weights are worth, as pure functions: a score for each method, allocations of a density over the layers.

Scores are tensors of the weights' shapes, by name; the larger, the more a weight is worth. Ranking them, to exact
counts, is `prunescope.networks.masks`.
"""
