"""Data are identified by their content: not by where they lie, nor by how their folder is spelled."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from cifar10_files import write_cifar10
from images import write_images
from small_sweep import study_text

from prunescope.api.errors import InputError
from prunescope.data import places, sources
from prunescope.runs import locations
from prunescope.runs.store import Store

TRAIN = ("train", "sgd", "--model", "preresnet8", "--model-option", "width=0.25", "--epochs", 1, "--device", "cpu")


def study(epochs, **data):
    """Return the file of a study of these epochs and data."""
    three, axes = {"plugin": "sgd", "epochs": 3}, {"epochs": epochs, "density": [0.5]}
    return study_text(data=data, train=three, axes=axes, seeds={"replicas": 1})


@pytest.fixture(autouse=True)
def _another_process(monkeypatch):
    """Forget, as another process does, where data were found."""
    monkeypatch.setattr(places, "_FOUND", {})
    sources._load.cache_clear()


def forget():
    places._FOUND.clear()
    sources._load.cache_clear()


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path / "w" / "imgs")


def spellings(images):
    return [
        (images.parent, "imgs"),
        (images.parent, "./imgs"),
        (images.parent, "imgs/"),
        (images.parent, str(images)),
        (images.parent.parent, "w/imgs"),
        (images, "."),
        (images / "train", "../../imgs"),
    ]


# ---- one content, one id ----


@pytest.mark.parametrize("more", ["", "in_memory=never", "image_size=6"])
def test_every_spelling_of_a_folder_is_one_source(images, monkeypatch, more):
    found = []
    for place, text in spellings(images):
        monkeypatch.chdir(place)
        found.append(sources.describe(f"{text}:{more}" if more else text).to_json())
    assert found == [found[0]] * len(found)
    assert "root" not in found[0]["options"]


def test_five_spellings_are_one_training(images, invoke, tmp_path, monkeypatch):
    ids = set()
    for place, text in spellings(images)[:5]:
        monkeypatch.chdir(place)
        done = invoke(*TRAIN, "--data", text, "--study", tmp_path / "study")
        assert done.exit_code == 0, done.stderr
        ids.add(done.stdout.strip())
    assert len(ids) == 1
    assert Store(tmp_path / "study").ids() == sorted(ids)


@pytest.mark.parametrize("more", ["", ":in_memory=never"])
def test_a_copy_with_other_file_names_is_the_same_data_and_other_pixels_are_others(images, tmp_path, more):
    one = sources.describe(f"{images}{more}")
    copy = Path(shutil.copytree(images, tmp_path / "copy"))
    for path in sorted(copy.rglob("*.bmp")):
        path.rename(path.with_name(f"picture-{path.name}"))
    assert sources.describe(f"{copy}{more}") == one
    path = next(copy.rglob("*.bmp"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # another pixel in a file of the same size
    path.write_bytes(data)
    sources._load.cache_clear()
    assert sources.describe(f"{copy}{more}") != one


@pytest.mark.parametrize("option", ["workers=1", "test_split=val", "train_split=train"])
def test_how_files_are_read_renames_nothing_and_what_is_seen_does(images, option):
    assert sources.describe(f"{images}:{option}") == sources.describe(str(images))
    assert sources.describe(f"{images}:flip=false") != sources.describe(str(images))


def test_a_file_that_lists_classes_counts_by_what_it_lists(images, tmp_path):
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text("bee\nant\n")
    found = [sources.describe(f"{images}:classes={tmp_path / name}") for name in ("one.txt", "two.txt")]
    assert found[0] == found[1] == sources.describe(f"{images}:classes=bee,ant")
    (tmp_path / "gaps.json").write_text('{"bee": 2, "ant": 0}')
    source = sources.describe(f"{images}:classes={tmp_path / 'gaps.json'}")
    assert str(tmp_path) not in json.dumps(source.to_json())
    assert sorted(sources.open_source(source.to_json(), device="cpu").train.labels.tolist()) == [0] * 4 + [2] * 4


@pytest.mark.parametrize("more", ["", ",in_memory=never"])
def test_cifar10_is_one_data_set_wherever_its_files_lie(tmp_path, monkeypatch, more):
    first = write_cifar10(tmp_path / "data", monkeypatch)
    monkeypatch.chdir(tmp_path)
    found = [sources.describe(f"torch/cifar10:root={root}{more}") for root in ("data", "./data", first)]
    found.append(sources.describe("torch/cifar10" + (":in_memory=never" if more else "")))
    shutil.copytree(first, tmp_path / "elsewhere")
    found.append(sources.describe(f"torch/cifar10:root={tmp_path / 'elsewhere'}{more}"))
    assert found == [found[0]] * 5
    assert found[0].options["dataset"] == "torch/cifar10"


def test_a_file_of_arrays_is_one_data_set_wherever_it_lies(tmp_path, monkeypatch):
    x, y = np.arange(40 * 16, dtype=np.int64).reshape(40, 1, 4, 4).astype(np.uint8), np.arange(40) % 3
    for name in ("a.npz", "deep/b.npz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.savez_compressed(tmp_path / name, x=x, y=y)
    monkeypatch.chdir(tmp_path / "deep")
    texts = ("../a.npz", "./b.npz", "b.npz", str(tmp_path / "a.npz"))
    found = [sources.describe(f"arrays:file={text},train_images=20,test_images=10") for text in texts]
    assert found == [found[0]] * 4
    assert "file" not in found[0].options
    (tmp_path / "a.npz").unlink()
    assert len(sources.open_source(found[0].to_json(), device="cpu").train) == 20
    (tmp_path / "deep" / "b.npz").unlink()
    sources._load.cache_clear()
    with pytest.raises(InputError, match=r"not in .*b\.npz"):
        sources.open_source(found[0].to_json(), device="cpu")


def test_a_recipe_of_an_earlier_version_names_its_folder_and_is_still_read(images):
    described = sources.describe(str(images)).to_json()
    earlier = {**described, "options": {"root": str(images)}}
    assert len(sources.open_source(earlier, device="cpu").train) == 8
    forget()
    with pytest.raises(InputError, match="not in gone"):
        sources.open_source({**described, "options": {"root": "gone"}}, device="cpu")


# ---- where they lie ----


@pytest.fixture
def trained(images, invoke, tmp_path):
    """Return the id of a training on images in a study beside them."""
    done = invoke(*TRAIN, "--data", images, "--study", tmp_path / "study")
    assert done.exit_code == 0, done.stderr
    forget()
    return done.stdout.strip()


def errors(invoke, run, study, *more):
    return invoke("probe", "errors", run, "--study", study, "--device", "cpu", *more)


def test_another_process_finds_the_data_by_the_table_of_the_study(trained, invoke, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    assert errors(invoke, trained, tmp_path / "study").exit_code == 0


def test_a_study_that_was_moved_together_with_its_data_finds_them(trained, images, invoke, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for folder in (images.parent, tmp_path / "study"):
        shutil.move(folder, tmp_path / "elsewhere" / folder.name)
    assert errors(invoke, trained, tmp_path / "elsewhere" / "study").exit_code == 0


def test_data_that_are_not_found_are_one_error_and_one_option(trained, images, invoke, tmp_path):
    before = Store(tmp_path / "study").ids()
    images.rename(tmp_path / "moved")
    failed = errors(invoke, trained, tmp_path / "study")
    assert failed.exit_code == 2
    assert f"not in {images}" in failed.stderr
    assert "--data PATH" in failed.stderr
    again = errors(invoke, trained, tmp_path / "study", "--data", tmp_path / "moved")
    assert again.exit_code == 0, again.stderr
    forget()
    more = errors(invoke, trained, tmp_path / "study", "--seed", 1)  # the table knows them now
    assert more.exit_code == 0, more.stderr
    assert len(Store(tmp_path / "study").ids()) == len(before) + 2


def test_other_content_in_the_same_place_is_an_error_not_the_old_data(trained, images, invoke, tmp_path):
    shutil.rmtree(images)
    write_images(images, seed=1)
    failed = errors(invoke, trained, tmp_path / "study")
    assert (failed.exit_code, "have changed" in failed.stderr) == (2, True)
    named = errors(invoke, trained, tmp_path / "study", "--data", images)
    assert named.exit_code == 0
    probe = Store(tmp_path / "study").read(named.stdout.split()[-1]) if "probe-" in named.stdout else None
    assert len([run for run in Store(tmp_path / "study").ids() if run.startswith("probe-")]) == 1
    assert probe is None or probe.recipe.inputs == (trained,)


def test_a_damaged_table_of_places_says_nothing(trained, invoke, tmp_path):
    table = tmp_path / "study" / locations.PLACES_FILE
    text = table.read_text()
    for damaged in ("", "[]", '{"a b": 3}', '{"timm x": [{}]}', text.replace("root", "dataset"), text[:-9]):
        table.write_text(damaged)
        forget()
        failed = errors(invoke, trained, tmp_path / "study")
        assert (failed.exit_code, "--data PATH" in failed.stderr) == (2, True), damaged


def test_fewer_batches_of_a_run_are_of_the_same_data(trained, invoke, tmp_path):
    limited = errors(invoke, trained, tmp_path / "study", "--limit-batches", 1)
    assert limited.exit_code == 0, limited.stderr


# ---- studies ----


def sweep(invoke, study, *more):
    done = invoke("sweep", study, "--workers", 1, "--device", "cpu", *more)
    assert done.exit_code == 0, done.stderr
    return done


def test_a_study_goes_on_where_its_data_lie_now(images, invoke, tmp_path):
    (tmp_path / "one.toml").write_text(study([3], name=str(images), flip=False))
    sweep(invoke, tmp_path / "one.toml", "--study", tmp_path / "study", "--only", "train")
    images.rename(tmp_path / "moved")
    forget()
    failed = invoke("sweep", tmp_path / "study", "--workers", 1, "--device", "cpu")
    assert (failed.exit_code, "sweep STUDY --data PATH" in failed.stderr) == (4, True) or failed.exit_code == 2
    write_images(tmp_path / "other", seed=5)
    other = invoke("sweep", tmp_path / "study", "--workers", 1, "--data", tmp_path / "other")
    assert (other.exit_code, "have changed" in other.stderr) == (2, True)
    before = set(Store(tmp_path / "study").ids())
    sweep(invoke, tmp_path / "study", "--data", tmp_path / "moved")
    after = Store(tmp_path / "study").ids()
    assert before < set(after)
    assert len([run for run in after if run.startswith("train-")]) == 1
    forget()
    locations.read_places(tmp_path / "study")
    recipe = Store(tmp_path / "study").read(after[-1]).recipe
    assert len(sources.open_source(recipe.arguments["data"], device="cpu").test) == 8


def test_an_edited_axis_of_epochs_reuses_every_finished_training(invoke, tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()

    def edited(epochs):
        (folder / "study.toml").write_text(study(epochs, name="patches", images=60, test_images=40))
        sweep(invoke, folder)
        return set(Store(folder).ids())

    first = edited([1, 3])
    times = {path: path.stat().st_mtime_ns for path in (folder / "runs").glob("*.h5")}
    second = edited([1, 2, 3])
    new = second - first
    assert first < second
    assert sorted(run.partition("-")[0] for run in new) == ["probe", "prune", "retrain", "train"]
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert edited([2, 3]) == edited([1, 2, 3]) == second
    cells = json.loads(invoke("report", folder, "--json").stdout)["cells"]
    assert sorted(cell["value"] for cell in cells) == [1, 2, 3]


def train(invoke, folder, *more):
    words = ("train", "sgd", "--model", "preresnet8", "--model-option", "width=0.25", "--epochs", 3, "--device", "cpu")
    result = invoke(*words, "--data", "patches:images=60,test_images=40", "--study", folder, *more)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip(), result.stderr


def test_snapshots_that_are_added_later_do_not_rename_a_training(invoke, tmp_path):
    store = Store(tmp_path / "study")
    one, _ = train(invoke, store.study, "--snapshots", "1")
    time = store.path(one).stat().st_mtime_ns
    same, told = train(invoke, store.study, "--snapshots", "1,2")
    (added,) = set(store.ids()) - {one}
    assert (same, store.path(one).stat().st_mtime_ns) == (one, time)
    assert f"snapshots: {one}@1, {added}@2\n" in told
    ends = [store.load_weights(run).state for run in (one, added)]
    assert all((ends[0][name] == ends[1][name]).all() for name in ends[0])
    for asked in ("2,1", "2", "1"):
        assert train(invoke, store.study, "--snapshots", asked)[0] in {one, added}
    assert train(invoke, store.study)[0] == one
    assert set(store.ids()) == {one, added}


def test_another_training_is_not_taken_for_one_with_other_snapshots(invoke, tmp_path):
    one, _ = train(invoke, tmp_path / "study", "--snapshots", "1")
    other, _ = train(invoke, tmp_path / "study", "--snapshots", "1", "--seed", "1")
    assert one != other


# ---- the table of ids ----


def test_the_ids_in_the_documentation_are_those_of_now(tmp_path, monkeypatch):
    from prunescope.networks.spec import ModelSpec
    from prunescope.plugins import registry
    from prunescope.runs.plan import training_recipe

    write_images(tmp_path / "imgs")
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "identity.md").read_text(encoding="utf-8")
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in page.splitlines() if "train-" in line]
    table = {row[1]: row[2] if row[3] == "the same" else row[3] for row in rows if len(row) == 4}
    assert len(table) == 4
    trainer = registry.make("trainers", "sgd", {"epochs": 1})
    for text, wanted in table.items():
        source = sources.describe(text)
        data = sources.open_source(source.to_json(), device="cpu")
        spec = ModelSpec(
            name="preresnet8", num_classes=data.num_classes, in_chans=data.in_chans, image_size=data.image_size
        )
        assert training_recipe(trainer=trainer, model=spec, data=source, seed=0).id == wanted, text
