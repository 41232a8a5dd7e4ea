"""Names of data sets, as a person types them."""

from __future__ import annotations

import pytest

from prunescope.api.errors import UsageError
from prunescope.data.spec import parse_spec


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("digits", ("digits", {})),
        ("patches:noise=0.2,size=16", ("patches", {"noise": "0.2", "size": "16"})),
        ("patches:test-images=100", ("patches", {"test_images": "100"})),
        ("my-plugin", ("my-plugin", {})),
        ("torch/cifar10", ("timm", {"dataset": "torch/cifar10"})),
        ("torch/cifar10:root=/data", ("timm", {"dataset": "torch/cifar10", "root": "/data"})),
        ("hfds/uoft-cs/cifar10", ("timm", {"dataset": "hfds/uoft-cs/cifar10"})),
        ("wds/x:train_split=a-{00..11}.tar|5", ("timm", {"dataset": "wds/x", "train_split": "a-{00..11}.tar|5"})),
        ("tfds/mnist", ("timm", {"dataset": "tfds/mnist"})),
        (
            "torch/mnist:mean=0.1,0.2,0.3,flip=false",
            ("timm", {"dataset": "torch/mnist", "mean": "0.1,0.2,0.3", "flip": "false"}),
        ),
        ("pkg.mod:factory", ("factory", {"factory": "pkg.mod:factory"})),
        ("pkg:Holder.make:flip=true", ("factory", {"factory": "pkg:Holder.make", "flip": "true"})),
    ],
)
def test_names_of_data_sets(text, want):
    assert parse_spec(text) == want


def test_a_folder_is_a_data_set(tmp_path):
    assert parse_spec(str(tmp_path)) == ("timm", {"dataset": "", "root": str(tmp_path)})
    assert parse_spec(f"{tmp_path}:image_size=32") == (
        "timm",
        {"dataset": "", "root": str(tmp_path), "image_size": "32"},
    )
    odd = tmp_path / "a=b:c"
    odd.mkdir()
    assert parse_spec(str(odd))[1]["root"] == str(odd)


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("troch/cifar10", "'troch'", "torch/cifar10"),
        ("/nowhere/at/all", "does not exist", "torch/cifar10"),
        ("images.zip", "does not exist", "a folder"),
        ("", "''", "digits"),
        ("two words", "'two words'", "digits"),
        ("noise=0.2", "no name", "patches:noise=0.2"),
        (":noise=0.2", "no name", "patches:noise=0.2"),
    ],
)
def test_nonsense_is_refused_with_what_could_have_been_meant(text, message, fix):
    with pytest.raises(UsageError) as caught:
        parse_spec(text)
    assert message in caught.value.message
    assert fix in caught.value.fix


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "x.txt").touch()
    with pytest.raises(UsageError, match="is a file"):
        parse_spec(str(tmp_path / "x.txt"))


def test_an_archive_of_numpy_is_an_option_of_arrays(tmp_path):
    (tmp_path / "images.npz").touch()
    with pytest.raises(UsageError) as caught:
        parse_spec(str(tmp_path / "images.npz"))
    assert caught.value.fix == f"for an archive of numpy give arrays:file={tmp_path / 'images.npz'}"
