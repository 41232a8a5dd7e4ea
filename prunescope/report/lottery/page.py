"""One HTML file that opens offline for what `lottery` or `instability` found."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import count_text, error_or_absent
from prunescope.report.common import formatting, svg
from prunescope.report.common.figures import draw_picture
from prunescope.report.common.page import as_markup, make_environment, read_text, write_policy
from prunescope.report.lottery import curves as drawing
from prunescope.report.lottery import sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup
    from matplotlib.figure import Figure

    from prunescope.studies.lottery.lottery import IterativePruning
    from prunescope.studies.lottery.outcomes import Curve, Lottery

SOURCES = {
    "tickets": "Frankle and Carbin 2019, The Lottery Ticket Hypothesis: masks found by training and pruning in rounds.",
    "stability": "Frankle, Dziugaite, Roy and Carbin 2020, Linear Mode Connectivity and the Lottery Ticket Hypothesis: "
    "rewinding to a step, stability to SGD noise.",
    "rewinding": "Renda, Frankle and Carbin 2020, Comparing Rewinding and Fine-tuning in Neural Network Pruning.",
    "gradual": "Zhu and Gupta 2018, To prune, or not to prune: gradual pruning and the cubic schedule.",
}

ERRORS_CAPTION = (
    "Test error against density: means over seeds, bars from the least to the greatest. The band is the dense "
    "networks' mean and standard deviation; what lies below its upper edge matches them."
)

BARRIERS_CAPTION = (
    "Above, the barrier of the error on the straight line between copies trained from a step, BatchNorm re-estimated "
    "at every point; below, the test error of the copies at the end. Means over seeds, strokes from the least to the "
    "greatest."
)


def lottery_page(found: Lottery, pruning: IterativePruning) -> str:
    """Return the report of `lottery`."""
    lines = sentences.of_lottery(found)
    rows = [("dense", "1", error_or_absent(found.dense.mean), error_or_absent(found.dense.deviation), "")]
    rows += [
        (row.label, formatting.number(row.density), error_or_absent(row.test.mean), error_or_absent(row.test.deviation),
         "yes" if row.matching else "no")
        for row in found.rows
    ]  # fmt: skip
    return _render(
        title="lottery tickets",
        headline=lines[1] if len(lines) > 1 else lines[0],
        sentences=lines,
        figure=_inline(lambda paint: drawing.lottery_errors(found, paint=paint), " ".join(lines)),
        caption=ERRORS_CAPTION,
        columns=("network", "density", "test error", "± over seeds", "matches dense"),
        rows=rows,
        pruning=pruning,
        sources=[SOURCES[name] for name in ("tickets", "stability", "rewinding", "gradual")],
    )


def instability_page(curves: Sequence[Curve], pruning: IterativePruning, *, threshold: float, dense: float) -> str:
    """Return the report of `instability`."""
    lines = [sentences.of_curve(curve, threshold) for curve in curves]
    rows = [
        (curve.label, str(step), error_or_absent(fmean(row[at] for row in curve.barrier)),
         error_or_absent(min(row[at] for row in curve.barrier)), error_or_absent(max(row[at] for row in curve.barrier)),
         error_or_absent(fmean(row[at] for row in curve.error)))
        for curve in curves
        for at, step in enumerate(curve.steps)
    ]  # fmt: skip
    return _render(
        title="instability to SGD noise",
        headline=lines[0],
        sentences=lines,
        figure=_inline(lambda paint: drawing.barriers(curves, threshold, dense, paint=paint), " ".join(lines)),
        caption=BARRIERS_CAPTION,
        columns=("networks", "step", "barrier", "least", "greatest", "test error"),
        rows=rows,
        pruning=pruning,
        sources=[SOURCES[name] for name in ("stability", "tickets")],
    )


def _render(*, pruning: IterativePruning, **parts: Any) -> str:  # noqa: ANN401 - what the template names
    template = make_environment().get_template("lottery/lottery.html.j2")
    about = f"{pruning.model.name} on {pruning.data.name}"
    return template.render(
        style=read_text("common/style.css"), policy=write_policy(), about=about, facts=_facts(pruning), **parts
    )


def _facts(pruning: IterativePruning) -> list[tuple[str, str]]:
    from prunescope.plugins import options

    def describe(loaded: Any) -> str:  # noqa: ANN401 - a plugin
        given = options.non_default(loaded.instance).items()
        return " ".join([loaded.plugin.name, *(f"{name}={value}" for name, value in given)])

    return [
        ("network", " ".join([pruning.model.name, *(f"{k}={v}" for k, v in pruning.model.options.items())])),
        ("data", pruning.data.name),
        ("training", f"{describe(pruning.trainer)}; {count_text(pruning.total, 'step')}"),
        ("pruner", describe(pruning.pruner)),
        ("seeds", ", ".join(map(str, pruning.seeds))),
    ]


def _inline(draw: Callable[[Mapping[str, str]], Figure], label: str) -> Markup:
    return as_markup(svg.inlined(draw_picture(draw).svg, name="curves", label=label))
