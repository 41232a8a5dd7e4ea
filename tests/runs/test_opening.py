from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from prunescope.api.errors import InputError, MismatchError, UsageError
from prunescope.networks import models
from prunescope.networks.models import ModelSpec
from prunescope.runs.opening import describe_data, listed, open_data, open_network, open_networks
from prunescope.runs.place import Loading, StudyPlace
from prunescope.runs.session import open_session
from prunescope.studies.results.reading import find_run

SPEC = ModelSpec(name="preresnet8", num_classes=4, in_chans=3, image_size=(8, 8), options={"width": 0.25})


@pytest.fixture
def session(tmp_path):
    return open_session(StudyPlace(study=tmp_path / "study", device="cpu"))


@pytest.fixture
def file(tmp_path):
    return save(tmp_path / "a.pt", seed=0)


def save(path, *, seed):
    path.parent.mkdir(exist_ok=True)
    torch.save({"arch": "preresnet8", "state_dict": models.create(SPEC, seed=seed).state_dict()}, path)
    return path


def test_settings_that_lie_beside_a_file_are_a_part_of_what_is_imported(session, tmp_path):
    file, args = save(tmp_path / "out" / "a.pt", seed=0), tmp_path / "out" / "args.yaml"
    bare = open_network(file, session)
    args.write_text("mean: [0.4, 0.4, 0.4]\nstd: [0.5, 0.5, 0.5]\nlr: 0.1\n")
    first = open_network(file, session)
    args.write_text("mean: [0.5, 0.5, 0.5]\nstd: [0.5, 0.5, 0.5]\nlr: 0.1\n")
    second = open_network(file, session)
    assert len({bare, first, second}) == 3
    assert session.read(second).facts["data"]["mean"] == [0.5, 0.5, 0.5]
    assert open_network(file, session) == second
    args.unlink()
    assert open_network(file, session) == bare


def test_a_file_is_imported_once_and_found_by_path_id_and_beginning(session, file, tmp_path):
    run_id = open_network(file, session)
    again = tmp_path / "elsewhere.pt"
    again.write_bytes(file.read_bytes())
    inside = session.store.runs / f"{run_id}.safetensors"
    for given in (str(file), again, run_id, run_id[:12], inside, SimpleNamespace(run=run_id)):
        assert open_network(given, session) == run_id


def test_a_name_of_two_runs_is_refused_and_both_are_named(session, file, tmp_path):
    one, two = open_network(file, session), open_network(save(tmp_path / "b.pt", seed=1), session)
    for beginning in ("import-", "import", "i", "import@3"):
        with pytest.raises(InputError, match=f"'{beginning}' is the beginning of 2 runs: ") as caught:
            open_network(beginning, session)
        assert one in caught.value.message
        assert two in caught.value.message
    with pytest.raises(InputError, match="is the beginning of 2 runs"):
        find_run("import", session)
    for number in range(2, 6):
        open_network(save(tmp_path / "b.pt", seed=number), session)
    with pytest.raises(InputError, match=r"is the beginning of 6 runs: (\S+, ){5}\.\.\.\n"):
        open_network("import", session)


def test_a_file_called_as_a_run_is_refused_and_either_can_be_given(session, file, tmp_path, monkeypatch):
    run_id = open_network(file, session)
    monkeypatch.chdir(tmp_path)
    save(tmp_path / run_id, seed=1)
    with pytest.raises(InputError, match="is a file or folder here and a run of") as caught:
        open_network(run_id, session)
    assert caught.value.fix == f"give ./{run_id} for the file, {session.store.path(run_id)} for the run"
    assert open_network(str(session.store.path(run_id)), session) == run_id
    assert open_network(f"./{run_id}", session) != run_id
    (tmp_path / "import").write_bytes((tmp_path / run_id).read_bytes())
    assert open_network("import", session) == open_network(f"./{run_id}", session)


def test_replicas_may_come_in_lists_and_as_what_a_step_returned(session, file, tmp_path):
    one, two = open_network(file, session), open_network(save(tmp_path / "b.pt", seed=1), session)
    assert listed([SimpleNamespace(runs=(one, two)), file]) == [one, two, file]
    assert listed(one) == [one]
    assert open_networks(SimpleNamespace(runs=(one, two)), session) == (one, two)
    with pytest.raises(UsageError, match="given twice"):
        open_networks([one, file], session)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("nowhere.pt", InputError, "there is no checkpoint 'nowhere.pt'"),
        ({"a": 1}, UsageError, "wanted a network, got dict"),
        (nn.Linear(2, 2), UsageError, "does not record its data"),
    ],
)
def test_what_is_no_network_is_refused(session, given, error, message):
    with pytest.raises(error, match=message):
        open_network(given, session)


def test_a_choice_of_weights_that_is_not_there(session, file):
    with pytest.raises(UsageError, match="contains no weights named 'best'"):
        open_network(file, session, loading=Loading(weights="best"))
    with pytest.raises(UsageError, match=r"--weights got 'best', and the run .* has one set of weights"):
        open_network(open_network(file, session), session, loading=Loading(weights="best"))


def test_data_are_checked_against_the_network(session, file):
    run_id = open_network(file, session)
    with pytest.raises(MismatchError, match="is made for 3 channels and 4 classes"):
        open_data("digits", [run_id], session)
    with pytest.raises(UsageError, match="does not record the data"):
        open_data(None, [run_id], session)


def test_data_objects_are_found_again_by_their_content(session):
    inputs, targets = torch.randn(12, 3, 8, 8), torch.tensor([0, 1, 2, 3] * 3)
    first, again = (describe_data((inputs.clone(), targets), session) for _ in range(2))
    other = describe_data((inputs + 1, targets), session)
    assert first == again != other
    opened = open_data(lambda: (inputs, targets), (), session)
    assert opened.options == first.options
    assert len(opened.fingerprint) == 32
