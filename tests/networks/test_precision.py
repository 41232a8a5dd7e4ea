"""Precision under torch's older and newer names: what a measurement takes away comes back."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from prunescope.networks.precision import allows_tf32_convolutions, describe_precision, full_precision

PROGRAM = """
from operator import attrgetter
import torch
from prunescope.networks.precision import NEWER, allows_tf32_convolutions, describe_precision, full_precision

def precisions():
    found = {place: attrgetter(place)(torch.backends).fp32_precision for place in NEWER}
    return {place: "ieee" if value == "none" else value for place, value in found.items()}

attrgetter(PLACE)(torch).fp32_precision = "tf32"
before = precisions()
assert "tf32" in before.values()
assert describe_precision()
with full_precision():
    assert set(precisions().values()) == {"ieee"}
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not allows_tf32_convolutions()
assert precisions() == before
if PLACE == "backends":
    torch.backends.fp32_precision = "ieee"
    assert precisions()["cuda.matmul"] == precisions()["mkldnn.matmul"] == "ieee"
"""
"""In a process of its own: torch cannot forget that newer names were used."""


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="torch has newer names from 2.9 on")
@pytest.mark.parametrize("place", ["backends", "backends.cuda.matmul", "backends.mkldnn.matmul"])
def test_what_was_set_by_a_newer_name_rounds_nothing_inside_and_comes_back(place):
    subprocess.run([sys.executable, "-c", f"PLACE = {place!r}\n{PROGRAM}"], check=True)


def test_what_was_set_by_an_older_name_comes_back():
    products, before = torch.backends.cuda.matmul, describe_precision()
    products.allow_tf32 = True
    try:
        with full_precision():
            assert not products.allow_tf32
            assert not allows_tf32_convolutions()
        assert products.allow_tf32
    finally:
        products.allow_tf32 = False
    assert describe_precision()[:2] == before[:2]
