from __future__ import annotations

import numpy as np
import pytest
from prunescope_earlywarning import CAVEATS, TrendTest, judge

from prunescope.api.errors import UsageError

GROWING = [tuple(np.random.default_rng(0).standard_normal(8) * 2.0**n) for n in range(6)]
LONG = [(float(value),) for value in np.random.default_rng(1).standard_normal(60)]


def test_a_short_axis_is_judged_by_the_spread_of_its_replicas():
    found = judge(range(6), GROWING, TrendTest(surrogates=200))
    assert (found.method, found.verdict) == ("spread of replicas", "variance alone")
    assert found.autocorrelation is None
    assert "autocorrelation cannot be had" in found.notes[0]
    assert judge(range(6), GROWING[::-1], TrendTest(surrogates=200)).verdict == "none"


def test_a_long_axis_is_judged_in_windows():
    found = judge(range(60), LONG, TrendTest(surrogates=100))
    assert found.method == "rolling windows"
    assert found.notes == ()
    assert judge(range(60, 0, -1), LONG, TrendTest(surrogates=100)).notes == ()
    uneven = judge([n**2 for n in range(60)], LONG, TrendTest(surrogates=100))
    assert "not evenly spaced" in uneven.notes[0]


def test_the_choices_of_the_test_are_those_it_is_made_with():
    loose, strict = (judge(range(60), LONG, TrendTest(surrogates=100, level=level)) for level in (1.0, 0.0))
    assert (loose.verdict, strict.verdict) == ("slowing down", "none")
    by_null = [judge(range(60), LONG, TrendTest(surrogates=100, null=null)).variance for null in ("ar1", "phase")]
    assert by_null[0].tau == by_null[1].tau
    assert by_null[0].p_value != by_null[1].p_value
    wide = judge(range(60), LONG, TrendTest(surrogates=100, window=0.8))
    assert len(wide.variance.values) == 60 - 48 + 1


def test_what_cannot_be_judged_says_why():
    found = judge(range(3), [(1.0,), (2.0,), (3.0,)], TrendTest())
    assert (found.method, found.verdict) == ("none", "undecided")
    assert "two values" in found.notes[0]


def test_an_unknown_null_is_refused():
    with pytest.raises(UsageError, match="wanted ar1 or phase"):
        TrendTest(null="pink")


def test_the_caveats_name_their_sources():
    assert len(CAVEATS) == 4
    assert any("Boettiger" in caveat for caveat in CAVEATS)
