"""Finished studies and their reports, made once."""

from __future__ import annotations

import pytest
import synthetic_study as synthetic

from prunescope.report.diagnosis import assemble, diagnosis_page


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    return synthetic.study(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def report(study):
    return assemble(*study)


@pytest.fixture(scope="session")
def imported(tmp_path_factory):
    return assemble(*synthetic.study(tmp_path_factory.mktemp("imported"), imported=True))


@pytest.fixture(scope="session")
def dense_only(tmp_path_factory):
    return assemble(*synthetic.dense_only(tmp_path_factory.mktemp("dense")))


@pytest.fixture(scope="session")
def undecided(tmp_path_factory):
    """A report whose one density is not decided, and whose dense model has a vote."""
    return assemble(*synthetic.study(tmp_path_factory.mktemp("undecided"), cases=synthetic.CASES[1:2]))


@pytest.fixture(scope="session")
def page(imported):
    return diagnosis_page(imported)
