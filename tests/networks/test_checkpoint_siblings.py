"""Checkpoints of the same training beside a file, told by their names."""

from __future__ import annotations

import pytest

from prunescope.networks.checkpoints.siblings import epoch_of_name, find_sibling_files


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("checkpoint-37.pth.tar", "checkpoint-5.pth.tar", "last.pth.tar", "model_best.pth.tar"), [5, 37]),
        (("epoch=3-step=400.ckpt", "epoch=12-step=1300.ckpt", "last.ckpt"), [3, 12]),
        (("run-epoch=03-val_loss=0.51.ckpt", "run-epoch=10-val_loss=0.20.ckpt"), [3, 10]),
        (("model_epoch_7.pt", "model_epoch_20.pt", "args.yaml", "epoch_7.csv"), [7, 20]),
        (("ckpt_10.pt", "ckpt_20.pt", "optimizer_10.pt"), [10, 20]),
        (("model.safetensors", "weights.pt"), []),
    ],
)
def test_the_files_of_known_savers_are_found(tmp_path, names, wanted):
    for name in (*names, "here.pt"):
        (tmp_path / name).write_bytes(b"x")
    assert list(find_sibling_files(tmp_path / "here.pt")) == wanted


def test_the_file_itself_its_links_and_folders_are_no_siblings(tmp_path):
    here = tmp_path / "checkpoint-9.pth.tar"
    here.write_bytes(b"x")
    (tmp_path / "checkpoint-10.pth.tar").symlink_to(here)
    (tmp_path / "checkpoint-11.pth.tar").mkdir()
    assert find_sibling_files(here) == {}
    assert find_sibling_files(tmp_path) == {}


def test_of_two_versions_of_an_epoch_one_counts(tmp_path):
    for name in ("epoch=3.ckpt", "epoch=3-v1.ckpt", "here.ckpt"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in find_sibling_files(tmp_path / "here.ckpt").values()] == ["epoch=3-v1.ckpt"]
    assert epoch_of_name("epoch=3-v1.ckpt") == 3
