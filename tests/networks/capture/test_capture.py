"""Recording a step: what a graph must do, through the list of operations on a CPU."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from prunescope.networks.capture import NotCapturable, capture_on
from prunescope.networks.capture.cuda_graphs import CudaGraphs
from prunescope.networks.capture.tape import Tape

CPU = torch.device("cpu")


def test_a_device_has_its_capture():
    assert isinstance(capture_on(CPU), Tape)
    assert isinstance(capture_on(torch.device("cuda", 1)), CudaGraphs)


def test_a_repetition_reads_the_tensors_anew_and_python_no_more():
    x, y, calls = torch.ones(3), torch.zeros(3), []

    def step() -> None:
        calls.append(len(calls))
        y.copy_(x.relu() * 2 + calls[-1])

    repeat = capture_on(CPU).record(step, [y])
    assert y.tolist() == [0, 0, 0]
    x.copy_(torch.tensor([1.0, -1.0, 4.0]))
    repeat()
    assert y.tolist() == [2, 0, 8]
    x.fill_(5)
    repeat()
    assert y.tolist() == [10, 10, 10]
    assert calls == [0]


def test_backward_passes_are_repeated_and_autograd_does_not_see_it():
    weight, x, found = nn.Parameter(torch.tensor([1.0, 2.0])), torch.tensor([3.0, 4.0]), torch.zeros(2)

    def step() -> None:
        (gradient,) = torch.autograd.grad(((weight * x) ** 2).sum(), weight)
        found.copy_(gradient)

    repeat = capture_on(CPU).record(step, [found])
    value = (found * weight).sum()
    x.fill_(1.0)
    with torch.no_grad():
        weight.copy_(torch.tensor([5.0, 6.0]))
    repeat()
    assert found.tolist() == [10.0, 12.0]
    value.backward()


def test_views_and_what_is_written_in_place_keep_their_place():
    x, y = torch.arange(6.0).view(2, 3), torch.zeros(2)

    def step() -> None:
        inner = x.T[1:] + 0.0
        inner[0].add_(10)
        y.copy_(inner.sum(0))

    repeat = capture_on(CPU).record(step, [y])
    repeat()
    assert y.tolist() == [13, 19]
    x.mul_(2)
    repeat()
    assert y.tolist() == [16, 28]


def test_random_numbers_go_on_from_the_generator():
    y = torch.zeros(4)
    torch.manual_seed(3)

    def step() -> None:
        y.copy_(torch.rand(4))

    repeat = capture_on(CPU).record(step, [y])
    repeat()
    first = y.clone()
    repeat()
    torch.manual_seed(3)
    assert torch.equal(first, torch.rand(4))
    assert torch.equal(y, torch.rand(4))


def test_the_state_is_as_before_when_a_step_cannot_be_recorded():
    y = torch.zeros(2)

    def step() -> None:
        y.add_(1)
        y.mul_(float(y.sum()))

    with pytest.raises(NotCapturable, match="it reads a value on the host"):
        capture_on(CPU).record(step, [y])
    assert y.tolist() == [0, 0]


@pytest.mark.parametrize(
    "step",
    [
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: torch.masked_select(x, x > 0),
        torch.unique,
        lambda x: x.index_put_((x > 0,), torch.ones(())),
    ],
)
def test_sizes_that_depend_on_values_are_refused(step):
    with pytest.raises(NotCapturable, match="the size of a tensor depends on values"):
        capture_on(CPU).record(lambda: step(torch.arange(3.0)))


@pytest.mark.parametrize("step", [lambda x: x.item(), bool, lambda x: x.equal(x)])
def test_values_on_the_host_are_refused(step):
    with pytest.raises(NotCapturable, match="it reads a value on the host"):
        capture_on(CPU).record(lambda: step(torch.ones(())))
