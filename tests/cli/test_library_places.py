"""Data of Hugging Face's, WebDataset's and TensorFlow's libraries: by content, and no command from a file.

The libraries are no dependency: stand-ins of timm's data sets take their place, with the attributes that the readers of
timm have. tests/data/test_library_datasets.py reads with the libraries themselves, where they are installed.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from library_stand_ins import HUB, READ, Rows, Shards, png, write_shards
from small_sweep import study_text

from prunescope.api.errors import InputError, PrunescopeError
from prunescope.api.trust import NOTHING, Trust
from prunescope.data import library, places, private_places, sources
from prunescope.runs import locations
from prunescope.runs.store import Store
from prunescope.runs.trusting import trusted_code

STREAMED = "image_size=8,num_classes=3,in_memory=never"
OPENED: list[str] = []


@pytest.fixture(autouse=True)
def standing_in(monkeypatch):
    """Let the stand-ins be what timm opens, and forget as another process does."""

    def create(name, *, root, split, **_):
        OPENED.append(f"{name} {root} {split}")
        kind, _, rest = name.partition("/")
        return Shards(root, split) if kind == "wds" else Rows(rest, split)

    for noted in (HUB, READ, OPENED):
        noted.clear()
    monkeypatch.setattr(library, "create_dataset", create)
    monkeypatch.setattr(library, "find_spec", lambda _: True)
    monkeypatch.setattr(places, "_FOUND", {})
    sources._load.cache_clear()


def forget():
    places._FOUND.clear()
    sources._load.cache_clear()
    OPENED.clear()
    READ.clear()


def typed(text):
    """Describe a data set as a person names it on the command line."""
    return sources.describe(text, trust=Trust().also(sources.code(text)))


# ---- one content, one id ----


@pytest.mark.parametrize("more", [STREAMED, "image_size=8", "image_size=8,in_memory=never"])
def test_shards_are_one_source_wherever_they_lie_and_whatever_they_are_called(tmp_path, monkeypatch, more):
    root = write_shards(tmp_path / "w" / "shards")
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    found = []
    for here, text in (
        (tmp_path, f"wds/mine:root=w/shards,{more}"),
        (tmp_path, f"wds/other:root=./w/shards/,{more}"),
        (root, f"WDS/mine:root=.,{more}"),
        (root, f"wds/mine:{more}"),
        (tmp_path, f"wds/mine:root={root},{more}"),
        (tmp_path, f"wds/mine:root={copy},{more}"),
    ):
        monkeypatch.chdir(here)
        found.append(typed(text).to_json())
    assert found == [found[0]] * len(found)
    assert (found[0]["options"]["dataset"], str(tmp_path) in json.dumps(found[0])) == ("wds/", False)
    other = write_shards(tmp_path / "others", seed=1)
    assert typed(f"wds/mine:root={other},{more}").fingerprint != found[0]["fingerprint"]


@pytest.mark.parametrize("more", ["image_size=8,in_memory=never", "image_size=8"])
def test_a_table_in_a_folder_is_one_source_wherever_it_lies(tmp_path, monkeypatch, more):
    root = write_shards(tmp_path / "w" / "table")
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    os.utime(copy / "train-0.tar", (1, 1))  # the fingerprint of the library follows the times of its files
    found = []
    for here, text in ((tmp_path, "w/table"), (tmp_path, "./w/table"), (root, "."), (root, str(copy))):
        monkeypatch.chdir(here)
        found.append(typed(f"hfds/{text}:root=cache{len(found)},{more}").to_json())
    assert found == [found[0]] * len(found)
    assert (found[0]["options"]["dataset"], str(tmp_path) in json.dumps(found[0])) == ("hfds/", False)


def test_the_name_of_a_hub_stays_and_its_cache_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    HUB["who/what"] = write_shards(tmp_path / "downloaded")
    found = [typed(f"{text},image_size=8") for text in ("hfds/who/what:root=a", "HFDS/who/what:root=b,download=true")]
    assert found[0] == found[1]
    assert found[0].options == {"dataset": "hfds/who/what", "image_size": 8}
    forget()
    opened = sources.open_source(found[0].to_json(), device="cpu", trust=Trust(frozenset({"hfds/who/what"})))
    assert len(opened.train) == 6
    with pytest.raises(InputError, match="names code: 'hfds/who/what'"):
        sources.open_source(found[0].to_json(), device="cpu")


def test_rows_are_read_once_until_their_table_changes(tmp_path):
    root = write_shards(tmp_path / "table")
    text = f"hfds/{root}:image_size=8,in_memory=never"
    first, read = typed(text), len(READ)
    forget()
    assert (typed(text), len(READ)) == (first, read - 12)  # the six of either split; a sample shows the usual size
    rows = json.loads((root / "train-0.tar").read_text())
    rows[0][1] = 2
    (root / "train-0.tar").write_text(json.dumps(rows))
    forget()
    assert typed(text).fingerprint != first.fingerprint


def test_rows_that_are_files_of_their_own_are_digested_as_files(tmp_path):
    from prunescope.data.row_digests import digest_rows

    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_bytes(png(i))
    table = tmp_path / "table.arrow"
    table.write_bytes(b"paths")
    held = SimpleNamespace(cache_files=[{"filename": str(table)}], _fingerprint="x")
    reader = type("Reader", (), {"dataset": held, "__getitem__": lambda _, i: (paths[i].open("rb"), i)})()
    rows = type("Rows", (), {"reader": reader, "__len__": lambda _: len(paths)})()
    embedded = type("Reader", (), {"__getitem__": lambda _, i: (io.BytesIO(paths[i].read_bytes()), i)})()
    first = digest_rows(rows, name="x")
    assert first == digest_rows(type("Rows", (), {"reader": embedded, "__len__": lambda _: len(paths)})(), name="y")
    paths[1].write_bytes(png(9))
    assert digest_rows(rows, name="x") != first


@pytest.mark.parametrize("library_of", ["tensorflow", "hugging face"])
def test_shards_of_other_libraries_are_digested_in_their_order(tmp_path, library_of):
    from prunescope.data.shard_digests import digest_shards

    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.write_bytes(path.name.encode())

    def reader(paths, split="train"):
        texts = [str(path) for path in paths]
        if library_of == "tensorflow":
            return SimpleNamespace(root="/x", split=split, split_info=SimpleNamespace(filenames=["n"], filepaths=texts))
        return SimpleNamespace(
            root="cache", split=split, builder=SimpleNamespace(config=SimpleNamespace(data_files={"train": texts}))
        )

    first = digest_shards(reader(paths), name="x")
    assert len(first) == 2
    assert digest_shards(reader(paths), name="y") == first
    assert digest_shards(reader(paths[::-1]), name="x") != first
    parts = [digest_shards(reader(paths, split), name="x") for split in ("train[:50%]", "train[50%:]")]
    assert parts[0] != parts[1] != first
    copy = tmp_path / "copy"
    copy.mkdir()
    copied = [Path(shutil.copy(path, copy)) for path in paths]
    assert digest_shards(reader(copied), name="x") == first
    copied[0].write_bytes(b"other")
    assert digest_shards(reader(copied), name="x") != first


def test_shards_that_are_fetched_are_named_by_their_address(tmp_path):
    root = write_shards(tmp_path / "shards")
    (tmp_path / "more").mkdir()
    copy = shutil.copytree(root, tmp_path / "more" / "shards")
    one, other = (typed(f"wds/x:root=pipe:cat {folder},{STREAMED}") for folder in (root, copy))
    assert one.fingerprint != other.fingerprint  # no byte of it was read
    assert "root" not in one.options


# ---- places that name a command ----


@pytest.fixture
def piped(tmp_path):
    """Return a source whose root a person typed as a command, forgotten as another process does."""
    root = write_shards(tmp_path / "shards")
    text = f"wds/x:root=pipe:cat {root},{STREAMED}"
    source = typed(text)
    assert OPENED
    forget()
    return source, frozenset(sources.code(text))


def test_a_typed_command_is_kept_for_the_user_and_in_no_file_of_the_study(piped, tmp_path, monkeypatch):
    source, names = piped
    assert len(sources.open_source(source.to_json(), device="cpu", trust=Trust(names)).train) == 6
    store = Store(tmp_path / "study")
    locations.note_sources([source], store)
    kept = "".join(path.read_text() for path in tmp_path.joinpath("study").rglob("*.json"))
    assert "pipe:" not in kept + json.dumps(source.to_json())
    noted = private_places._file(source)
    assert (noted.stat().st_mode & 0o077, noted.parent.stat().st_mode & 0o077) == (0, 0)
    forget()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another-user"))
    with pytest.raises(InputError, match="--data PATH"):
        sources.open_source(source.to_json(), device="cpu", trust=Trust(names))
    assert not any("pipe:" in one for one in OPENED)


def test_a_study_of_another_person_does_not_run_the_command_that_was_typed_for_ones_own(piped):
    source, _ = piped
    with pytest.raises(InputError, match="--data PATH"):
        sources.open_source(source.to_json(), device="cpu", trust=NOTHING)
    assert OPENED == []


def test_a_damaged_note_of_private_places_says_nothing(piped):
    source, names = piped
    note = private_places._file(source)
    text = note.read_text()
    for damaged in ("", "{}", "[3]", '[{"root": 3}]', '[{"dataset": "wds/x"}]', text[:-4], "[" * 10**5):
        note.write_text(damaged)
        forget()
        with pytest.raises(InputError):
            sources.open_source(source.to_json(), device="cpu", trust=Trust(names))


COMMAND = "pipe:touch canary"

STRANGERS = {
    "a root": {"root": COMMAND},
    "an address": {"root": "https://example.org/x"},
    "the training split": {"root": ".", "train_split": "pipe:touch canary;.tar|6"},
    "the test split": {"root": ".", "test_split": "validation-{0..0}.tar;touch canary|6"},
    "braces": {"root": ".", "train_split": "pi{p,q}e:touch canary.tar|6"},
    "a folder for a library": {"dataset": "hfds/", "source": "evil"},
}


@pytest.mark.parametrize("options", STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize("fingerprint", ["", "0" * 32])
def test_a_recipe_names_no_command(options, fingerprint, tmp_path, monkeypatch):
    monkeypatch.chdir(write_shards(tmp_path / "evil"))
    made = {"name": "timm", "options": {"dataset": "wds/", **options}, "version": 2, "fingerprint": fingerprint}
    with pytest.raises(PrunescopeError):
        sources.open_source(made, device="cpu", trust=Trust(frozenset({"wds/x", "wds/", "hfds/"})))
    assert OPENED == []


@pytest.mark.parametrize("options", STRANGERS.values(), ids=STRANGERS)
def test_the_table_of_a_study_names_no_command(options, tmp_path):
    root = write_shards(tmp_path / "shards")
    source = typed(f"wds/x:root={root},{STREAMED}")
    study = tmp_path / "study"
    study.mkdir()
    shutil.rmtree(root)
    table = {places.key_of(source): [{"options": options, "from_study": {}}]}
    (study / locations.PLACES_FILE).write_text(json.dumps(table))
    forget()
    locations.read_places(study)
    with pytest.raises(PrunescopeError):
        sources.open_source(source.to_json(), device="cpu", trust=Trust(frozenset({"wds/x"})))
    assert not any("canary" in one or "http" in one or "evil" in one for one in OPENED)


@pytest.mark.parametrize("options", list(STRANGERS.values())[:5], ids=list(STRANGERS)[:5])
def test_a_study_file_names_no_command(options, invoke, tmp_path, monkeypatch):
    monkeypatch.chdir(write_shards(tmp_path / "here"))
    (tmp_path / "s.toml").write_text(study_text(data={"name": "wds/x", "image_size": 8, **options}))
    done = invoke("sweep", tmp_path / "s.toml", "--study", tmp_path / "study", "--trust", "wds/x", "--dry-run")
    assert (done.exit_code, "names code" in done.stderr) == (2, True), done.stderr
    assert OPENED == []


def test_the_list_of_shards_names_no_command(tmp_path):
    root = write_shards(tmp_path / "shards")
    info = json.loads((root / "_info.json").read_text())
    info["splits"]["train"]["filenames"] = [COMMAND]
    (root / "_info.json").write_text(json.dumps(info))
    with pytest.raises(InputError, match=r"_info\.json names an address: 'pipe:touch canary'"):
        typed(f"wds/x:root={root},{STREAMED}")
    assert OPENED == []


def test_options_of_a_place_in_a_recipe_do_not_mix_with_a_typed_place(piped):
    source, names = piped
    made = source.to_json()
    made["options"]["train_split"] = "train-0.tar;touch canary|6"
    assert len(sources.open_source(made, device="cpu", trust=Trust(names)).train) == 6
    assert not any("canary" in one for one in OPENED)


def test_what_is_trusted_by_its_typed_name_is_trusted_as_any_process_finds_it(tmp_path, monkeypatch):
    root = write_shards(tmp_path / "table")
    monkeypatch.chdir(tmp_path)
    trust = trusted_code(tmp_path / "study", note=print, allowed=["hfds/./table"])
    source = sources.describe("hfds/./table:image_size=8", trust=trust)
    forget()
    monkeypatch.chdir("/")
    again = trusted_code(tmp_path / "study", note=print)
    assert str(root) in again.names
    assert len(sources.open_source(source.to_json(), device="cpu", trust=again).train) == 6


def test_a_recipe_of_an_earlier_version_names_its_root_and_is_still_read(tmp_path):
    root = write_shards(tmp_path / "shards")
    now = typed(f"wds/x:root={root},{STREAMED}")
    earlier = {**now.to_json(), "options": {**now.options, "dataset": "wds/mine", "root": str(root)}}
    forget()
    assert len(sources.open_source(earlier, device="cpu", trust=Trust(frozenset({"wds/mine"}))).train) == 6


# ---- commands ----


def test_one_training_from_every_root_and_its_data_found_after_a_move(invoke, tmp_path, monkeypatch):
    root = write_shards(tmp_path / "w" / "shards")
    words = ("train", "sgd", "--model", "preresnet8", "--model-option", "width=0.25", "--epochs", 1, "--device", "cpu")
    ids = set()
    for here, text in ((tmp_path, "w/shards"), (root, "."), (tmp_path, str(root))):
        monkeypatch.chdir(here)
        done = invoke(*words, "--data", f"wds/x:root={text},image_size=8", "--study", tmp_path / "study")
        assert done.exit_code == 0, done.stderr
        ids.add(done.stdout.strip())
        forget()
    (one,) = ids
    monkeypatch.chdir("/")
    probe = ("probe", "errors", one, "--study", tmp_path / "study", "--device", "cpu")
    assert invoke(*probe).exit_code == 0
    root.rename(tmp_path / "moved")
    forget()
    failed = invoke(*probe, "--seed", 1)
    assert (failed.exit_code, "--data PATH" in failed.stderr) == (2, True), failed.stderr
    again = invoke(*probe, "--seed", 1, "--data", f"wds/x:root={tmp_path / 'moved'}")
    assert again.exit_code == 0, again.stderr
