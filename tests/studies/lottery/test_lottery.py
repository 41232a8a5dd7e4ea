"""The recipes of iterative pruning: what starts from what, and what is shared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prunescope.api.errors import UsageError
from prunescope.data import sources
from prunescope.data.spec import Source
from prunescope.networks.spec import ModelSpec
from prunescope.plugins import registry
from prunescope.runs.recipe import run_of
from prunescope.runs.scheduling import groups
from prunescope.runs.store import Store
from prunescope.studies.lottery import instability, lottery

SPEC = ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8))


def question(**options):
    return lottery.IterativePruning(
        model=SPEC,
        data=Source(name="patches", fingerprint="0123"),
        trainer=registry.make("trainers", "sgd", {"epochs": 10, "learning_rate": 0.2, **options}),
        total=100,
        pruner=registry.make("pruners", "magnitude", {}),
        densities=(0.5, 0.25, 0.125),
        seeds=(0, 1),
        probes=(registry.make("probes", "errors", {}),),
    )


def by_id(found):
    return {recipe.id: recipe for one in found for recipe in one.recipes}


def parent(recipe, steps, position=0):
    return steps[run_of(recipe.inputs[position])]


@pytest.mark.parametrize("method", lottery.METHODS)
def test_every_step_comes_after_what_it_needs(method):
    asked = question()
    found = lottery.tickets(asked, step=20, seed=1, method=method, controls=lottery.CONTROLS)
    before = {lottery.dense(asked, seed=1).id}
    for ticket in found:
        for recipe in ticket.recipes:
            assert {run_of(reference) for reference in recipe.inputs} <= before, recipe
            before.add(recipe.id)


def test_weights_go_back_to_the_step_and_each_round_prunes_the_one_before():
    asked = question()
    found = lottery.tickets(asked, step=20, seed=1, method="weights")
    steps = by_id(found) | {lottery.dense(asked, seed=1).id: lottery.dense(asked, seed=1)}
    start = lottery.at_step(asked, step=20, seed=1)
    assert start.options == {"epochs": 10, "learning_rate": 0.2, "stop_step": 20}
    source = lottery.dense(asked, seed=1)
    for level, ticket in enumerate(found, start=1):
        rewound = parent(ticket.trained, steps)
        pruned, weights = parent(rewound, steps), parent(rewound, steps, 1)
        assert (ticket.level, ticket.density, pruned.arguments["density"]) == (level, 0.5**level, 0.5**level)
        assert weights == start
        assert parent(pruned, steps) == source
        assert ticket.trained.options == {"epochs": 10, "learning_rate": 0.2, "start_step": 20}
        source = ticket.trained


def test_the_rate_goes_back_without_the_weights():
    asked = question()
    found = lottery.tickets(asked, step=20, seed=0, method="rate")
    steps = by_id(found)
    assert [parent(ticket.trained, steps).step for ticket in found] == ["prune"] * 3
    assert {ticket.trained.options["start_step"] for ticket in found} == {20}
    assert parent(found[1].made[-1], steps) == found[0].trained


def test_fine_tuning_holds_the_last_rate_for_as_long():
    found = lottery.tickets(question(), step=20, seed=0, method="fine-tune")
    options = found[0].trained.options
    assert options == {"epochs": 10, "learning_rate": pytest.approx(0.002), "schedule": "constant", "start_step": 20}


@pytest.mark.parametrize(("drops", "rate"), [((0.5, 0.75), 0.002), ((0.5, 1.0), 0.02), ((), 0.2)])
def test_the_last_rate_is_that_of_the_last_step(drops, rate):
    trainer = registry.make("trainers", "sgd", {"epochs": 10, "learning_rate": 0.2, "drops": drops}).instance
    assert trainer.held_rate(total=100)["learning_rate"] == pytest.approx(rate)


def test_a_rate_that_falls_to_zero_cannot_be_held():
    with pytest.raises(UsageError, match="ends at zero"):
        lottery.tickets(question(schedule="cosine"), step=0, seed=0, method="fine-tune")


def test_controls_differ_from_the_ticket_in_one_thing_each():
    found = lottery.tickets(question(), step=20, seed=1, method="weights", controls=lottery.CONTROLS)
    steps = by_id(found)
    plain, random, reinit = found[:3]
    assert [ticket.control for ticket in found[:3]] == ["", "random", "reinit"]
    own, drawn, anew = (parent(ticket.trained, steps) for ticket in (plain, random, reinit))
    assert own.inputs == drawn.inputs
    assert drawn.arguments == {"shuffle": 1}
    assert anew.inputs[0] == own.inputs[0]
    fresh = parent(anew, steps, 1)
    assert fresh.options["stop_step"] == 0
    assert fresh.arguments["seed"] == lottery.OTHER_START + 1
    assert random.trained.options == plain.trained.options
    assert "start_step" not in reinit.trained.options
    assert all(parent(found[3].made[1], steps) == plain.trained for _ in found)


def test_gradual_pruning_trains_on_between_rounds_and_each_density_to_the_end():
    found = lottery.tickets(question(), step=20, seed=0, method="gradual")
    steps = by_id(found)
    ends = [ticket.trained for ticket in found]
    assert [end.options["start_step"] for end in ends] == [20, 40, 60]
    assert all("stop_step" not in end.options for end in ends)
    pruned = [parent(end, steps) for end in ends]
    trunk = [parent(prune, steps) for prune in pruned]
    assert trunk[0] == lottery.at_step(question(), step=20, seed=0)
    assert [(run.options["start_step"], run.options["stop_step"]) for run in trunk[1:]] == [(20, 40), (40, 60)]
    assert [parent(run, steps) for run in trunk[1:]] == pruned[:2]


def test_rounds_are_never_trained_together(tmp_path):
    """Trainings that differ in their inputs only may share a call; those of later rounds need the earlier ones."""
    asked = replace(question(), data=sources.describe("patches:images=64,test_images=20"), total=20)
    steps = {}
    for method in lottery.METHODS:
        for seed in asked.seeds:
            dense = lottery.dense(asked, seed=seed)
            steps |= {dense.id: dense} | by_id(lottery.tickets(asked, step=2, seed=seed, method=method))

    def needs(recipe):
        before = {run_of(reference) for reference in recipe.inputs}
        return before.union(*(needs(steps[run_id]) for run_id in before))

    found = groups.divide_recipes(list(steps.values()), Store(tmp_path), device="cpu")
    assert found
    for group in found.values():
        members = {recipe.id for recipe in group}
        assert all(members.isdisjoint(needs(recipe)) for recipe in group)


def test_seeds_share_nothing_and_retraining_never_repeats_the_dense_noise():
    asked = question()
    first, second = (lottery.tickets(asked, step=20, seed=seed, method="weights") for seed in (0, 1))
    assert not by_id(first).keys() & by_id(second).keys()
    seeds = {lottery.noise(seed, copy=copy) for seed in range(5) for copy in range(4)}
    assert len(seeds) == 20
    assert not seeds & set(range(5))


def test_methods_share_the_dense_run_and_the_first_pruning():
    asked = question()
    weights, rate = (lottery.tickets(asked, step=20, seed=0, method=method) for method in ("weights", "rate"))
    assert weights[0].made[1] == rate[0].made[0]


def test_a_trainer_without_steps_is_refused():
    bare = replace(question().trainer, instance=question().pruner.instance)
    with pytest.raises(UsageError, match="has no option 'epochs'"):
        lottery.check_trainer(bare)


def test_copies_part_at_the_step_and_differ_in_their_noise():
    asked, lmc = question(), registry.make("probes", "lmc", {})
    found = instability.dense_parting(asked, step=30, seed=1, copies=3, lmc=lmc)
    assert [run.inputs for run in found.copies] == [(lottery.at_step(asked, step=30, seed=1).id,)] * 3
    assert len({run.arguments["seed"] for run in found.copies}) == 3
    assert {run.options["start_step"] for run in found.copies} == {30}
    assert found.line.inputs == tuple(run.id for run in found.copies)


def test_masked_copies_are_those_of_the_last_round():
    asked, lmc = question(), registry.make("probes", "lmc", {})
    tickets = lottery.tickets(asked, step=30, seed=1, method="weights")
    found = instability.masked_parting(asked, step=30, seed=1, copies=2, lmc=lmc)
    assert found.density == 0.125
    assert found.copies[0] == tickets[-1].trained
    assert {run.inputs for run in found.copies} == {tickets[-1].trained.inputs}
    assert [run.id for run in found.made if run.step == "retrain"] == [ticket.trained.id for ticket in tickets[:-1]]
