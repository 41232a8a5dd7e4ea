"""A whole network that was pickled is compared with the one that its weights are loaded into."""

from __future__ import annotations

import sys

import pytest
import torch
from small_checkpoints import assert_loads, small
from torch import nn

from prunescope.api.errors import MismatchError
from prunescope.networks import checkpoints

NETS = """
from torch import nn

class Net(nn.Module):
    def __init__(self, slope=0.0):
        super().__init__()
        self.first, self.act, self.last = nn.Conv2d(1, 4, 3), nn.LeakyReLU(slope), nn.Linear(4, 3)

    def forward(self, x):
        return self.last(self.act(self.first(x)).mean((2, 3)))

def net():
    return Net()
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """Return a module of the working directory; it is not imported any more."""
    (tmp_path / "nets_of_somebody.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("nets_of_somebody")
    yield module
    sys.modules.pop("nets_of_somebody", None)


@pytest.mark.filterwarnings("ignore::torch.serialization.SourceChangeWarning")
@pytest.mark.parametrize("wrap", [nn.Module.eval, nn.DataParallel])
def test_a_pickled_network_that_computes_something_else_is_refused(tmp_path, nets, wrap):
    torch.save(wrap(nets.Net()), tmp_path / "same.pt")
    torch.save(wrap(nets.Net(slope=0.5)), tmp_path / "other.pt")
    model = "nets_of_somebody:net"
    assert checkpoints.load_checkpoint(tmp_path / "same.pt", unsafe=True, model=model).spec.name == model
    with pytest.raises(MismatchError, match=r"Net pickled in '.*' computes something else than 'nets_of_somebody:net'"):
        checkpoints.load_checkpoint(tmp_path / "other.pt", unsafe=True, model=model)


def test_a_pickled_network_of_timm_is_read(tmp_path):
    model = small()
    torch.save({"model": model.half()}, tmp_path / "preresnet8.pt")
    assert_loads(tmp_path / "preresnet8.pt", model.float(), unsafe=True)
