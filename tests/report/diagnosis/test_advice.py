from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
import synthetic_study as synthetic

from prunescope.api import Advice, Regime
from prunescope.cli.options import parsing
from prunescope.data.spec import parse_spec
from prunescope.plugins import options, registry
from prunescope.report.common.view import Headline
from prunescope.report.diagnosis import advice, assemble
from prunescope.report.diagnosis.typed import type_model_option
from prunescope.studies.diagnosis.trail import follow_diagnosis


def words(command, line=0):
    """What a shell makes of a command, `dense=$(...)` opened."""
    text = " ".join(command.lines[line])
    return shlex.split(text.removeprefix("dense=$(").removesuffix(")"))


def option(found, name):
    return found[found.index(name) + 1]


def test_knobs_say_what_is_hotter(report):
    knobs = {knob.name: (knob.hotter, knob.colder) for knob in report.knobs}
    assert knobs["epochs"] == ("fewer than 80 epochs", "more than 80 epochs")
    assert knobs["batch_size"] == ("batch smaller than 64", "batch larger than 64")
    assert knobs["learning_rate"] == ("learning rate above 0.1", "learning rate below 0.1")


def test_a_knob_that_is_no_temperature_has_no_direction(imported):
    knob = next(knob for knob in imported.knobs if knob.name == "optimizer")
    assert (knob.value, knob.hotter, knob.colder) == ("sgd", "", "")


def test_nothing_is_below_zero(tmp_path):
    trail = follow_diagnosis(*synthetic.study(tmp_path))
    facts = {**trail.dense.facts, "knobs": {"weight_decay": 0.0}}
    found = advice.knobs(replace(trail, dense=replace(trail.dense, facts=facts)))
    assert (found[0].hotter, found[0].colder) == ("weight decay above 0", "")


def test_raise_halves_the_epochs_and_keeps_the_rest(report):
    train = words(report.commands[0])
    assert train[:3] == ["prunescope", "train", "sgd"]
    assert (option(train, "--epochs"), option(train, "--drops"), option(train, "--seed")) == ("40", "0.4,0.8", "3")
    assert (option(train, "--model"), option(train, "--model-option")) == ("preresnet8", "width=0.5")
    assert option(words(report.commands[0], 1), "--density") == "0.05"


def test_lower_doubles_the_epochs(report):
    assert option(words(report.commands[1]), "--epochs") == "160"


def test_the_options_of_the_next_training_exist(report):
    train = words(report.commands[0])
    flags = {field.flag for field in options.fields(registry.get("trainers", "sgd").load())}
    own = {"--model", "--model-option", "--data", "--seed", "--study"}
    assert {word for word in train if word.startswith("--")} <= flags | own


def test_unresolved_asks_for_more_replicas_of_the_same_question(report, study):
    found = words(report.commands[2])
    assert found[2] == study[0].read(report.id).recipe.inputs[0]
    assert (option(found, "--replicas"), option(found, "--density")) == ("5", "0.1")
    assert "--retrain-epochs" not in found  # 16 is what diagnose takes by itself


def test_a_stranger_is_told_that_his_own_script_serves(imported):
    assert "own training script" in imported.commands[0].why
    assert option(words(imported.commands[0]), "--epochs") == "40"
    assert "--optimizer" not in words(imported.commands[0])


def test_an_optimiser_of_timm_is_trained_with_again(tmp_path):
    trail = follow_diagnosis(*synthetic.study(tmp_path, imported=True))
    training = {"optimizer": "adamw", "learning_rate": 0.002, "epochs": 80, "nesterov": True}
    facts = {**trail.dense.facts, "training": training, "knobs": {"learning_rate": 0.002, "epochs": 80}}
    (command,) = advice.commands(
        replace(trail, dense=replace(trail.dense, facts=facts)), [headline(Advice.RAISE)], study=tmp_path
    )
    found = words(command)
    assert found[1:3] == ["train", "timm"]
    assert (option(found, "--epochs"), option(found, "--learning-rate")) == ("40", "0.002")
    facts = {**facts, "training": training | {"optimizer": "lamb"}}
    (command,) = advice.commands(
        replace(trail, dense=replace(trail.dense, facts=facts)), [headline(Advice.RAISE)], study=tmp_path
    )
    assert option(words(command), "--optimizer") == "lamb"


def test_without_data_or_trainer_there_is_no_command_but_words(tmp_path):
    trail = follow_diagnosis(*synthetic.study(tmp_path, imported=True))
    facts = {**trail.dense.facts, "training": {"optimizer": "lookahead"}}
    trail = replace(trail, dense=replace(trail.dense, facts=facts))
    verdict = headline(Advice.RAISE)
    (command,) = advice.commands(trail, [verdict], study=tmp_path)
    assert command.lines == ()
    assert "fewer epochs" in command.why


def test_a_snapshot_of_the_same_training_comes_before_a_new_one(tmp_path):
    trail = follow_diagnosis(*synthetic.study(tmp_path))
    snapshots = {f"{trail.dense.id}@{epoch}.safetensors": "" for epoch in (10, 30, 60)}
    trail = replace(trail, dense=replace(trail.dense, weights=snapshots))
    (command,) = advice.commands(trail, [headline(Advice.RAISE)], study=tmp_path)
    assert words(command)[2] == f"{trail.dense.id}@30"
    (command,) = advice.commands(trail, [headline(Advice.LOWER)], study=tmp_path)
    assert words(command)[1] == "train"


def test_a_snapshot_was_trained_as_long_as_it_says(tmp_path):
    trail = follow_diagnosis(*synthetic.study(tmp_path))
    trail = replace(trail, reference=f"{trail.dense.id}@20")
    assert advice.known_knobs(trail)["epochs"] == 20


def test_other_knobs_move_where_the_epochs_are_unknown(tmp_path):
    trail = follow_diagnosis(*synthetic.study(tmp_path))
    facts = {**trail.dense.facts, "knobs": {"learning_rate": 0.1}}
    (command,) = advice.commands(
        replace(trail, dense=replace(trail.dense, facts=facts)), [headline(Advice.RAISE)], study=tmp_path
    )
    assert option(words(command), "--learning-rate") == "0.2"


def test_a_dense_vote_alone_leads_to_pruning(dense_only):
    assert option(words(dense_only.commands[0]), "--density") == "0.05,0.1,0.2"


@pytest.mark.parametrize(
    "text",
    ["digits", "patches:noise=0.2,size=16", "torch/cifar10:root=/data", "pkg.mod:factory", "torch/cifar10"],
)
def test_data_text_inverts_parse_spec(text):
    name, values = parse_spec(text)
    assert advice.data_text({"name": name, "options": values}) == text


def test_limited_data_stay_limited(tmp_path):
    trail = follow_diagnosis(*synthetic.study(tmp_path))
    recipe = trail.branches[0].prune.recipe
    limited = replace(recipe, arguments={**recipe.arguments, "data": {**synthetic.DATA, "limit_batches": 4}})
    branches = tuple(
        replace(branch, prune=branch.prune and replace(branch.prune, recipe=limited)) for branch in trail.branches
    )
    dense = trail.dense.recipe
    dense = replace(dense, arguments={**dense.arguments, "data": limited.arguments["data"]})
    trail = replace(trail, branches=branches, dense=replace(trail.dense, recipe=dense))
    (command,) = advice.commands(trail, [headline(Advice.LOWER)], study=tmp_path)
    assert option(words(command), "--limit-batches") == "4"
    assert option(words(command, 1), "--limit-batches") == "4"


def test_a_usual_study_folder_needs_no_flag(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from pathlib import Path

    report = assemble(*synthetic.study(Path("prunescope-study")))
    assert "--study" not in words(report.commands[0])


def test_another_question_is_asked_again_in_its_own_words(tmp_path):
    trail = follow_diagnosis(*synthetic.study(tmp_path))
    branch = trail.branches[1]
    recipe = replace(branch.prune.recipe, plugin="random", arguments={**branch.prune.recipe.arguments, "seed": 7})
    short = tuple(replace(run, history=run.history[:4]) for run in branch.retrainings)
    branch = replace(branch, prune=replace(branch.prune, recipe=recipe), retrainings=short)
    (command,) = advice.commands(replace(trail, branches=(branch,)), [headline(Advice.NONE)], study=tmp_path)
    found = words(command)
    assert (option(found, "--pruner"), option(found, "--retrain-epochs"), option(found, "--seed")) == (
        "random",
        "4",
        "7",
    )


def test_values_are_written_as_flags_take_them():
    source = {"name": "timm", "options": {"root": "birds", "flip": False, "mean": [0.5, 0.25], "image_size": None}}
    assert advice.data_text(source) == "birds:flip=false,image_size=none,mean=0.5,0.25"


def headline(direction):
    return Headline(
        density=0.1,
        label="10 %",
        rule="three-regime",
        regime=Regime.I,
        advice=direction,
        confidence=0.95,
        unsure="",
        because=("measured",),
    )


def test_replicas_that_have_not_learned_are_retrained_longer_not_more_often(tmp_path):
    blank = replace(synthetic.CASES[1], barrier=0.0, ends=0.7)
    made = assemble(*synthetic.study(tmp_path, cases=(synthetic.CASES[0], blank)))
    (command,) = (command for command in made.commands if "10 %" in command.why)
    assert "have not learned at 10 %: retrain for 32 epochs instead of 16, or use a higher density" in command.why
    found = words(command)
    assert (option(found, "--retrain-epochs"), option(found, "--density")) == ("32", "0.1")
    assert "--replicas" not in found


def test_a_dense_model_that_has_not_learned_is_trained_before_anything_is_retrained(tmp_path):
    blank = replace(synthetic.CASES[1], barrier=0.0, ends=0.7)
    trail = follow_diagnosis(*synthetic.study(tmp_path, cases=(blank,)))
    (command,) = advice.commands(trail, [headline(Advice.NONE)], study=tmp_path)
    assert command.why.startswith("Replicas have not learned")
    dense = replace(trail.branches[0], density=1.0, prune=None)
    trail = replace(trail, branches=(*trail.branches[:1], dense))
    (command,) = advice.commands(trail, [headline(Advice.NONE)], study=tmp_path)
    assert command.why.startswith("The dense model has not learned: train it first. Replicas have not learned at 10 %")


def test_abstentions_of_both_kinds_are_answered_each_in_its_way(tmp_path):
    blank = replace(synthetic.CASES[0], barrier=0.0, ends=0.7)
    made = assemble(*synthetic.study(tmp_path, cases=(blank, synthetic.CASES[1])))
    assert [option(words(command), "--density") for command in made.commands] == ["0.05", "0.1"]
    assert [("--replicas" in words(command)) for command in made.commands] == [False, True]


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        2,
        True,
        None,
        "swish",
        "none",
        "1",
        "true",
        "a,b",
        "1,2",
        "",
        [1, 1, 1, 1],
        [0.1],
        [],
        ["a", "b"],
        [[1, 2], [3]],
        [True, None],
    ],
)
def test_an_option_of_a_network_is_read_back_as_it_was(value):
    assert parsing.value(type_model_option(value)) == value
