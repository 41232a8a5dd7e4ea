"""What a file's tensors say of the constructor: channels behind space-to-depth, pooling, position embeddings, twins."""

import argparse
import json

import pytest
import timm
import torch

from prunescope.networks import checkpoints
from prunescope.networks.checkpoints import neighbours, transforms
from prunescope.networks.checkpoints.fingerprints import fingerprint, shapes
from prunescope.networks.checkpoints.matching import KnownNetwork, infer_spec
from prunescope.networks.checkpoints.own_sizes import solve_sizes
from prunescope.networks.spec import ModelSpec


def saved(path, name, *, args=None, **built):
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=3, **built).eval()
    file = {"arch": name, "state_dict": model.state_dict(), **({"args": argparse.Namespace(**args)} if args else {})}
    torch.save(file, path)
    return model


def assert_equal(path, model, size, chans=3):
    found = checkpoints.load_checkpoint(path)
    images = torch.randn(2, chans, size, size)
    with torch.no_grad():
        assert torch.equal(checkpoints.to_model(found).eval()(images), model(images))
    return found


def empty(name, **options):
    """Build a network without weights, or with them where timm 1.0.16 cannot do without."""
    try:
        with torch.device("meta"):
            return timm.create_model(name, **options)
    except (NotImplementedError, RuntimeError):
        return timm.create_model(name, **options)


@pytest.mark.parametrize("name", ["tresnet_m", "tresnet_l", "tresnet_xl", "tresnet_v2_l"])
@pytest.mark.parametrize("chans", [1, 3])
def test_channels_are_read_off_a_stem_behind_space_to_depth(name, chans):
    model = empty(name, num_classes=3, in_chans=chans)
    spec = infer_spec(shapes(model.state_dict()), fingerprint(name), KnownNetwork(name=name))
    assert (spec.in_chans, spec.num_classes) == (chans, 3)


def test_a_tresnet_is_read(tmp_path):
    model = saved(tmp_path / "a.pth", "tresnet_m", in_chans=1)
    assert assert_equal(tmp_path / "a.pth", model, 64, chans=1).spec.in_chans == 1


def test_mean_and_maximum_side_by_side_show_in_the_head(tmp_path):
    model = saved(tmp_path / "a.pth", "resnet10t", global_pool="catavgmax")
    assert assert_equal(tmp_path / "a.pth", model, 32).spec.options["global_pool"] == "catavgmax"


DYNAMIC = {"lr_base": 0.1, "model": "test_vit", "img_size": 96, "model_kwargs": {"dynamic_img_size": True}}


def test_a_network_that_takes_any_size_is_built_for_its_position_embedding(tmp_path):
    model = saved(tmp_path / "a.pth", "test_vit", args=DYNAMIC, dynamic_img_size=True)
    found = assert_equal(tmp_path / "a.pth", model, 96)
    assert found.spec.options["dynamic_img_size"] is True
    assert found.data is not None
    assert found.data["image_size"] == [96, 96]
    assert found.spec.image_size == (160, 160)


def test_a_network_that_was_built_for_the_size_of_its_images_is_built_so_again(tmp_path):
    args = {"lr_base": 0.1, "model": "test_vit", "img_size": 96, "model_kwargs": {"img_size": 96}}
    model = saved(tmp_path / "a.pth", "test_vit", args=args, img_size=96)
    assert assert_equal(tmp_path / "a.pth", model, 96).spec.image_size == (96, 96)


def test_images_that_are_not_square_keep_their_sides():
    model = empty("test_vit", img_size=(64, 144), num_classes=3)
    known = KnownNetwork(name="test_vit", image_size=(64, 144))
    assert infer_spec(shapes(model.state_dict()), fingerprint("test_vit"), known).image_size == (64, 144)


def test_architectures_of_the_same_tensors_that_compute_something_else_are_named(tmp_path):
    torch.manual_seed(0)
    model = timm.create_model("resnet18", num_classes=3)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    notes = " ".join(checkpoints.load_checkpoint(tmp_path / "weights.pth").notes)
    assert "computing something else (--model): resnetblur18" in notes


def test_a_named_architecture_has_no_twins(tmp_path):
    torch.manual_seed(0)
    torch.save(timm.create_model("resnet18", num_classes=3).state_dict(), tmp_path / "weights.pth")
    notes = " ".join(checkpoints.load_checkpoint(tmp_path / "weights.pth", model="resnet18").notes)
    assert "something else" not in notes


SHAPES = {
    "a map": lambda classes, chans, _: {"stem": (8, chans, 3, 3), "head": (classes, 8, 1, 1)},
    "rows of an image": lambda classes, chans, side: {"rows": (16, chans * side), "head": (classes, 16)},
    "more outputs": lambda classes, chans, _: {"stem": (8, chans, 3, 3), "head": (2 * classes + 1, 8)},
    "positions": lambda classes, chans, side: {
        "stem": (8, chans, 4, 4),
        "pos": (1, (side // 4) ** 2, 8),
        "head": (classes, 8),
    },
}


@pytest.mark.parametrize("kind", list(SHAPES))
def test_sizes_of_ones_own_network_are_solved(kind):
    def shapes_of(spec):
        return SHAPES[kind](spec.num_classes, spec.in_chans, spec.image_size[0])

    side = 32 if kind == "positions" else 224
    wanted = ModelSpec(name="mine:net", num_classes=7, in_chans=5, image_size=(side, side))
    guess = ModelSpec(name="mine:net", num_classes=1000, in_chans=3, image_size=(224, 224))
    assert solve_sizes(guess, shapes_of(wanted), shapes_of) == wanted


def test_a_row_of_numbers_is_no_image():
    def shapes_of(spec):
        return {"first": (4, spec.in_chans), "head": (spec.num_classes, 4)}

    guess = ModelSpec(name="mine:net", num_classes=1000, in_chans=3, image_size=(224, 224))
    found = solve_sizes(guess, {"first": (4, 12), "head": (2, 4)}, shapes_of)
    assert (found.num_classes, found.in_chans, found.image_size) == (2, 12, ())


def test_what_no_size_explains_is_left():
    guess = ModelSpec(name="mine:net", num_classes=10, in_chans=3, image_size=(8, 8))
    assert solve_sizes(guess, {"first": (5, 5)}, lambda spec: {"first": (4, spec.in_chans)}).num_classes == 10


@pytest.mark.parametrize(
    ("written", "size", "interpolation"),
    [
        ({"size": {"height": 96, "width": 128}, "resample": 3}, [96, 128], "bicubic"),
        ({"size": {"shortest_edge": 72}, "crop_size": 64, "do_center_crop": True, "resample": 2}, [64, 64], "bilinear"),
        ({"size": 64}, [64, 64], None),
    ],
)
def test_a_preprocessor_config_beside_the_weights_says_how_images_are_prepared(tmp_path, written, size, interpolation):
    torch.save({"state_dict": timm.create_model("resnet10t", num_classes=3).state_dict()}, tmp_path / "resnet10t.pth")
    written = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.5, 0.5], **written}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(written))
    data = checkpoints.load_checkpoint(tmp_path / "resnet10t.pth").data
    assert (data["image_size"], data["mean"], data.get("interpolation")) == (size, [0.1, 0.2, 0.3], interpolation)
    assert data["origins"]["mean"] == "preprocessor_config.json"


HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}

SQUARE = {"height": 64, "width": 64}

TWICE = {"rescale_factor": 1 / 127.5, "do_normalize": False}


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ({"size": SQUARE}, {"image_size": [64, 64], "crop_mode": "squash", "crop_pct": 1.0}),
        ({"size": 64}, {"image_size": [64, 64], "crop_mode": "squash", "crop_pct": 1.0}),
        ({"size": {"shortest_edge": 64}}, {"image_size": [64, 64], "crop_mode": None, "crop_pct": 1.0}),
        ({"size": {"shortest_edge": 80}, "crop_size": SQUARE, "do_center_crop": True}, {"crop_pct": 0.8}),
        ({"size": 80, "crop_size": 64, "do_center_crop": True}, {"crop_pct": 0.8, "crop_mode": None}),
        (
            {"size": {"height": 80, "width": 80}, "crop_size": SQUARE, "do_center_crop": True},
            {"crop_pct": 0.8, "crop_mode": "squash", "image_size": [64, 64]},
        ),
        ({"size": {"shortest_edge": 80}, "crop_size": SQUARE, "do_center_crop": False}, {"image_size": [80, 80]}),
        ({"size": 64, "do_resize": False}, {"image_size": None}),
        ({"size": {"shortest_edge": 64}, "crop_pct": 0.9}, {"image_size": [64, 64], "crop_pct": 0.9}),
        ({"do_normalize": False}, {"mean": [0.0] * 3, "std": [1.0] * 3}),
        ({"rescale_factor": 0.00392156862745098}, {"mean": [0.5] * 3, "std": [0.5] * 3}),
        (TWICE, {"mean": [0.0] * 3, "std": [0.5] * 3}),
        ({**TWICE, "rescale_offset": True}, {"mean": [0.5] * 3, "std": [0.5] * 3}),
        ({"rescale_factor": 1 / 127.5}, {"mean": [0.25] * 3, "std": [0.25] * 3}),
        (
            {"do_rescale": False, "image_mean": [127.5] * 3, "image_std": [51.0] * 3},
            {"mean": [0.5] * 3, "std": [0.2] * 3},
        ),
    ],
)
def test_images_are_prepared_as_a_preprocessor_config_of_hugging_face_says(tmp_path, written, wanted):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(HALF | written))
    found = transforms.read_data({}, timm_name="", preparation=neighbours.read_preprocessor(tmp_path))
    for name, value in wanted.items():
        assert found.get(name) == (value if value is None or isinstance(value, str) else pytest.approx(value)), name


def test_what_the_checkpoint_itself_says_goes_before_a_preprocessor_config(tmp_path):
    args = argparse.Namespace(lr_base=0.1, model="resnet10t", img_size=48, mean=[0.5, 0.5, 0.5], model_kwargs={})
    state = timm.create_model("resnet10t", num_classes=3).state_dict()
    torch.save({"arch": "resnet10t", "state_dict": state, "args": args}, tmp_path / "a.pth")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0, 0, 0], "size": 224}))
    data = checkpoints.load_checkpoint(tmp_path / "a.pth").data
    assert (data["image_size"], data["mean"]) == ([48, 48], [0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("test_nfnet", {"depths": [1, 1, 1, 1], "alpha": 0.5}),
        ("maxvit_pico_rw_256", {"depths": [1, 1, 1, 1], "embed_dim": [32, 32, 32, 32], "stem_width": 32}),
        ("coatnet_pico_rw_224", {"depths": [1, 1, 1, 1], "conv_stride_mode": "pool", "transformer_dim_head": 16}),
        ("naflexvit_base_patch16_gap", {"depth": 1, "embed_dim": 64, "num_heads": 2}),
    ],
)
def test_values_of_a_configuration_are_arguments(tmp_path, name, options):
    args = {"lr_base": 0.1, "model": name, "model_kwargs": options}
    model = saved(tmp_path / "a.pth", name, args=args, **options)
    found = assert_equal(tmp_path / "a.pth", model, 224 if "maxvit" not in name else 256)
    assert found.spec.options.items() >= options.items()
