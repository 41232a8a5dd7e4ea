"""The Hessian's trace at equal standard error, and its top eigenvalue to 1e-3, against PyHessian and curvlinops."""

from __future__ import annotations

import statistics
import warnings
from dataclasses import dataclass, field
from time import process_time
from typing import TYPE_CHECKING

import torch
from harness import one_thread, report
from page import Headline, Row

from prunescope.data.datasets import Patches
from prunescope.landscape.eigenvalues import top_eigenvalues
from prunescope.landscape.exact_trace import exact_trace
from prunescope.landscape.hessian import weights
from prunescope.landscape.hutchinson import rademacher, trace
from prunescope.landscape.operator import operator
from prunescope.networks import models
from prunescope.runs.scheduling.memory import keep_freed
from prunescope.training.trainers.sgd import Sgd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # both use what torch has deprecated
    from curvlinops import HessianLinearOperator
    from curvlinops.trace.hutchinson import hutchinson_trace
    from pyhessian import hessian

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

    Batch = tuple[Tensor, Tensor]

BATCHES = 16
DRAWS = 4
"""Vectors of one call of the peers."""
SHARED = 64
"""Draws of the peers' estimator, taken with prunescope's products, that tell its variance."""
SEEDS = 3
FAR = 6
"""Standard errors between two estimates of one trace that are no accident."""
LOSS = torch.nn.CrossEntropyLoss()
OURS = {"independent vectors": (8, 0), "with a sketch": (16, 8)}
"""Vectors and sketch of prunescope's variants."""
WANTED = 0.01
"""Standard error / trace that the peers draw for where prunescope's trace is exact."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A trained network and the images its Hessian is over."""

    network: str
    size: int
    batch: int
    epochs: int
    rounds: int

    @property
    def title(self) -> str:
        """What is measured on."""
        return f"{self.network} on {self.size}x{self.size}, {BATCHES} batches of {self.batch}"

    def prepare(self) -> tuple[nn.Module, list[Batch]]:
        """Return the network in eval mode, and the batches."""
        data = Patches(size=self.size, images=BATCHES * self.batch, test_images=64).load()
        spec = models.ModelSpec(name=self.network, num_classes=10, in_chans=3, image_size=(self.size, self.size))
        model = models.create(spec, seed=0)
        list(Sgd(epochs=self.epochs, batch_size=32).fit(model, data, seed=0))
        return model.eval(), list(data.train.batches(self.batch))


CASES = (Case(network="preresnet8", size=8, batch=32, epochs=15, rounds=3),)


@dataclass
class Timed:
    """What one variant took and found, round by round."""

    seconds: list[float] = field(default_factory=list)
    """Per call."""
    draws: list[float] = field(default_factory=list)
    """Of the trace."""
    variances: list[float] = field(default_factory=list)
    """Of the mean of one call, by its own account."""


def peers(model: nn.Module, batches: Sequence[Batch]) -> dict[str, Callable[[], list[float]]]:
    """Return what draws single estimates of the trace, DRAWS of them for each call."""
    operator = HessianLinearOperator(model, LOSS, list(model.parameters()), batches, check_deterministic=False)

    def pyhessian() -> list[float]:
        found = hessian(model, LOSS, dataloader=batches, cuda=False).trace(maxIter=DRAWS, tol=-1.0)
        model.zero_grad(set_to_none=True)
        return found

    def curvlinops() -> list[float]:
        return [float(hutchinson_trace(operator, DRAWS))]

    return {"pyhessian": pyhessian, "curvlinops": curvlinops}


def time_traces(model: nn.Module, batches: Sequence[Batch], *, rounds: int) -> dict[str, Timed]:
    """Time every variant in turn; a first round is not counted in the seconds."""
    found = {name: Timed() for name in ("pyhessian", "curvlinops", *OURS)}
    others = peers(model, batches)
    for number in range(rounds + 1):
        for name, run in others.items():
            started = process_time()
            draws = run()
            found[name].seconds.append(process_time() - started)
            found[name].draws.extend(draws)
        for name, (vectors, sketch) in OURS.items():
            draw = torch.Generator().manual_seed(number)
            started = process_time()
            estimate = trace(model, batches, vectors=vectors, sketch=sketch, generator=draw).estimate
            found[name].seconds.append(process_time() - started)
            found[name].draws.append(estimate.value)
            found[name].variances.append(estimate.stderr**2)
    for timed in found.values():
        del timed.seconds[0]
    return found


def shared_draws(model: nn.Module, batches: Sequence[Batch]) -> list[float]:
    """Return draws of vᵀ H v with one vector for all batches."""
    at, draw = weights(model), torch.Generator().manual_seed(7)
    multiply = operator(model, at, batches)
    vectors = (rademacher(at.size, generator=draw) for _ in range(SHARED))
    return [float(vector @ multiply(vector)) for vector in vectors]


def trace_rows(case: Case, found: dict[str, Timed], shared: list[float]) -> list[Row]:
    """Return seconds x variance of the peers over that of prunescope: the time to an equal standard error.

    Both peers draw one vector for all batches, so the variance of one draw is the same: that of `shared`, which is the
    same estimator. That of prunescope is the mean over its calls.
    """
    single = statistics.variance(shared)
    check({**found, "shared": Timed(draws=shared)}, single)
    rows = []
    for peer in ("pyhessian", "curvlinops"):
        for name in OURS:
            ours = statistics.fmean(found[name].variances)
            pairs = zip(found[peer].seconds, found[name].seconds, strict=True)
            ratios = [theirs * single / DRAWS / (mine * ours) for theirs, mine in pairs]
            rows.append(
                Row(workload=f"Hessian trace, {case.title}", comparison=f"{peer} / {name}", ratios=ratios, share=None)
            )
    return rows


def exact_rows(
    case: Case, model: nn.Module, batches: Sequence[Batch], found: dict[str, Timed], shared: list[float]
) -> list[Row]:
    """Return the seconds of the peers to a standard error of 1 % of the trace over those of the exact trace."""
    seconds, values = [], []
    for _ in found["pyhessian"].seconds:
        started = process_time()
        values.append(exact_trace(model, batches).estimate.value)
        seconds.append(process_time() - started)
    drawn = found["with a sketch"]
    error = (statistics.fmean(drawn.variances) / len(drawn.draws)) ** 0.5
    if abs(values[0] - statistics.fmean(drawn.draws)) > FAR * error:
        raise SystemExit(f"the exact trace is {values[0]}, but {drawn.draws} were drawn")
    needed = statistics.variance(shared) / (WANTED * values[0]) ** 2
    rows = []
    for peer in ("pyhessian", "curvlinops"):
        pairs = zip(found[peer].seconds, seconds, strict=True)
        ratios = [theirs / DRAWS * needed / mine for theirs, mine in pairs]
        how = f"{peer}, to a standard error of {WANTED:.0%} / exact"
        rows.append(Row(workload=f"Hessian trace, {case.title}", comparison=how, ratios=ratios, share=None))
    return rows


def check(found: dict[str, Timed], single: float) -> None:
    """Assert that every variant estimates the same trace.

    A few large eigenvalues make vᵀ H v nearly a multiple of χ² with few degrees of freedom: the mean of 16 draws lies
    beyond 4 standard errors once in a thousand runs, beyond 6 once in fifty thousand.
    """
    draws = {name: timed.draws for name, timed in found.items()}
    counts = {"pyhessian": 1, "shared": 1, "curvlinops": DRAWS}
    centre = statistics.fmean(draws["with a sketch"])
    exact = statistics.fmean(found["with a sketch"].variances) / len(draws["with a sketch"])
    for name, values in draws.items():
        each = single / counts[name] if name in counts else statistics.fmean(found[name].variances)
        if abs(statistics.fmean(values) - centre) > FAR * (each / len(values) + exact) ** 0.5:
            raise SystemExit(f"{name} estimates another trace: {values}, not {centre}")


def eigenvalue_rows(case: Case, model: nn.Module, batches: Sequence[Batch]) -> tuple[list[Row], str]:
    """Time the top eigenvalue to 1e-3: PyHessian at the loosest tolerance of its own that gives it for every seed."""
    exact = _lanczos(model, batches, seed=99, tolerance=1e-6)[1]
    for tolerance in (1e-3, 1e-4, 1e-5):
        theirs = [_power(model, batches, seed=seed, tolerance=tolerance) for seed in range(SEEDS)]
        worst = max(abs(value / exact - 1) for _, value in theirs)
        if worst <= 1e-3:
            break
    ours = [_lanczos(model, batches, seed=seed, tolerance=1e-3) for seed in range(SEEDS)]
    error = max(abs(value / exact - 1) for _, value in ours)
    if error > 1e-3:
        raise SystemExit(f"the top eigenvalue {exact} was missed by {error:.1e}")
    ratios = [slow / fast for (slow, _), (fast, _) in zip(theirs, ours, strict=True)]
    comparison = "pyhessian / Lanczos, graphs kept"
    note = (
        f"Top eigenvalue, {case.title}: PyHessian's tolerance {tolerance:g} was needed (largest relative error "
        f"{worst:.1e}); prunescope's largest was {error:.1e}, at its default tolerance."
    )
    return [Row(workload=f"top eigenvalue, {case.title}", comparison=comparison, ratios=ratios, share=None)], note


def _power(model: nn.Module, batches: Sequence[Batch], *, seed: int, tolerance: float) -> tuple[float, float]:
    torch.manual_seed(seed)
    started = process_time()
    values, _ = hessian(model, LOSS, dataloader=batches, cuda=False).eigenvalues(maxIter=100, tol=tolerance)
    seconds = process_time() - started
    model.zero_grad(set_to_none=True)
    return seconds, values[0]


def _lanczos(model: nn.Module, batches: Sequence[Batch], *, seed: int, tolerance: float) -> tuple[float, float]:
    draw = torch.Generator().manual_seed(seed)
    started = process_time()
    found = top_eigenvalues(model, batches, count=1, generator=draw, tolerance=tolerance)
    return process_time() - started, float(found.values[0])


def main() -> None:
    """Print the tables and write them into the docs."""
    one_thread()
    keep_freed()  # as the program does
    warnings.filterwarnings("ignore", message="Using backward.. with create_graph=True")  # PyHessian's way
    rows, notes, headlines = [], [], []
    for case in CASES:
        model, batches = case.prepare()
        found, shared = time_traces(model, batches, rounds=case.rounds), shared_draws(model, batches)
        traces = [*trace_rows(case, found, shared), *exact_rows(case, model, batches, found, shared)]
        values, note = eigenvalue_rows(case, model, batches)
        rows += [*traces, *values]
        notes.append(note)
        headlines += [
            Headline(workload=row.workload, against=row.comparison, ratios=row.ratios, least=least, aim=aim)
            for row, least, aim in [*((row, 5, 15) for row in traces), (values[0], 1.5, 2)]
            if "independent" not in row.comparison
        ]
    notes.append(
        "The ratios of traces are of time x variance: of the times to an equal standard error. The peers draw one "
        "vector for all batches and build every graph anew for it; prunescope draws other vectors for every batch on "
        "one graph, and with a sketch takes the largest eigenvalues of each batch out of the noise (Hutch++). The "
        f"variance of the peers is that of {SHARED} draws, so known to within a fifth."
    )
    report("Hessian", rows, headlines=headlines, notes=notes)


if __name__ == "__main__":
    main()
