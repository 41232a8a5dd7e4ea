from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import sys
from prunescope.memory import keep_freed
assert sys.argv[1] == "default" or keep_freed()
import torch

def use():
    parts = [torch.ones(8 << 20) for _ in range(4)]  # 32 MiB each
    del parts

for _ in range(6):
    use()  # it takes a few rounds until the heap is large enough
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="speaks of glibc")
def test_freed_tensors_are_used_again_without_new_pages():
    faults = {
        how: int(subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True, text=True).stdout)
        for how in ("default", "kept")
    }
    assert faults["kept"] < 1000 < faults["default"]


def test_other_systems_are_left_alone(monkeypatch):
    from prunescope import memory

    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert memory.keep_freed() is False
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    assert memory.keep_freed() is False
