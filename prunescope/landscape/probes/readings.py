"""Readings made of estimates: one number, one per pair, one per pair and point of a path."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prunescope.api import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.landscape.connectivity import Connectivity
    from prunescope.landscape.estimate import Estimate
    from prunescope.landscape.evaluate import Outcomes
    from prunescope.landscape.similarity import Kernel


def of_connectivity(
    side: str, error: Sequence[Connectivity], loss: Sequence[Connectivity], *, unit: str, how: str
) -> dict[str, Reading]:
    """Return the readings of one side: "lmc" and its kin for train, "lmc_test" and its kin for test."""
    import numpy as np

    tail = "" if side == "train" else f"_{side}"
    star = np.array([pair.t_star for pair in error])
    return {
        f"lmc{tail}": by_pair([pair.lmc for pair in error], "fraction", estimator=how),
        f"barrier{tail}": by_pair([pair.barrier for pair in error], "fraction", estimator=how),
        f"t_star{tail}": Reading(star, "1", estimator=how, axes=("pair",)),
        f"lmc{tail}_loss": by_pair([pair.lmc for pair in loss], unit, estimator=how),
        f"barrier{tail}_loss": by_pair([pair.barrier for pair in loss], unit, estimator=how),
        f"{side}_error_path": by_point(error, "fraction", estimator=how),
        f"{side}_loss_path": by_point(loss, unit, estimator=how),
    }


def single(estimate: Estimate, unit: str, *, estimator: str) -> Reading:
    """Return a reading without axes; a standard error that is not known is None."""
    stderr = None if math.isnan(estimate.stderr) else estimate.stderr
    return Reading(estimate.value, unit, n=estimate.n, stderr=stderr, estimator=estimator)


def by_pair(estimates: Sequence[Estimate], unit: str, *, estimator: str) -> Reading:
    """Return one reading with the axis "pair"."""
    import numpy as np

    values, errors = np.array([e.value for e in estimates]), np.array([e.stderr for e in estimates])
    stderr = errors if np.isfinite(errors).all() else None
    return Reading(values, unit, n=estimates[0].n, stderr=stderr, estimator=estimator, axes=("pair",))


def by_point(pairs: Sequence[Connectivity], unit: str, *, estimator: str) -> Reading:
    """Return one reading with the axes "pair" and "t"."""
    import numpy as np

    values = np.array([[point.value for point in pair.path] for pair in pairs])
    errors = np.array([[point.stderr for point in pair.path] for pair in pairs])
    stderr = errors if np.isfinite(errors).all() else None
    n, labels = pairs[0].path[0].n, tuple(f"{t:g}" for t in np.linspace(0, 1, values.shape[1]))
    return Reading(values, unit, n=n, stderr=stderr, estimator=estimator, axes=("pair", "t"), labels=labels)


def constant(kernels: Sequence[Kernel]) -> Reading:
    """Return one flag per replica, with the axis "replica": whether its features are the same for all images."""
    import numpy as np

    flags = np.array([float(not found.diagonal.any()) for found in kernels])
    how = "1 where the network's outputs are the same for all images"
    return Reading(flags, "1", n=kernels[0].n, estimator=how, axes=("replica",))


def along(path: Connectivity, unit: str, *, estimator: str) -> Reading:
    """Return the values on the way between one pair, with the axis "t"."""
    import numpy as np

    errors = np.array([point.stderr for point in path.path])
    return Reading(
        np.array([point.value for point in path.path]),
        unit,
        n=path.path[0].n,
        stderr=errors if np.isfinite(errors).all() else None,
        estimator=estimator,
        axes=("t",),
        labels=tuple(f"{t:g}" for t in np.linspace(0, 1, len(path.path))),
    )


def on_grid(
    found: Sequence[Outcomes], steps: Sequence[float], *, axes: tuple[str, ...], how: str, unit: str
) -> dict[str, Reading]:
    """Return `loss` and `error` at the points of a grid, row by row; the labels are the steps along the last axis."""
    import numpy as np

    shape, labels, n = (len(steps),) * len(axes), tuple(f"{step:g}" for step in steps), len(found[0].loss)
    readings = {}
    for name, its_unit in (("loss", unit), ("error", "fraction")):
        values = [at.loss if name == "loss" else at.error for at in found]
        means = np.array([float(each.double().mean()) for each in values]).reshape(shape)
        readings[name] = Reading(means, its_unit, n=n, estimator=how, axes=axes, labels=labels)
    return readings
