from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from tiny_training import Memory, equal_states, state_of, tiny_data, tiny_net
from torch import nn
from torch.nn.functional import cross_entropy

from prunescope.api.errors import UsageError
from prunescope.networks import masks
from prunescope.training.batches import Batches
from prunescope.training.gradient import plain, sharpness_aware
from prunescope.training.loop import train_epochs
from prunescope.training.optimizers import sgd
from prunescope.training.schedule import Schedule

SGD = {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 5e-2, "nesterov": False}
BATCHES = Batches(size=8)


def train(
    model,
    data,
    *,
    epochs=3,
    batches=BATCHES,
    gradient=plain,
    mask=None,
    seed=0,
    shape="multistep",
    warmup_epochs=0,
    **options,
):
    return train_epochs(
        model,
        data,
        optimizer=sgd(model, **{**SGD, **options}),
        gradient=gradient,
        schedule=Schedule(epochs=epochs, shape=shape, warmup_epochs=warmup_epochs),
        batches=batches,
        mask=mask,
        seed=seed,
    )


@pytest.mark.parametrize("nesterov", [False, True])
def test_steps_agree_with_the_update_by_hand(nesterov):
    """Sutskever et al. 2013 as torch states it: v <- m v + g + d w; w <- w - lr (v, or g + d w + m v)."""
    data, model = tiny_data(16), tiny_net()
    slow = deepcopy(model)
    velocity = [torch.zeros_like(weight) for weight in slow.parameters()]
    order = torch.Generator().manual_seed(4)
    for images, labels in data.train.epoch(8, generator=order):
        gradients = torch.autograd.grad(cross_entropy(slow(images), labels), list(slow.parameters()))
        with torch.no_grad():
            for index, (weight, gradient) in enumerate(zip(slow.parameters(), gradients, strict=True)):
                decayed = gradient + 0.05 * weight
                velocity[index] = 0.9 * velocity[index] + decayed
                weight.sub_(0.2 * (decayed + 0.9 * velocity[index] if nesterov else velocity[index]))
    list(train(model, data, epochs=1, seed=4, shape="constant", learning_rate=0.2, nesterov=nesterov))
    for weight, wanted in zip(model.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(weight, wanted, rtol=1e-4, atol=1e-6)


def test_epochs_tell_the_mean_loss_and_error_over_the_images():
    data, model = tiny_data(22), tiny_net()
    frozen = partial(train, data=data, learning_rate=0.0, epochs=2, seed=1)
    first, second = frozen(model)
    losses, wrong = [], 0
    slow = tiny_net()
    order = torch.Generator().manual_seed(1)
    for images, labels in data.train.epoch(8, generator=order):
        logits = slow(images)
        losses += cross_entropy(logits, labels, reduction="none").tolist()
        wrong += int((logits.argmax(1) != labels).sum())
    assert first.train_loss == pytest.approx(np.mean(losses), rel=1e-6)
    assert first.train_error == wrong / 22
    assert (first.number, first.of, second.number) == (1, 2, 2)
    assert second.train_loss != first.train_loss


def test_epochs_tell_the_learning_rate_of_their_last_step():
    told = [epoch.learning_rate for epoch in train(tiny_net(), tiny_data(), epochs=8)]
    assert told == pytest.approx([0.1] * 4 + [0.01] * 2 + [0.001] * 2)
    warm = [epoch.learning_rate for epoch in train(tiny_net(), tiny_data(24), epochs=8, warmup_epochs=2)]
    assert warm == pytest.approx([0.05, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


class Uneven(Memory):
    """Yields fewer batches than its length promises, as streamed data sets do."""

    def epoch(self, size, *, generator):
        yield from list(Memory.epoch(self, size, generator=generator))[:-1]


class Overlong(Memory):
    """Yields more batches than its length promises."""

    def epoch(self, size, *, generator):
        yield from Memory.epoch(self, size, generator=generator)
        yield from Memory.epoch(self, size, generator=generator)


@pytest.mark.parametrize("split", [Uneven, Overlong])
def test_drops_stay_at_their_epochs_when_batches_are_miscounted(split):
    data = tiny_data(24)
    data = replace(data, train=split(data.train.images, data.train.labels))
    told = [epoch.learning_rate for epoch in train(tiny_net(), data, epochs=8)]
    assert told == pytest.approx([0.1] * 4 + [0.01] * 2 + [0.001] * 2)


def half(model: nn.Module):
    weights = {name: weight.detach().abs() for name, weight in model.named_parameters() if weight.dim() > 1}
    return masks.keep_largest(weights, 0.5, scope="global")


@pytest.mark.parametrize("gradient", ["plain", "sam", "adaptive"])
@pytest.mark.parametrize("nesterov", [False, True])
def test_masked_weights_stay_zero_and_the_others_move(gradient, nesterov):
    model = tiny_net()
    mask = half(model)
    before = state_of(model)
    sharp = partial(sharpness_aware, rho=0.2, adaptive=gradient == "adaptive", mask=mask)
    chosen = plain if gradient == "plain" else sharp
    # the model comes unmasked, its momentum would carry masked weights along
    for _ in train(model, tiny_data(), gradient=chosen, mask=mask, nesterov=nesterov, warmup_epochs=1):
        masks.audit(model, mask)
    for name, kept in mask.kept.items():
        assert (model.state_dict()[name][kept] != before[name][kept]).all()


def test_without_the_mask_they_would_move():
    model = tiny_net()
    mask = half(model)
    masks.apply(model, mask)
    list(train(model, tiny_data()))
    assert model[0].weight[~mask.kept["0.weight"]].any()


@pytest.mark.parametrize("gradient", [plain, partial(sharpness_aware, rho=0.1, adaptive=False, mask=None)])
@pytest.mark.parametrize("batches", [BATCHES, Batches(size=8, augment=False, mixup=0.3)])
def test_a_seed_gives_the_same_weights_to_the_bit(gradient, batches):
    def weights(seed: int):
        model = tiny_net()
        told = list(train(model, tiny_data(), gradient=gradient, batches=batches, seed=seed))
        return state_of(model), told

    first, told = weights(0)
    torch.manual_seed(77)
    again, told_again = weights(0)
    assert equal_states(first, again)
    assert told == told_again
    assert not equal_states(first, weights(1)[0])


def test_training_leaves_the_global_generators_alone():
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    list(train(tiny_net(), tiny_data(), batches=Batches(size=8, mixup=0.2)))
    assert torch.equal(before, torch.get_rng_state())
    assert (before_numpy == np.random.get_state()[1]).all()  # noqa: NPY002


def test_the_caller_may_evaluate_and_copy_between_epochs():
    plain_run = tiny_net()
    list(train(plain_run, tiny_data()))
    model, snapshots = tiny_net(), []
    for _ in train(model, tiny_data()):
        snapshots.append(state_of(model))
        model.eval()
        with torch.no_grad():
            model(tiny_data().test.images)
    assert equal_states(state_of(plain_run), state_of(model))
    assert equal_states(snapshots[-1], state_of(model))
    assert not equal_states(snapshots[0], snapshots[1])


def test_a_run_stopped_early_leaves_the_model_usable():
    stopped = tiny_net()
    epochs = train(stopped, tiny_data(), epochs=4)
    next(epochs)
    epochs.close()
    full = train(other := tiny_net(), tiny_data(), epochs=4)
    next(full)
    assert equal_states(state_of(stopped), state_of(other))
    assert all(weight.grad_fn is None and weight.requires_grad for weight in stopped.parameters())
    stopped.eval()
    assert torch.isfinite(stopped(tiny_data().test.images)).all()


def test_a_stopped_model_can_be_trained_again():
    model = tiny_net()
    epochs = train(model, tiny_data())
    next(epochs)
    del epochs
    assert len(list(train(model, tiny_data(), epochs=2))) == 2


def test_label_smoothing_agrees_with_its_formula():
    data = tiny_data(16)
    (told,) = train(tiny_net(), data, epochs=1, learning_rate=0.0, batches=Batches(size=16, label_smoothing=0.2))
    images, labels = next(data.train.epoch(16, generator=torch.Generator().manual_seed(0)))
    log_p = tiny_net()(images).log_softmax(1)
    wanted = -(0.8 * log_p[torch.arange(16), labels] + 0.2 * log_p.mean(1)).mean()
    assert told.train_loss == pytest.approx(wanted.item(), rel=1e-5)


def test_mixup_trains_on_the_mixed_images_and_targets():
    data = tiny_data(16)
    batches = Batches(size=16, mixup=0.5, label_smoothing=0.1)
    (told,) = train(tiny_net(), data, epochs=1, learning_rate=0.0, batches=batches, seed=2)
    generator = torch.Generator().manual_seed(2)
    draw = np.random.RandomState(int(torch.randint(2**31, (), generator=generator)))
    draw.rand()
    lam = draw.beta(0.5, 0.5)
    images, labels = next(data.train.epoch(16, generator=generator))
    smooth = nn.functional.one_hot(labels, 3) * 0.9 + 0.1 / 3
    logits = tiny_net()(lam * images + (1 - lam) * images.flip(0))
    targets = lam * smooth + (1 - lam) * smooth.flip(0)
    assert told.train_loss == pytest.approx(-(targets * logits.log_softmax(1)).sum(1).mean().item(), rel=1e-5)
    larger = labels if lam > 0.5 else labels.flip(0)
    assert told.train_error == (logits.argmax(1) != larger).float().mean().item()


def test_batches_larger_than_the_data():
    assert len(list(train(tiny_net(), tiny_data(5), batches=Batches(size=512), epochs=2))) == 2


def test_learning_reduces_the_loss():
    told = list(train(tiny_net(), tiny_data(32, noise=0.0), epochs=30, weight_decay=0.0))
    assert told[-1].train_loss < 0.2 < told[0].train_loss
    assert told[-1].train_error < 0.1 < told[0].train_error


def test_weights_are_channels_last():
    model = tiny_net()
    list(train(model, tiny_data(), epochs=1))
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("rate", [1e30, float("inf")])
def test_divergence_is_told_with_the_epoch_the_rate_and_the_fix(rate):
    with pytest.raises(UsageError, match=r"diverged in epoch 1, at learning rate (1e\+30|inf)") as caught:
        list(train(tiny_net(), tiny_data(), learning_rate=rate))
    assert "lower the learning rate" in caught.value.fix


def test_a_weight_that_is_not_finite_after_the_last_step_is_told():
    model = nn.Sequential(nn.Flatten(), nn.Linear(32, 3))
    with pytest.raises(UsageError, match="or a weight is not finite"):
        list(train(model, tiny_data(8), epochs=1, learning_rate=1e39))


def test_a_frozen_model_is_refused():
    model = tiny_net().requires_grad_(False)  # noqa: FBT003
    with pytest.raises(UsageError, match="Sequential has no trainable parameters"):
        train(model, tiny_data())


def test_a_model_without_parameters_is_refused():
    with pytest.raises(UsageError, match="no trainable parameters"):
        train(nn.Flatten(), tiny_data())


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(UsageError, match="nesterov requires momentum"):
        train(tiny_net(), tiny_data(), nesterov=True, momentum=0.0)


def test_one_image_is_no_training_set():
    with pytest.raises(UsageError, match="1 training image gives no batch"):
        list(train(tiny_net(), tiny_data(1)))


def test_frozen_layers_stay_as_they_are():
    model = tiny_net()
    model[0].weight.requires_grad_(False)  # noqa: FBT003
    before = model[0].weight.clone()
    list(train(model, tiny_data()))
    assert torch.equal(model[0].weight, before)


def part(model, data, *, start=0, stop=None, epochs=4, momentum=0.0, **options):
    return train_epochs(
        model,
        data,
        optimizer=sgd(model, **{**SGD, "momentum": momentum, **options}),
        gradient=plain,
        schedule=Schedule(epochs=epochs, start_step=start, stop_step=stop),
        batches=BATCHES,
        mask=None,
        seed=3,
    )


@pytest.mark.parametrize("k", [0, 1, 2, 3, 5, 6, 11, 12])
def test_training_to_a_step_and_on_from_it_is_the_whole_run_to_the_bit(k):
    """Without momentum, which begins anew: order, augmentation, learning rate and running statistics go on."""
    data, whole, parts = tiny_data(), tiny_net(), tiny_net()
    told = list(part(whole, data))
    first = list(part(parts, data, stop=k))
    second = list(part(parts, data, start=k))
    assert equal_states(state_of(whole), state_of(parts))
    assert [epoch.number for epoch in first] == list(range(1, -(-k // 3) + 1))
    assert [epoch.number for epoch in second] == list(range(k // 3 + 1, 5))
    assert {epoch.of for epoch in second} <= {4}
    if k % 3 == 0:
        assert first + second == [
            replace(epoch, of=k // 3 if number < k // 3 else 4) for number, epoch in enumerate(told)
        ]


def test_momentum_begins_anew():
    data, whole, parts = tiny_data(), tiny_net(), tiny_net()
    list(part(whole, data, momentum=0.9))
    list(part(parts, data, momentum=0.9, stop=5))
    list(part(parts, data, momentum=0.9, start=5))
    assert not equal_states(state_of(whole), state_of(parts))


def test_no_step_changes_nothing():
    model = tiny_net()
    before = state_of(model)
    assert list(part(model, tiny_data(), stop=0)) == []
    assert equal_states(before, state_of(model))


@pytest.mark.parametrize(("start", "stop"), [(13, None), (5, 4), (0, 13)])
def test_steps_outside_the_schedule_are_refused(start, stop):
    with pytest.raises(UsageError, match="is not part of a schedule of 12 steps"):
        next(part(tiny_net(), tiny_data(), start=start, stop=stop))
