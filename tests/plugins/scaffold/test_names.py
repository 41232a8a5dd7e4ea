from __future__ import annotations

import pytest

from prunescope.api.errors import UsageError
from prunescope.plugins import scaffold


def test_one_name_gives_all_others():
    found = scaffold.names("weight-norm-2", "rule")
    assert (found.distribution, found.package, found.klass) == (
        "prunescope-weight-norm-2",
        "prunescope_weight_norm_2",
        "WeightNorm2",
    )


def test_a_distribution_is_taken_for_its_plugin():
    assert scaffold.names("prunescope-weight-norm", "probe") == scaffold.names("weight-norm", "probe")


@pytest.mark.parametrize("name", ["", "Weight", "weight_norm", "2nd", "a--b", "a-", "-a", "a/b", "../a", "é", "a" * 31])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(UsageError, match="cannot be called"):
        scaffold.names(name, "probe")


@pytest.mark.parametrize("name", ["none", "true", "probe", "reading", "regime-rule"])
def test_a_class_that_python_or_the_interfaces_have_is_refused(name):
    with pytest.raises(UsageError, match="a name in use") as refused:
        scaffold.names(name, "rule")
    assert f"my-{name}" in refused.value.fix
    assert scaffold.names(f"my-{name}", "rule")
