"""Which device a step runs on, without one."""

from __future__ import annotations

import contextvars

import pytest
import torch

from prunescope.runs.scheduling import devices


def machine(monkeypatch, gpus: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)


@pytest.mark.parametrize(
    ("gpus", "text", "slot", "device"),
    [
        (0, "auto", 0, "cpu"),
        (0, "cuda", 0, "cuda"),
        (0, "cpu", 3, "cpu"),
        (1, "auto", 0, "cuda"),
        (1, "auto", 3, "cuda"),
        (1, "cpu", 0, "cpu"),
        (2, "auto", 0, "cuda:0"),
        (2, "auto", 3, "cuda:1"),
        (2, "cuda", 4, "cuda:0"),
        (2, "cuda:1", 0, "cuda:1"),
        (2, "cpu", 1, "cpu"),
    ],
)
def test_a_worker_uses_its_own_gpu(monkeypatch, gpus, text, slot, device):
    machine(monkeypatch, gpus)

    def resolved() -> str:
        devices.take_slot(slot)
        return devices.resolve(text)

    assert contextvars.copy_context().run(resolved) == device


@pytest.mark.parametrize(
    ("gpus", "text", "workers"),
    [(0, "auto", 0), (0, "cpu", 0), (2, "cpu", 0), (1, "auto", 1), (4, "auto", 4), (4, "cuda", 4), (4, "cuda:2", 1)],
)
def test_a_gpu_has_one_worker_and_a_core_too(monkeypatch, gpus, text, workers):
    machine(monkeypatch, gpus)
    assert devices.workers(text) == workers
