"""A distribution of one probe that misbehaves as its option says; `install` writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

WAYS = {
    "leaves": "os._exit(0)",
    "stops": "sys.exit(0)",
    "is_killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "raises": "raise RuntimeError('no')",
    "raises_at_the_root": "raise BaseException('no')",
    "is_interrupted": "raise GeneratorExit",
    "exhausts_memory": "raise MemoryError",
    "doubles": "torch.set_default_dtype(torch.float64)",
    "takes_no_gradients": "torch.set_grad_enabled(False)",
    "patches_a_loss": "setattr(torch.nn.functional, 'cross_entropy', lambda *_given, **_options: torch.zeros(()))",
    "patches_numpy": "setattr(np, 'mean', lambda *_given, **_options: 0.0)",
    "moves_away": "os.chdir('/')",
    "takes_threads": "torch.set_num_threads(3)",
    "changes_the_environment": "os.environ.pop('HOME', None)",
    "ignores_signals": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "extends_the_path": "sys.path.insert(0, '/elsewhere')",
    "returns_nothing": "return None",
    "returns_a_number": "return 3",
    "returns_another_unit": "return {'one': Reading(1.0, 5)}",
    "returns_another_count": "return {'one': Reading(1.0, '1', n='many')}",
    "returns_a_nul": "return {'a\\0b': Reading(1.0, '1')}",
    "returns_text": "return {'one': Reading('much', '1')}",
    "returns_no_names": "return {1: Reading(1.0, '1')}",
}
"""What a probe may do -> how it does that."""

MODULE = """
import os, signal, sys
from dataclasses import dataclass
from typing import Annotated
import numpy as np
import torch
from prunescope.api import Option, Probe, Reading

WAYS = {ways}

@dataclass(frozen=True, kw_only=True)
class Misbehaves(Probe):
    \"\"\"Does what it must not.\"\"\"
    how: Annotated[str, Option("what it does")] = "raises"
    replicas = 1
    needs_data = False
    def measure(self, replicas, data, *, seed):
        known = {{}}
        lines = WAYS[self.how].splitlines()
        exec("def act():\\n    " + "\\n    ".join(lines), globals(), known)
        found = known["act"]()
        return {{"one": Reading(1.0, "1")}} if "return" not in WAYS[self.how] else found
"""


def install(folder: Path) -> Path:
    """Write the distribution; return the folder to put on the search path."""
    made = folder / "misbehaving-1.0.dist-info"
    made.mkdir(parents=True)
    (folder / "misbehaving_probes.py").write_text(MODULE.format(ways=repr(WAYS)), encoding="utf-8")
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n", encoding="utf-8")
    line = "[prunescope.probes]\nmisbehaves = misbehaving_probes:Misbehaves\n"
    (made / "entry_points.txt").write_text(line, encoding="utf-8")
    return folder


def with_probe(study: str, how: str) -> str:
    """Return a study that also uses the probe."""
    return study.replace("[axes]", f'[[probes]]\nplugin = "misbehaves"\nhow = "{how}"\n[axes]')
