from __future__ import annotations

import doctest

import pytest
from prunescope_earlywarning import indicators, judging, spread, surrogates, windows


@pytest.mark.parametrize(
    "module", [indicators, judging, spread, surrogates, windows], ids=lambda module: module.__name__
)
def test_the_examples_of_the_docstrings(module):
    failed, attempted = doctest.testmod(module)
    assert failed == 0
    assert attempted > 0
