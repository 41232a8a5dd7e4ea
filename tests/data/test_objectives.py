"""Every objective against plain formulas, and through the paths that evaluate or train several networks at once."""

import copy
import math

import objective_data
import pytest
import torch
from torch import nn

from prunescope.api import CLASSIFICATION
from prunescope.api.errors import UsageError
from prunescope.data.objectives import DenseClassification, MultiLabel, Regression, SparseMap
from prunescope.data.tensors import from_tensors
from prunescope.landscape import connectivity
from prunescope.landscape.connectivity import lines
from prunescope.landscape.evaluate import outcomes
from prunescope.landscape.hessian import GradientOfWeights, weights
from prunescope.plugins.testing import check_objective
from prunescope.pruning.gradient import gradient_magnitude
from prunescope.training.trainers.sam import Sam
from prunescope.training.trainers.sgd import Sgd


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def whole(high, *shape, seed=0):
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(seed))


LABELS = whole(4, 4, 4, 5)

POSITIONS = torch.tensor([[3, 19], [7, -1], [0, 5], [-1, -1]])

CASES = {
    "classification": (CLASSIFICATION, drawn(4, 7), whole(7, 4)),
    "multi-label": (MultiLabel(), drawn(4, 5), whole(2, 4, 5)),
    "regression": (Regression(variance=(2.0, 0.5)), drawn(4, 2), drawn(4, 2, seed=1)),
    "one number": (Regression(variance=(2.0,)), drawn(4, 1), drawn(4, seed=1)),
    "dense": (DenseClassification(), drawn(4, 3, 4, 5), torch.where(LABELS == 3, -100, LABELS)),
    "map": (SparseMap(top=3), drawn(4, 1, 4, 5), POSITIONS),
}


def by_hand(name, objective, z, y):
    """Loss and error of one example, number by number."""
    if name == "classification":
        return -z.log_softmax(0)[y].item(), float(z.argmax() != y)
    if name == "multi-label":
        chances = [math.log(1 / (1 + math.exp(-v if t else v))) for v, t in zip(z.tolist(), y.tolist(), strict=True)]
        wrong = sum((v > 0) != bool(t) for v, t in zip(z.tolist(), y.tolist(), strict=True))
        return -sum(chances) / len(chances), wrong / len(chances)
    if name in ("regression", "one number"):
        gaps = [(a - b) ** 2 for a, b in zip(z.reshape(-1).tolist(), y.reshape(-1).tolist(), strict=True)]
        share = sum(gap / v for gap, v in zip(gaps, objective.variance, strict=True)) / len(gaps)
        return sum(gaps) / len(gaps), min(1, share)
    if name == "dense":
        seen = [(z[:, r, c], int(y[r, c])) for r in range(4) for c in range(5) if y[r, c] != -100]
        losses = [-column.log_softmax(0)[label].item() for column, label in seen]
        return sum(losses) / len(seen), sum(column.argmax().item() != label for column, label in seen) / len(seen)
    flat, labels = z.flatten(), [label for label in y.tolist() if label >= 0]
    if not labels:
        return 0.0, 0.0
    likely = sorted(range(20), key=lambda place: -flat[place])[: objective.top]
    losses = [math.log(flat.exp().sum().item()) - flat[label].item() for label in labels]
    return sum(losses) / len(labels), sum(label not in likely for label in labels) / len(labels)


@pytest.mark.parametrize("name", CASES)
def test_losses_and_errors_follow_the_formula(name):
    objective, outputs, targets = CASES[name]
    losses, errors = objective.losses(outputs, targets), objective.errors(outputs, targets)
    assert losses.shape == errors.shape == (4,)
    for number in range(4):
        loss, error = by_hand(name, objective, outputs[number], targets[number])
        assert losses[number].item() == pytest.approx(loss, abs=1e-5)
        assert errors[number].item() == pytest.approx(error, abs=1e-6)
    assert objective.mean_loss(outputs, targets).item() == pytest.approx(losses.mean().item(), rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_it_is_an_objective(name):
    check_objective(*CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_each_example_counts_by_itself(name):
    objective, outputs, targets = CASES[name]
    one = objective.losses(outputs[1:2], targets[1:2])
    torch.testing.assert_close(one, objective.losses(outputs, targets)[1:2])
    wide = outputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(objective.losses(wide, targets)[1], wide)
    assert gradient[1].any()
    assert not gradient[[0, 2, 3]].any()


@pytest.mark.parametrize("name", CASES)
def test_a_network_agrees_with_itself_and_errors_lie_between_0_and_1(name):
    objective, outputs, targets = CASES[name]
    assert not objective.errors(outputs, objective.predictions(outputs)).any()
    for scale in (0.0, 1.0, 1e4):
        errors = objective.errors(outputs * scale, targets).float()
        assert ((errors >= 0) & (errors <= 1)).all()
    other = drawn(*outputs.shape, seed=5)
    first, second = (objective.errors(a, objective.predictions(b)) for a, b in ((outputs, other), (other, outputs)))
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("name", CASES)
def test_the_representation_has_one_row_for_each_example(name):
    objective, outputs, _ = CASES[name]
    rows = objective.representation(outputs)
    assert (rows.dtype, rows.dim(), len(rows)) == (torch.float64, 2, 4)
    found = objective.distributions(outputs)
    if found is not None:
        torch.testing.assert_close(found.sum(-1), torch.ones(found.shape[:-1], dtype=torch.float64))


def best_constant(objective, targets, candidates):
    return min(
        float(objective.errors(z.expand(len(targets), *z.shape[1:]), targets).double().mean()) for z in candidates
    )


def test_chance_is_the_error_of_the_best_output_that_is_the_same_for_all():
    labels = torch.tensor([0, 1, 1, 2])
    assert CLASSIFICATION.chance(labels) == best_constant(CLASSIFICATION, labels, torch.eye(3)[:, None])
    sets = whole(2, 30, 3)
    signs = torch.tensor([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)])[:, None]
    assert MultiLabel().chance(sets) == pytest.approx(best_constant(MultiLabel(), sets, signs), abs=1e-6)
    masks, dense = CASES["dense"][2], DenseClassification()
    maps = [torch.eye(3)[None, number, :, None, None].expand(1, 3, 4, 5) for number in range(3)]
    assert dense.chance(masks) == pytest.approx(best_constant(dense, masks, maps), abs=1e-6)
    places, one = torch.tensor([[3, 4], [3, 9], [9, -1], [9, 3]]), SparseMap(top=1)
    spots = [torch.eye(20)[None, number] for number in range(20)]
    assert one.chance(places) == pytest.approx(best_constant(one, places, spots), abs=1e-6)
    numbers = drawn(200, 2)
    plain = Regression.of(numbers)
    assert plain.chance(numbers) == pytest.approx(
        best_constant(plain, numbers, [numbers.mean(0, keepdim=True)]), abs=1e-6
    )
    assert 0.4 < plain.chance(numbers) < 0.8


def test_regression_errors_are_the_variance_that_is_left():
    targets = drawn(500) * 3 + 1
    objective = Regression.of(targets)
    outputs = targets + 0.3 * drawn(500, seed=1)
    unexplained = float(((outputs - targets) ** 2).mean() / targets.var(correction=0))
    assert float(objective.errors(outputs, targets).mean()) == pytest.approx(unexplained, rel=1e-5)
    with pytest.raises(UsageError, match="variance 0"):
        Regression.of(torch.ones(5))


@pytest.mark.parametrize(
    ("objective", "outputs", "targets"),
    [
        (MultiLabel(), drawn(4, 5), whole(2, 4, 6)),
        (Regression(variance=(1.0,)), drawn(4, 3), drawn(4)),
        (DenseClassification(), drawn(4, 3, 2, 2), whole(3, 4, 4, 4)),
        (SparseMap(), drawn(4, 1, 4, 4), drawn(4, 2)),
    ],
)
def test_outputs_that_do_not_fit_are_an_error(objective, outputs, targets):
    with pytest.raises(UsageError, match="wanted"):
        objective.losses(outputs, targets)


def networks(data, count):
    build = objective_data.pixels if data.image_size else objective_data.perceptron
    found = []
    for seed in range(count):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            found.append(build(num_classes=data.num_classes, in_chans=data.in_chans))
    return found


DATA = {"label sets": objective_data.label_sets, "numbers": objective_data.numbers, "masks": objective_data.masks}


@pytest.mark.parametrize("make", DATA.values(), ids=DATA)
@pytest.mark.parametrize("trainer", [Sgd, Sam])
def test_networks_that_train_together_train_as_alone(make, trainer):
    data = make()
    options = trainer(epochs=2, batch_size=16, learning_rate=0.02)
    alone, together = networks(data, 2), networks(data, 2)
    assert options.together(alone[0], data) > 1
    epochs = [list(options.fit(model, data, seed=seed)) for seed, model in enumerate(alone)]
    grouped = list(options.fit_together(together, data, masks=[None, None], seeds=[0, 1]))
    for number, model in enumerate(together):
        for mine, his in zip(model.parameters(), alone[number].parameters(), strict=True):
            torch.testing.assert_close(mine, his, atol=1e-5, rtol=1e-4)
        for one, other in zip(epochs[number], grouped, strict=True):
            assert one.train_loss == pytest.approx(other[number].train_loss, rel=1e-4)
            assert one.train_error == pytest.approx(other[number].train_error, abs=1e-3)
    assert epochs[0][1].train_loss < epochs[0][0].train_loss


@pytest.mark.parametrize("make", DATA.values(), ids=DATA)
def test_points_at_once_equal_one_after_the_other(make, monkeypatch):
    data = make()
    models = [model.eval() for model in networks(data, 2)]
    ask = {"test": data.test, "points": 3, "batch_size": 32, "objective": data.objective}
    (fast,) = lines(models, data.train, **ask)
    monkeypatch.setattr(connectivity, "traced_network", lambda _: (None, "not here"))
    (slow,) = lines(models, data.train, **ask)
    for side in ("train", "test"):
        for one, other in zip(getattr(fast, side), getattr(slow, side), strict=True):
            torch.testing.assert_close(one.loss, other.loss, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(one.error.float(), other.error.float(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("make", DATA.values(), ids=DATA)
def test_derivatives_are_those_of_the_objective(make):
    data = make()
    model = networks(data, 1)[0].eval()
    batch = next(iter(data.train.batches(20)))
    at = weights(model)
    vector = drawn(at.size)
    product = GradientOfWeights(model, at, batch, objective=data.objective).product(vector)

    def loss(flat):
        parts = torch.split(flat, [leaf.numel() for leaf in at.leaves.values()])
        named = {name: part.view_as(leaf) for part, (name, leaf) in zip(parts, at.leaves.items(), strict=True)}
        return data.objective.losses(torch.func.functional_call(model, named, (batch[0],)), batch[1]).mean()

    flat = torch.cat([leaf.detach().reshape(-1) for leaf in at.leaves.values()])
    _, wanted = torch.autograd.functional.hvp(loss, flat, vector)
    torch.testing.assert_close(product, wanted, atol=1e-4, rtol=1e-3)
    name, weight = next(iter(model.named_parameters()))
    scores = gradient_magnitude(model, {name: weight}, [batch], objective=data.objective)
    gradient = torch.autograd.grad(loss(flat.requires_grad_()), flat)[0][: weight.numel()]
    torch.testing.assert_close(scores[name].reshape(-1), gradient.abs(), atol=1e-6, rtol=1e-4)


def test_sequences_are_not_grouped_whatever_their_network():
    sequence = torch.zeros(6, 5, 4)
    linear = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Flatten(), nn.Linear(20, 2)).eval()
    other = copy.deepcopy(linear)
    data = from_tensors("sequences", (sequence + drawn(6, 5, 4), whole(2, 6)), (sequence, whole(2, 6)), num_classes=2)
    (line,) = lines([linear, other], data.train, points=3, batch_size=4)
    wanted = outcomes(linear, data.train, batch_size=4)
    torch.testing.assert_close(line.train[1].loss, wanted.loss)
    assert Sgd(epochs=1).together(linear, data) == 1
