from __future__ import annotations

import pytest

from prunescope.data.spec import Source
from prunescope.networks.spec import ModelSpec
from prunescope.plugins import registry
from prunescope.report import lottery
from prunescope.report.lottery.finding import InstabilityFinding
from prunescope.runs.coordinates import Readings
from prunescope.runs.store import Store
from prunescope.studies.lottery.answers import InstabilityAnswer
from prunescope.studies.lottery.lottery import IterativePruning
from prunescope.studies.lottery.outcomes import Curve, Lottery, Over, Row
from prunescope.studies.lottery.question import InstabilityQuestion
from prunescope.studies.lottery.setting import Setting
from prunescope.studies.lottery.stability import step_of_stability


def row(density, *test, control="", dense=0.1):
    return Row(
        step=20,
        method="weights",
        control=control,
        density=density,
        test=Over(test),
        train=Over(test),
        matching=sum(test) / len(test) <= dense,
        runs=(),
    )


FOUND = Lottery(
    dense=Over((0.08, 0.12)),
    rows=(row(0.5, 0.05, 0.1), row(0.25, 0.1, 0.1), row(0.1, 0.2, 0.3), row(0.5, 0.5, 0.6, control="random")),
)

QUESTION = IterativePruning(
    model=ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8)),
    data=Source(name="patches"),
    trainer=registry.make("trainers", "sgd", {"epochs": 3}),
    total=30,
    pruner=registry.make("pruners", "magnitude", {}),
    densities=(0.5, 0.25, 0.1),
    seeds=(0, 1),
)


def curve(*rows, density=1.0):
    steps = tuple(range(0, 10 * len(rows[0]), 10))
    found = step_of_stability(steps, rows)
    return Curve(density=density, steps=steps, barrier=rows, error=rows, stability=found)


def test_a_ticket_matches_down_to_the_last_density_before_the_first_that_fails():
    gap = Lottery(dense=Over((0.1,)), rows=(row(0.5, 0.05), row(0.25, 0.3), row(0.1, 0.05)))
    assert lottery.of_lottery(gap)[1] == "weights rewound to step 20: matches the dense networks down to density 0.5"
    told = lottery.of_lottery(FOUND)
    assert told[0] == "dense: 10.00 % test error, ± 2.83 % over 2 seeds"
    assert told[1].endswith("down to density 0.25")
    assert told[2] == "random mask, step 20: no density matches the dense networks"


def test_one_seed_has_no_deviation():
    alone = Lottery(dense=Over((0.1,)), rows=(row(0.5, 0.05),))
    assert lottery.of_lottery(alone)[0] == "dense: 10.00 % test error, one seed"
    assert lottery.lottery_page(alone, QUESTION).count("<td>n/a</td>") == 2


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (((0.3, 0.0, 0.0),), "dense: stable to SGD noise from step 10 on (barrier below 2 %; not yet at step 0)"),
        (((0.3, 0.3), (0.3, 0.0)), "dense: not stable up to step 10 (barrier below 2 %; 1 of 2 seeds is)"),
        (
            ((0.0, 0.0), (0.0, 0.0), (0.3, 0.3)),
            "dense: stable to SGD noise from step 0 on (barrier below 2 %; seeds: 0 to later)",
        ),
    ],
)
def test_stability_is_told_with_its_range(rows, told):
    assert lottery.of_curve(curve(*rows), 0.02) == told


def test_the_pages_hold_every_number_and_no_outside_reference():
    page = lottery.lottery_page(FOUND, QUESTION)
    assert page.count("<tr>") == 2 + len(FOUND.rows)
    assert "25.00 %" in page
    other = lottery.instability_page(
        [curve((0.3, 0.01)), curve((0.4, 0.2), density=0.1)], QUESTION, threshold=0.02, dense=0.1
    )
    assert other.count("<tr>") == 1 + 4
    assert "density 0.1: not stable up to step 10" in other
    for text in (page, other):
        assert "http" not in text.replace("http://www.w3.org", "").replace("http-equiv", "")


def test_the_figures_draw_a_line_for_every_kind(tmp_path):
    drawings = {
        "errors": lambda paint: lottery.lottery_errors(FOUND, paint=paint),
        "barriers": lambda paint: lottery.barriers([curve((0.3, 0.01))], 0.02, 0.1, paint=paint),
    }
    made = lottery.write_figures({name: lottery.draw_picture(draw) for name, draw in drawings.items()}, tmp_path)
    assert {path.name for path in made} == {"errors.svg", "errors.png", "barriers.svg", "barriers.png"}
    text = (tmp_path / "errors.svg").read_text()
    assert all(label in text for label in ("weights rewound to step 20", "random mask, step 20", "dense"))


def test_a_finding_writes_page_and_figures(tmp_path):
    asked = InstabilityQuestion("preresnet8", data="patches", steps=[0, 10], threshold=0.02)
    setting = Setting(pruning=QUESTION, steps_per_epoch=10)
    answer = InstabilityAnswer(curves=(curve([0.3, 0.01], [0.2, 0.0]),), dense=0.1, setting=setting, probes=())
    found = InstabilityFinding(answer=answer, asked=asked, readings=Readings(runs=(), store=Store(tmp_path)))
    assert str(found).startswith("dense: stable to SGD noise from step 10 on")
    assert "<svg" in found.report(tmp_path / "i.html").read_text()
    assert sorted(path.name for path in found.figures(tmp_path / "f")) == ["instability.png", "instability.svg"]
    assert found.as_json()["threshold"] == 0.02
