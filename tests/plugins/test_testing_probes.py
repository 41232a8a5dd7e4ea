"""check_probe fails on each defect of a probe."""

from __future__ import annotations

import random
from typing import Annotated

import pytest
import torch
from defects import fails, plugin

from prunescope.api import Option, Probe, Reading
from prunescope.plugins.testing import check_probe, toy_replicas


def probe(act, *, replicas=1, **members):
    def measure(self, replicas, data, *, seed):  # noqa: ARG001
        found = act(replicas, data)
        return found if isinstance(found, dict | list) else {"one": Reading(1.0, unit="1")}

    return plugin(Probe, measure=measure, members={"replicas": replicas, **members})


def weight(replicas):
    return replicas[0].model[0].weight


def forward(replicas, data):
    return [replicas[0].model(images) for images, _ in data.test.batches(64)]


def mean_error_of_classes(replicas, data):
    images, labels = next(data.test.batches(100))
    wrong = (replicas[0].model(images).argmax(1) != labels).float().detach()
    return {"error": Reading(float(sum(wrong[labels == label].mean() for label in range(4))), unit="fraction")}


def change_images(replicas, data):  # noqa: ARG001
    for images, _ in data.train.batches(64):
        images.mul_(2)


def changes_buffers(replicas, data):
    replicas[0].model.train()
    forward(replicas, data)
    replicas[0].model.eval()


def leaves_gradients(replicas, data):
    sum(logits.sum() for logits in forward(replicas, data)).backward()


def changes_mask(replicas, _):
    if replicas[0].mask:
        replicas[0].mask.kept["0.weight"].logical_not_()


def forgets_batches_of_one(replicas, data):
    for logits in forward(replicas, data):
        logits.squeeze().argmax(1)


def views_channels_last(replicas, _):
    weight(replicas).view(-1)


DEFECTIVE_PROBES = {
    "it changes parameter '0.weight'": lambda given, _: weight(given).data.add_(1e-6),
    "it changes buffer '1.running_mean'": changes_buffers,
    "it changes train/eval mode of '1'": lambda given, _: given[0].model[1].train(),
    "it changes requires_grad of '0.weight'": lambda given, _: weight(given).requires_grad_(requires_grad=False),
    "it changes the gradient of '0.weight'": leaves_gradients,
    "it changes the hooks of '0'": lambda given, _: given[0].model[0].register_forward_hook(print),
    "it changes the mask of '0.weight'": changes_mask,
    "it changes the training images": change_images,
    "it changes torch's grad mode": lambda *_: torch.set_grad_enabled(False),
    "is not finite": lambda *_: {"one": Reading(float("nan"), unit="1")},
    "has no unit": lambda *_: {"one": Reading(1.0, unit="")},
    "names the axes": lambda *_: {"one": Reading(torch.ones(2).numpy(), unit="1")},
    "not readings": lambda *_: [1.0],
    "reading 'one' is .*, then .* for the same seed": lambda *_: {"one": Reading(random.random(), unit="1")},
    r"it returns \['0.*then": lambda *_: {f"{random.random()}": Reading(1.0, unit="1")},
    "other readings for another replica": lambda given, _: {given[0].run: Reading(1.0, unit="1")},
    "on dense replicas: AttributeError": lambda given, _: {"one": Reading(given[0].mask.density, unit="1")},
    "on pruned replicas: RuntimeError: view": views_channels_last,
    "on pruned replicas: IndexError": forgets_batches_of_one,
    "on data without one class: .*\\n?.*is not finite": mean_error_of_classes,
}


@pytest.fixture(autouse=True)
def grad_mode():
    yield
    torch.set_grad_enabled(True)


@pytest.mark.parametrize("message", DEFECTIVE_PROBES)
def test_defects_of_probes(message):
    fails(check_probe, probe(DEFECTIVE_PROBES[message]), message)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"replicas": 3}, "replicas is 3"),
        ({"passes": lambda *_, **__: float("nan")}, "passes.* is nan"),
        ({"passes": lambda *_, **__: 0.0}, "above 0"),
        ({"passes": lambda *_, **__: -1.0, "needs_data": False}, "at least 0"),
        ({"__annotations__": {"needs_data": Annotated[bool, Option("help")]}, "needs_data": True}, "class variable"),
    ],
)
def test_defects_of_a_probes_class_variables(members, message):
    fails(check_probe, probe(lambda *_: None, **members), message)


def test_a_probe_that_needs_no_data_must_work_without():
    free = {"needs_data": False, "passes": lambda *_, **__: 0.0}
    check_probe(probe(lambda *_: None, **free))
    fails(check_probe, probe(lambda _, data: len(data.train), **free), "on replicas without data: AttributeError")


@pytest.mark.parametrize(("replicas", "sizes"), [(0, {0}), (1, {1}), (2, {2}), ("any", {3})])
def test_a_probe_gets_as_many_replicas_as_it_asks_for(replicas, sizes):
    seen = set()
    check_probe(probe(lambda given, _: seen.add(len(given)), replicas=replicas))
    assert seen == sizes


def test_a_small_batch_size_is_tried():
    def measure(self, replicas, data, *, seed):  # noqa: ARG001
        return {"size": Reading(1 / (self.batch_size - 16) if self.batch_size != 16 else float("inf"), unit="1")}

    members = {"replicas": 1, "batch_size": 64, "__annotations__": {"batch_size": Annotated[int, Option("help")]}}
    fails(check_probe, plugin(Probe, measure=measure, members=members), "on batches of 16")


def test_seconds_need_not_repeat():
    check_probe(probe(lambda *_: {"latency": Reading(random.random(), unit="second")}))


def test_the_replicas_given_are_measured_and_the_readings_returned():
    def act(replicas, _):
        return {"density": Reading(replicas[0].mask.density, unit="fraction")}

    assert check_probe(probe(act), replicas=toy_replicas(2, density=0.5))["density"].value == 0.5
    fails(check_probe, probe(act, replicas=2), "only 1 are given", replicas=toy_replicas(1, density=0.5))
