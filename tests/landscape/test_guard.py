from __future__ import annotations

import pytest
import torch
from tiny_landscape import net

from prunescope.landscape.guard import double, guarded


def test_every_module_gets_its_own_mode_back():
    model = net().train()
    model[1].eval()
    before = [module.training for module in model.modules()]
    with guarded([model]):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == before
    assert before[0] is True
    assert before[2] is False


def test_tf32_is_off_inside_and_as_it_was_outside(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    with guarded([]):
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32


def test_modes_come_back_after_an_error():
    model = net().train()
    with pytest.raises(ZeroDivisionError), guarded([model]):
        1 / 0  # noqa: B018
    assert all(module.training for module in model.modules())


def test_double_is_float64():
    assert double(torch.ones(2, dtype=torch.float16)).dtype == torch.float64
