"""The pages of a comparison and of lottery tickets in a browser: nothing to complain of, and no wider than a phone."""

from __future__ import annotations

import pytest
from wanted import wanted

from prunescope.data.spec import Source
from prunescope.networks.spec import ModelSpec
from prunescope.plugins import registry
from prunescope.report.comparison.page import comparison_page
from prunescope.report.lottery.page import lottery_page
from prunescope.studies.comparison.measured import ComparedPoint, MeasuredComparison
from prunescope.studies.lottery.lottery import IterativePruning
from prunescope.studies.lottery.outcomes import Lottery, Over, Row

wanted("playwright")
axe = wanted("axe_playwright_python.sync_playwright")


def comparison():
    points = {
        label: {
            density: tuple(
                ComparedPoint(
                    seed=seed, top1=top1 + 0.01 * seed, top5=0.9, compression=1 / density, speedup=1 / density
                )
                for seed in range(3)
            )
            for density in (0.5, 0.1)
        }
        for label, top1 in (("random", 0.6), ("magnitude:scope=global", 0.7))
    }
    dense = tuple(ComparedPoint(seed=seed, top1=0.82, top5=0.99, compression=1.0, speedup=1.0) for seed in range(3))
    found = MeasuredComparison(densities=(0.5, 0.1), seeds=(0, 1, 2), dense=dense, pruned=points)
    return comparison_page(found, facts={"data": "patches"}, versions={"torch": "2"}, citations=["Doe. T. V, 2020."])


def lottery():
    errors = Over((0.1, 0.12))
    rows = tuple(
        Row(step=20, method="weights", control="", density=density, test=errors, train=errors, matching=True, runs=())
        for density in (0.5, 0.25)
    )
    pruning = IterativePruning(
        model=ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8)),
        data=Source(name="patches"),
        trainer=registry.make("trainers", "sgd", {"epochs": 3}),
        total=30,
        pruner=registry.make("pruners", "magnitude", {}),
        densities=(0.5, 0.25),
        seeds=(0, 1),
    )
    return lottery_page(Lottery(dense=errors, rows=rows), pruning)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("write", [comparison, lottery])
def test_axe_finds_nothing_and_nothing_is_wider(opened, write, scheme):
    with opened(write(), width=390, color_scheme=scheme, bypass_csp=True) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found] == []
