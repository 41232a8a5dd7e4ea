"""A network of one's own is known by what it computes and by its code, not by its name alone."""

import importlib
import itertools
import json
import sys

import pytest
import torch
from torch import nn

from prunescope.api.errors import InputError
from prunescope.networks import identity, models
from prunescope.networks.identified import identified
from prunescope.networks.spec import ModelSpec

COUNTER = itertools.count()

NETWORK = """
import torch
from torch import nn
from torch.nn import functional as F
from {helper} import act

class Net(nn.Module):
    def __init__(self, num_classes, in_chans):
        super().__init__()
        self.conv = nn.Conv2d(in_chans, 4, 3, padding=1, stride={stride})
        self.drop = nn.Dropout({dropout})
        self.head = nn.Linear(4, num_classes)
        nn.init.{init}_(self.head.weight)

    def forward(self, x):
        x = {forward}
        return self.head(self.drop(x.mean((2, 3))))

def net(num_classes=10, in_chans=1):
    return Net(num_classes, in_chans)
"""

PLAIN = {"forward": "act(self.conv(x))", "stride": "1", "dropout": "0.1", "init": "zeros"}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return a function that writes a network into a module, and returns its spec as a new process would make it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    module = f"mine_{next(COUNTER)}"

    def write(*, act: str = "relu", comment: str = "", **changed: str) -> ModelSpec:
        (tmp_path / f"{module}_helper.py").write_text(f"import torch\ndef act(x):\n    return torch.{act}(x)\n")
        text = NETWORK.format(helper=f"{module}_helper", **{**PLAIN, **changed}) + comment
        (tmp_path / f"{module}.py").write_text(text)
        for name in (module, f"{module}_helper"):
            sys.modules.pop(name, None)
            (tmp_path / "__pycache__").exists() and [each.unlink() for each in (tmp_path / "__pycache__").iterdir()]
        importlib.invalidate_caches()
        return identified(ModelSpec(name=f"{module}:net", num_classes=10, in_chans=1, image_size=(8, 8)))

    return write


CHANGES = [
    {"act": "tanh"},
    {"forward": "torch.tanh(self.conv(x))"},
    {"forward": "F.dropout(act(self.conv(x)), 0.5, self.training)"},
    {"forward": "act(self.conv(x)) + 1e-3"},
    {"stride": "2"},
    {"dropout": "0.2"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_a_change_of_what_it_computes_is_another_network_and_refused_for_its_runs(written, change):
    before = written()
    after = written(**change)
    assert before.identity != after.identity
    with pytest.raises(InputError, match="computes something else than when this run was made"):
        models.create(before, seed=0)
    assert isinstance(models.create(after, seed=0), nn.Module)


def test_other_fresh_weights_are_another_network_that_still_takes_the_weights_of_its_runs(written):
    before, after = written(), written(init="ones")
    assert before.identity != after.identity
    models.create(before, seed=0)


def test_comments_and_layout_change_nothing(written):
    assert written().identity == written(comment="\n\n# no more than this\n").identity
    assert written().identity == written(forward="act( self.conv(x) )  # the plain one").identity


def test_weights_and_their_seed_are_no_part_of_what_it_computes(written):
    spec = written()
    shape = (1, 8, 8)
    digests = {identity.digest_behaviour(models.create(spec, seed=seed), shape) for seed in range(3)}
    assert len(digests) == 1
    assert identity.UNKNOWN not in digests


def test_the_state_of_torch_is_left_alone(written):
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    written()
    assert torch.equal(torch.rand(1), wanted)


def test_registered_networks_are_known_by_their_name():
    for name in ("preresnet8", "resnet18.a1_in1k", "hf-hub:timm/resnet18.a1_in1k"):
        spec = ModelSpec(name=name, num_classes=10, in_chans=1, image_size=(8, 8))
        assert identified(spec) == spec
        assert json.dumps(spec.to_json()) == (
            f'{{"name": "{name}", "num_classes": 10, "in_chans": 1, "image_size": [8, 8], "options": {{}}}}'
        )


def test_the_identity_is_read_back_and_nothing_else_in_its_place(written):
    spec = ModelSpec(name="resnet18", num_classes=2, in_chans=1, image_size=(8, 8), identity=written().identity)
    assert ModelSpec.from_json(spec.to_json()) == spec
    with pytest.raises(InputError, match="not a model's description"):
        ModelSpec.from_json({**spec.to_json(), "identity": "../x"})


class Noisy(nn.Module):
    def forward(self, x):
        return x + next(COUNTER)


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(2, 3)

    def forward(self, x):
        return {"logits": self.embedding(x).mean(1), "more": [x]}


class Fixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 2)

    def forward(self, x):
        return self.head(x.view(-1, 64)).float()


@pytest.mark.parametrize(
    ("model", "shape", "known"),
    [
        (Noisy(), (3,), False),
        (Tokens(), (5,), True),
        (Fixed(), (1, 224, 224), True),
        (nn.Linear(3, 2), (4, 5, 6), False),
    ],
    ids=["no two calls alike", "token ids and a dictionary", "an image of another size", "no input that it takes"],
)
def test_what_can_be_called_has_a_digest(model, shape, known):
    assert (identity.digest_behaviour(model, shape) != identity.UNKNOWN) is known
