from __future__ import annotations

import gc
import platform
import subprocess
import sys

import pytest

FAULTS = """
import contextlib
import os
import resource
import sys

how = sys.argv.pop(1)
if how == "kept":
    from prunescope.runs.scheduling.memory import keep_freed
    assert keep_freed()
elif how == "worker":
    import multiprocessing
    from prunescope.runs.scheduling.local import _start_worker
    _start_worker(os.getppid(), 1, None, multiprocessing.Value("i", 0))
elif how == "program":
    from prunescope.cli import main
    sys.argv.append("--version")
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr):
        main()

import torch

def use():
    parts = [torch.ones(10 << 20) for _ in range(4)]  # 40 MiB each
    del parts

for _ in range(6):
    use()  # it takes a few rounds until the heap is large enough
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="speaks of glibc")
@pytest.mark.parametrize(("how", "kept"), [("default", False), ("kept", True), ("worker", True), ("program", True)])
def test_freed_tensors_are_used_again_without_new_pages(how, kept):
    command = [sys.executable, "-c", FAULTS, how]
    faults = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert (faults < 1000) is kept


def test_other_systems_are_left_alone(monkeypatch):
    from prunescope.runs.scheduling import memory

    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert memory.keep_freed() is False
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    assert memory.keep_freed() is False


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_as_before_also_after_an_error(was_on):
    from prunescope.runs.scheduling.memory import without_collector

    def work():
        assert not gc.isenabled()
        raise KeyError

    before = gc.isenabled()
    (gc.enable if was_on else gc.disable)()
    try:
        with pytest.raises(KeyError), without_collector():
            work()
        assert gc.isenabled() is was_on
    finally:
        (gc.enable if before else gc.disable)()
