"""Recording a step: what a graph must do, through the list of operations on a CPU."""

from __future__ import annotations

import gc
import weakref
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from prunescope.networks.capture import NotCapturable, capture_on
from prunescope.networks.capture.cuda_graphs import CudaGraphs
from prunescope.networks.capture.rehearsal import check_copy
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
    assert y.tolist() == [5, 3, 11]
    x.fill_(5)
    repeat()
    assert y.tolist() == [13, 13, 13]
    assert calls == [0, 1, 2, 3]


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


class FakeGraph:
    """Replays by calling what was recorded last: a graph for a machine without one."""

    def __init__(self) -> None:
        self.replays = 0

    def replay(self) -> None:
        self.replays += 1


@pytest.fixture
def _fake_cuda(monkeypatch):
    """The calls of a recording that need a GPU, replaced."""
    stream = SimpleNamespace(wait_stream=lambda _: None)
    fakes = {"CUDAGraph": FakeGraph, "graph_pool_handle": lambda: 0, "Stream": lambda: stream}
    fakes |= {"current_stream": lambda: stream, "stream": nullcontext, "device": nullcontext}
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, *, pool: nullcontext((graph, pool)))


@pytest.mark.usefixtures("_fake_cuda")
def test_what_a_graph_reads_lives_as_long_as_the_graph():
    def recorded():
        constant, y = torch.ones(3), torch.zeros(3)

        def step() -> None:
            y.add_(constant)

        return CudaGraphs().record(step, [y]), weakref.ref(constant)

    repeat, constant = recorded()
    gc.collect()
    assert constant() is not None
    repeat()
    assert repeat.graph.replays == 1
    del repeat
    gc.collect()
    assert constant() is None


@pytest.mark.usefixtures("_fake_cuda")
@pytest.mark.parametrize("capture", [CudaGraphs, Tape])
def test_every_step_of_the_warm_up_starts_from_the_given_state(capture):
    position, room = torch.zeros(1, dtype=torch.int64), torch.zeros(1)

    def step() -> None:
        room.index_fill_(0, position, 1.0)
        position.add_(1)

    capture().record(step, [position, room])
    assert (position.tolist(), room.tolist()) == ([0], [0.0])


@pytest.mark.usefixtures("_fake_cuda")
def test_a_graph_is_refused_where_a_value_is_read_on_the_host():
    y = torch.ones(2)
    with pytest.raises(NotCapturable, match="it reads a value on the host"):
        CudaGraphs().record(lambda: y.mul_(float(y.sum())), [y])
    assert y.tolist() == [1.0, 1.0]


def test_copies_between_host_and_device_are_refused():
    host, device = torch.zeros(2), torch.zeros(2, device="meta")
    for source, copy, reason in (
        (host, device, "it copies values from the host"),
        (device, host, "it reads a value on the host"),
    ):
        with pytest.raises(NotCapturable, match=reason):
            check_copy(source, copy)
    check_copy(host, host)
    check_copy(device, device)


def test_a_recording_keeps_its_memory_where_a_tensor_gets_another():
    weight, y = nn.Parameter(torch.ones(2)), torch.zeros(2)
    memory = weight.detach()

    def step() -> None:
        with torch.no_grad():
            weight.add_(1.0)
        y.copy_(weight.detach())

    repeat = capture_on(CPU).record(step, [memory, y])
    weight.data = torch.full((2,), 50.0)
    repeat()
    assert (memory.tolist(), y.tolist(), weight.tolist()) == ([2, 2], [2, 2], [50, 50])
