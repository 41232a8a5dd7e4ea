from __future__ import annotations

import pytest
import torch
from tiny_landscape import learnable_data, net, same_state, state_of
from tiny_training import Memory
from torch import nn

from prunescope.api.errors import UsageError
from prunescope.landscape.features import layer_features, match_layers, output_logits


class Twice(nn.Module):
    """Calls one module twice, one never, and one that returns a tuple."""

    def __init__(self):
        nn.Module.__init__(self)
        self.shared = nn.Linear(3, 3)
        self.never = nn.Linear(3, 3)
        self.lstm = nn.LSTM(3, 3)

    def forward(self, images):
        rows = images.flatten(1)[:, :3]
        return self.shared(self.shared(rows)) + self.lstm(rows)[0]


@pytest.mark.parametrize("batch_size", [7, 20, 500])
def test_features_of_the_first_images_do_not_depend_on_the_batches(batch_size):
    data, model = learnable_data(), net()
    images = data.train.images[:20]
    assert torch.allclose(output_logits(model, data.train, images=20, batch_size=batch_size), model(images), atol=1e-6)
    found = layer_features(model, "4", data.train, images=20, batch_size=batch_size)
    assert torch.allclose(found, model[:5](images).flatten(1), atol=1e-6)


def test_an_in_place_activation_does_not_reach_the_features():
    data, model = learnable_data(), net()
    images = data.train.images[:10].contiguous()  # flattening a channels_last output would copy it anyway
    before = layer_features(model, "1", Memory(images, data.train.labels[:10]), images=10, batch_size=10)
    assert torch.allclose(before, model[:2](images).flatten(1), atol=1e-6)
    assert before.min() < 0


def test_all_images_when_there_are_fewer():
    data = learnable_data(train=15)
    assert output_logits(net(), data.train, images=6464, batch_size=8).shape == (15, 3)


def test_the_model_is_left_as_it_was():
    data, model = learnable_data(), net(dropout=0.5).train()
    before = state_of(model)
    layer_features(model, "7", data.train, images=10, batch_size=5)
    output_logits(model, data.train, images=10, batch_size=5)
    assert same_state(before, state_of(model))


def test_a_module_called_twice_gives_both_outputs():
    data, model = learnable_data(), Twice()
    found = layer_features(model, "shared", data.train, images=4, batch_size=4)
    once = model.shared(data.train.images[:4].flatten(1)[:, :3])
    assert torch.allclose(found, torch.cat([once, model.shared(once)], dim=1), atol=1e-6)


def test_layers_that_cannot_be_compared_are_refused():
    data, model = learnable_data(), Twice()
    with pytest.raises(UsageError, match="'never' is never called"):
        layer_features(model, "never", data.train, images=4, batch_size=4)
    with pytest.raises(UsageError, match="'lstm' returns tuple"):
        layer_features(model, "lstm", data.train, images=4, batch_size=4)
    with pytest.raises(UsageError, match="no layer of the model matches 'share'") as caught:
        layer_features(model, "share", data.train, images=4, batch_size=4)
    assert "shared" in caught.value.fix
    assert not model.lstm._forward_hooks
    with pytest.raises(UsageError, match="no features of 0 images"):
        output_logits(net(), data.train, images=0, batch_size=4)


def test_patterns_stand_for_layers_and_names_for_any_module():
    model = nn.Sequential(nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU()), nn.Linear(1, 1))
    assert match_layers(model, ["*"]) == ["0.0", "0.1", "1"]
    assert match_layers(model, ["1", "0", "0.?"]) == ["0", "0.0", "0.1", "1"]
    assert match_layers(model, []) == []
    with pytest.raises(UsageError, match=r"'2\*'"):
        match_layers(model, ["1", "2*"])
