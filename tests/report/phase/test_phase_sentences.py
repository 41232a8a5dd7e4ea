"""What a phase diagram says in words: the headline, and an answer to each question."""

from __future__ import annotations

import re
from dataclasses import replace

from prunescope.plugins import registry
from prunescope.report import phase
from prunescope.report.phase import sentences
from prunescope.studies.phase import from_table
from prunescope.studies.phase.bending import Bend
from prunescope.studies.phase.findings import find_phases
from prunescope.studies.phase.transition import FoundTransition

RULE = registry.make("rules", "three-regime", {}).instance


def test_the_headline_says_what_crossing_the_transition_does(study, published):
    assert sentences.phase_headline(study[0]) == (
        "From 40 to 60 epochs, the pruned model gets worse at 10 % and gets better at 50 % density."
    )
    assert (
        sentences.phase_headline(published)
        == "From 80 to 100 epochs, the pruned model apparently gets worse at 5–10 % density."
    )
    assert "Not finished" in sentences.phase_headline(replace(published, transition=None))


def test_no_difference_is_no_headline(study):
    found, across = study[0], study[0].transition
    quiet = replace(across, differences=tuple(one for one in across.differences if not one.better))
    assert "no density shows a difference" in sentences.phase_headline(replace(found, transition=quiet))


def unlearned(findings, cells):
    """The same diagram where the replicas of some cells have a training error of 85 %, and so show no barrier."""
    diagram = findings.diagram
    lost = {
        key: replace(
            cell,
            samples=tuple(
                replace(one, lmc=(-0.01,) * 3, lmc_stderr=(), paths=((0.85, 0.86, 0.85),) * 3) for one in cell.samples
            ),
        )
        if key in cells
        else cell
        for key, cell in diagram.cells.items()
    }
    return find_phases(replace(diagram, cells=lost), RULE)


def test_cells_that_learned_nothing_are_on_no_side(study):
    found = unlearned(study[0], study[0].diagram.cells)
    assert sentences.phase_headline(found).startswith("Not determined: in no cell have replicas learned")
    *_, bend, _, choice = sentences.answers(found)
    assert (bend.mark, choice.mark) == ("open", "open")
    assert "the training error of replicas is 85 % in every cell" in bend.text
    assert "same side" not in bend.text
    assert not any("connected" in one for one in bend.details)
    assert "in no cell have replicas learned" in phase.phase_page(found, phase.StudyProvenance())


def test_a_density_where_some_replicas_learned_names_the_others(study):
    found = unlearned(study[0], {(10, 0.5), (40, 0.5), *((value, 0.05) for value in study[0].diagram.values)})
    bend = sentences.answers(found)[3]
    low, middle, high = bend.details[:3]
    assert low.startswith("5 %: replicas have not learned (their training error is 85 %), so no barrier")
    assert "10 %: critical epochs" in middle
    assert "learned" not in middle
    listed = phase.phase_as_json(found, phase.StudyProvenance())["unlearned"]
    assert listed[-1] == {"value": 40, "density": 0.5, "train_error": 0.85}
    assert high == "50 %: connected wherever replicas have learned; they have not at epochs 10 and 40"


def test_one_dense_seed_does_not_decide_which_way_to_choose(study, published):
    choice = sentences.answers(published)[-1]
    assert choice.text.startswith("Not determined: one dense seed gives no spread. Without labels (Algorithm 2.1)")
    assert sentences.answers(study[0])[-1].mark != "open"


def marks(found):
    return [answer.mark for answer in sentences.answers(found)]


def test_answers_follow_from_the_data(study, published):
    hotter, colder, end, bend, direction, _ = sentences.answers(study[0])
    assert (hotter.mark, colder.mark, bend.mark, direction.mark) == ("yes", "yes", "yes", "yes")
    assert end.text == "80 epochs against 40: worse at 10 % density and better at 5 % and 50 % density."
    assert end.mark == "no"  # at 5 % both are beyond the boundary
    assert hotter.text == "Yes: 40 epochs is better at 10 % density."
    assert re.fullmatch(r"10 %: [\d.]+ points, z = \+[\d.]+, 95 % interval excludes 0", hotter.details[0])
    assert "3 of 3 dense seeds, judged alone, agree" in bend.details
    slope = study[0].bend.slope
    told = f"slope +{slope.mean:.2f} rows of the map per density, towards colder (95 % interval over 3 dense seeds: "
    assert any(one.startswith(told) for one in bend.details)
    assert marks(published) == ["open", "no", "no", "open", "yes", "open"]  # no replication


def test_negative_results_are_told_too(study):
    found = study[0]
    for bend, mark in (
        (Bend.HOTTER, "no"),
        (Bend.BOTH, "no"),
        (Bend.UNRESOLVED, "open"),
        (Bend.STRAIGHT, "no"),
        (Bend.ABSENT, "open"),
    ):
        told = replace(found.bend, verdict=bend, at_ends=(bend, bend))
        assert sentences.answers(replace(found, bend=told))[3].mark == mark
    turned = tuple(replace(one, by_seed=tuple(-value for value in one.by_seed)) for one in found.transition.differences)
    across = FoundTransition(hotter=40, colder=60, picked="drop", differences=turned)
    answers = sentences.answers(replace(found, transition=across))
    assert answers[0].text.startswith("Not in order: 40 epochs is better at 50 %")
    assert [answer.mark for answer in answers[:2]] == ["no", "no"]


def test_ways_to_choose_that_cost_the_same_are_not_said_to_cost_more(study):
    found = study[0]
    by_key = {way.key: way for way in found.ways}
    first = by_key["algorithm-2.1"]
    alike = tuple(replace(first, key=way.key) if way.key in sentences.HABITS else way for way in found.ways)
    choice = sentences.answers(replace(found, ways=alike))[-1]
    assert choice.mark == "no"
    assert "over the oracle; as much as “" in choice.text
    assert "less than" not in choice.text
    worse = replace(first, key="random", chosen=tuple(one and replace(one, regret=0.5) for one in first.chosen))
    mixed = tuple(worse if way.key == "random" else way for way in alike)
    choice = sentences.answers(replace(found, ways=mixed))[-1]
    assert choice.mark == "yes"
    assert re.search(r"; less than “random” \(50\.00\); as much as “", choice.text)


def test_a_bend_that_depends_on_the_threshold_is_said_to(study):
    found = study[0]
    told = sentences.answers(replace(found, bend=replace(found.bend, at_ends=(Bend.COLDER, Bend.ABSENT))))[3]
    assert told.mark == "open"
    assert told.text.startswith(
        "The result depends on the threshold (colder at ε = 0.08, absent at ε = 0.15). At ε = 0.1: Yes"
    )


def test_a_bend_of_one_dense_seed_is_without_replication(published):
    told = sentences.answers(published)[3]
    assert told.text.startswith("Apparently, without replication: the critical value moves colder")
    assert not any("slope" in one for one in told.details)


def test_two_dense_seeds_do_not_suffice_for_yes(study):
    found = study[0]
    two = tuple(
        replace(one, by_seed=(0.9 * one.mean, 1.1 * one.mean), stderr=0.1 * abs(one.mean))
        for one in found.transition.differences[1:]
    )
    answers = sentences.answers(replace(found, transition=replace(found.transition, differences=two)))
    assert answers[0].mark == "open"
    assert "by |z| ≥ 2, but no 95 % interval over 2 dense seeds excludes 0: 40 epochs is better" in answers[0].text


def test_the_unit_of_analysis_is_said(study, published):
    assert "The unit of analysis is the dense seed (n = 3)" in sentences.unit_of_analysis(study[0])
    assert "|z| must pass 4.303" in sentences.unit_of_analysis(study[0])
    assert "one number per cell" in sentences.unit_of_analysis(published)


def test_another_knob_has_its_own_words_and_picked_neighbours(tmp_path):
    path = tmp_path / "batch.csv"
    errors = {(16, 0.1): 0.2, (32, 0.1): 0.21, (64, 0.1): 0.25, (16, 0.5): 0.12, (32, 0.5): 0.11, (64, 0.5): 0.09}
    lines = [
        f"{value},{density},{seed},{error + 0.001 * seed * value / 16}"
        for (value, density), error in errors.items()
        for seed in (0, 1)
    ]
    path.write_text("\n".join(["batch_size,density,seed,test_error", *lines]))
    found = find_phases(from_table.read_table(path), RULE)
    assert sentences.phase_headline(found) == (
        "From batch size 32 to 64, the pruned model gets worse at 10 % and gets better at 50 % density."
    )
    assert "z is not corrected for this" in sentences.unit_of_analysis(found)
    assert (found.to_the_end.hotter, found.to_the_end.colder) == (16, 64)


def test_one_dense_seed_is_said_to_be_one(study):
    found = study[0]
    one = tuple(replace(each, by_seed=each.by_seed[:1], stderr=None) for each in found.transition.differences)
    alone = replace(found, transition=replace(found.transition, differences=one[1:]))
    assert "There is one dense seed" in sentences.unit_of_analysis(alone)
    assert "from one dense seed: 40 epochs is better at 10 %" in sentences.answers(alone)[0].text
