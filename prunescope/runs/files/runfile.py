"""The HDF5 schema of one finished run: writing it, reading it back, and telling damage.

Layout (schema 1):
    /                 attributes: schema, id, recipe, created, wall_seconds, device, versions, facts, weights, digest;
                      of trainings also engine: "alone", or "grouped(K)" for K models trained together, and
                      after a comma what the trainer returns: "captured", or "not captured: REASON"
    /history/<column> one value per epoch: number, of, learning_rate, train_loss, train_error
    /mask/<parameter> uint8, 1 = kept
    /readings/<probe>/<name>  the value; attributes: unit, axes, labels, estimator, n, stderr
    /diagnoses/<k>    attributes: density, rule, regime, advice, confidence, because; where the direction
                      was judged also hotter, regime_probability, gain, gain_low, gain_high, rests_on, next_buys (this
                      one also where the rule abstains and says what would decide)
Attributes that hold structure (recipe, versions, facts, weights, axes, labels, because, rests_on) are JSON text.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from prunescope.api import Advice, Diagnosis, Epoch, Mask, Reading, Regime
from prunescope.api.errors import REPAIR, PrunescopeError, StoreError
from prunescope.runs import recipe as recipes
from prunescope.runs.files import hdf5, opening
from prunescope.runs.files.hdf5 import Item

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    import h5py

    from prunescope.runs.files.hdf5 import Value
    from prunescope.runs.recipe import Recipe

SCHEMA = 1


OPTIONAL = ("confidence", "hotter", "regime_probability", "gain")
"""Numbers of a diagnosis that may not be known: no attribute then, as in files written before there was one."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A rule's diagnosis of the model at one density."""

    density: float
    rule: str
    diagnosis: Diagnosis


@dataclass(frozen=True, kw_only=True)
class Run:
    """One finished step: its recipe, what came out, and where and when it ran."""

    recipe: Recipe
    created: str
    """ISO 8601, UTC."""
    wall_seconds: float
    device: str
    versions: Mapping[str, str]
    engine: str = ""
    """Of trainings, "alone" or "grouped(K)": the last bits depend on how many models were trained together."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What is known beyond the recipe: model, data fingerprint, knobs, notes."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """Weight file's name -> sha256 of its bytes."""
    history: tuple[Epoch, ...] = ()
    mask: Mask | None = None
    readings: Mapping[str, Mapping[str, Reading]] = field(default_factory=dict)
    """Probe -> reading's name -> reading."""
    verdicts: tuple[Verdict, ...] = ()

    @property
    def id(self) -> str:
        """The run's id, which follows from its recipe."""
        return self.recipe.id


def run_bytes(run: Run) -> bytes:
    """Return the bytes of a run's file.

    HDF5 sees memory alone: on a full disk it ends the process with a segmentation fault, Python with an OSError.
    """
    items = {"/": Item(attributes=_attributes(run))}
    for column in fields(Epoch) if run.history else ():
        values = np.array([getattr(epoch, column.name) for epoch in run.history])
        items[f"history/{column.name}"] = Item(value=values)
    for name, kept in (run.mask.kept if run.mask else {}).items():
        items[f"mask/{escape(name)}"] = Item(value=kept.cpu().numpy().astype(np.uint8), compressed=True)
    for probe, readings in run.readings.items():
        items |= {f"readings/{probe}/{escape(name)}": _reading_item(reading) for name, reading in readings.items()}
    for number, verdict in enumerate(run.verdicts):
        items[f"diagnoses/{number}"] = _verdict_item(verdict)
    return hdf5.hdf5_bytes(items)


def _attributes(run: Run) -> dict[str, Value]:
    return {
        "schema": SCHEMA,
        "id": run.id,
        "recipe": run.recipe.canonical(),
        "created": run.created,
        "wall_seconds": run.wall_seconds,
        "device": run.device,
        "versions": _dumps(run.versions),
        "facts": _dumps(run.facts),
        "weights": _dumps(run.weights),
        **({"engine": run.engine} if run.engine else {}),
    }


def _reading_item(reading: Reading) -> Item:
    attributes: dict[str, Value] = {
        "unit": reading.unit,
        "axes": _dumps(reading.axes),
        "labels": _dumps(reading.labels),
        "estimator": reading.estimator,
    }
    if reading.n is not None:
        attributes["n"] = reading.n
    if reading.stderr is not None:
        attributes["stderr"] = np.asarray(reading.stderr, dtype=np.float64)
    return Item(value=np.asarray(reading.value), attributes=attributes)


def _verdict_item(verdict: Verdict) -> Item:
    diagnosis = verdict.diagnosis
    attributes: dict[str, Value] = {
        "density": verdict.density,
        "rule": verdict.rule,
        "regime": str(diagnosis.regime or ""),
        "advice": str(diagnosis.advice),
        "because": _dumps(diagnosis.because),
    }
    numbers = {name: getattr(diagnosis, name) for name in OPTIONAL}
    attributes |= {name: value for name, value in numbers.items() if value is not None}
    if diagnosis.gain_interval is not None:
        attributes["gain_low"], attributes["gain_high"] = diagnosis.gain_interval
    if diagnosis.hotter is not None:
        attributes["rests_on"] = _dumps(diagnosis.rests_on)
    if diagnosis.hotter is not None or diagnosis.next_buys:
        attributes["next_buys"] = diagnosis.next_buys
    return Item(attributes=attributes)


def read_run(path: Path, *, with_mask: bool = False, only: Collection[str] | None = None, follow: bool = False) -> Run:
    """Return the run in a file; StoreError where it is damaged or of another schema.

    only: which readings to read, as "<probe>/<name>"; all when None. follow: whether the path may be a link.
    """
    try:
        with opening.open_checked(path, follow=follow, with_mask=with_mask) as file:
            _check_schema(path, file)
            run = _read_run(file, with_mask=with_mask, only=only)
            _check_id(file, run.id)
    except PrunescopeError as error:
        if path.name in error.message:
            raise
        raise unreadable(path, error.message) from error
    except Exception as error:  # a damaged file can make HDF5 raise anything
        raise unreadable(path, error) from error
    return run


def _check_id(file: h5py.File, wanted: str) -> None:
    if str(file.attrs["id"]) != wanted:
        raise ValueError(f"its id {str(file.attrs['id'])!r} does not match its recipe: wanted {wanted}")


def check_run_file(path: Path) -> str | None:
    """Return what is wrong with a result file, or None: schema, id, and every value against the stored digest."""
    try:
        with opening.open_checked(path) as file:
            _check_schema(path, file)
            if file.attrs[hdf5.DIGEST] != hdf5.digest_of(file):
                return "its values do not match its digest"
            expected = recipes.parse(str(file.attrs["recipe"])).id
            if file.attrs["id"] != expected or path.stem != expected:
                return f"its name and id do not match its recipe: wanted {expected}"
            _read_run(file, with_mask=True, only=None)
    except PrunescopeError as error:
        return f"it cannot be read: {error.message}"
    except Exception as error:  # noqa: BLE001 - a damaged file can make HDF5 raise anything
        return f"it cannot be read: {error}"
    return None


def _check_schema(path: Path, file: h5py.File) -> None:
    schema = file.attrs.get("schema")
    if schema != SCHEMA:
        raise other_schema(path, schema)


def other_schema(path: Path, schema: object) -> StoreError:
    """Return the error for a file that another prunescope wrote."""
    return StoreError(
        f"{path} has schema {schema}, this prunescope reads {SCHEMA}",
        fix="use the prunescope version that wrote it, or run the command again",
    )


def unreadable(path: Path, error: Exception | str) -> StoreError:
    """Return the error for a file that is damaged, or no result at all."""
    return StoreError(
        f"{path} is not a readable prunescope result: {error}",
        fix=REPAIR,
    )


def _read_run(file: h5py.File, *, with_mask: bool, only: Collection[str] | None) -> Run:
    attributes = file.attrs
    return Run(
        recipe=recipes.parse(_text(attributes["recipe"])),
        created=_text(attributes["created"]),
        wall_seconds=float(attributes["wall_seconds"]),
        device=_text(attributes["device"]),
        versions=_mapping(attributes["versions"]),
        engine=_text(attributes.get("engine", "")),
        facts=_mapping(attributes["facts"]),
        weights=_texts(_mapping(attributes["weights"])),
        history=_read_history(file),
        mask=_read_mask(file) if with_mask and "mask" in file else None,
        readings={
            probe: {
                unescape(name): _read_reading(group[name])
                for name in group
                if only is None or f"{probe}/{unescape(name)}" in only
            }
            for probe, group in file.get("readings", {}).items()
        },
        verdicts=tuple(_read_verdict(file["diagnoses"][key]) for key in sorted(file.get("diagnoses", {}), key=int)),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is in the place of a text")
    return value


def _mapping(text: object) -> dict[str, Any]:
    """Return the mapping that a JSON text holds."""
    found = json.loads(_text(text))
    if not isinstance(found, dict):
        raise TypeError(f"{str(found)[:80]!r} is in the place of names and values")
    return found


def _texts(found: dict[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in found.items()}


def _read_history(file: h5py.File) -> tuple[Epoch, ...]:
    if "history" not in file:
        return ()
    known = {column.name for column in fields(Epoch)}  # a newer version may have more
    columns = {name: dataset[()].tolist() for name, dataset in file["history"].items() if name in known}
    return tuple(Epoch(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True))


def _read_mask(file: h5py.File) -> Mask:
    import torch

    return Mask({unescape(name): torch.from_numpy(kept[()]).bool() for name, kept in file["mask"].items()})


def _read_reading(dataset: h5py.Dataset) -> Reading:
    attributes = dataset.attrs
    value, stderr = dataset[()], attributes.get("stderr")
    scalar = np.ndim(value) == 0
    return Reading(
        value=float(value) if scalar else value,
        unit=_text(attributes["unit"]),
        n=int(attributes["n"]) if "n" in attributes else None,
        stderr=float(stderr) if scalar and stderr is not None else stderr,
        estimator=_text(attributes["estimator"]),
        axes=tuple(json.loads(attributes["axes"])),
        labels=tuple(json.loads(attributes["labels"])),
    )


def _read_verdict(group: h5py.Group) -> Verdict:
    attributes = group.attrs
    return Verdict(
        density=float(attributes["density"]),
        rule=str(attributes["rule"]),
        diagnosis=Diagnosis(
            regime=Regime(attributes["regime"]) if attributes["regime"] else None,
            advice=Advice(attributes["advice"]),
            because=tuple(json.loads(attributes["because"])),
            **{name: float(attributes[name]) if name in attributes else None for name in OPTIONAL},
            gain_interval=_interval(attributes),
            rests_on=tuple(json.loads(attributes.get("rests_on", "[]"))),
            next_buys=str(attributes.get("next_buys", "")),
        ),
    )


def _interval(attributes: Mapping[str, Any]) -> tuple[float, float] | None:
    return (float(attributes["gain_low"]), float(attributes["gain_high"])) if "gain_low" in attributes else None


def escape(name: str) -> str:
    """HDF5 reads "/" in a name as a path; parameters and layers may have it."""
    return name.replace("%", "%25").replace("/", "%2F")


def unescape(name: str) -> str:
    """Return the name that `escape` made this of."""
    return name.replace("%2F", "/").replace("%25", "%")


def _dumps(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def run_as_json(run: Run) -> dict[str, Any]:
    """Return a run as JSON values, masks left out: what `results show --json` prints."""
    return {
        "id": run.id,
        "recipe": json.loads(run.recipe.canonical()),
        "created": run.created,
        "wall_seconds": run.wall_seconds,
        "device": run.device,
        "versions": dict(run.versions),
        "facts": dict(run.facts),
        "weights": dict(run.weights),
        "history": [asdict(epoch) for epoch in run.history],
        "readings": {
            probe: {name: reading_as_json(reading) for name, reading in readings.items()}
            for probe, readings in run.readings.items()
        },
        "verdicts": [verdict_as_json(verdict) for verdict in run.verdicts],
    }


def reading_as_json(reading: Reading) -> dict[str, Any]:
    """Return a reading as JSON values; non-finite numbers become null."""
    return {
        "value": _numbers(reading.value),
        "unit": reading.unit,
        "n": reading.n,
        "stderr": None if reading.stderr is None else _numbers(reading.stderr),
        "estimator": reading.estimator,
        "axes": list(reading.axes),
        "labels": list(reading.labels),
    }


def verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON values; what belongs to a direction only where one was judged."""
    found = asdict(verdict.diagnosis)
    if verdict.diagnosis.hotter is None:
        buys = ("next_buys",) if verdict.diagnosis.next_buys else ()
        found = {name: found[name] for name in ("regime", "advice", "confidence", "because", *buys)}
    return {"density": verdict.density, "rule": verdict.rule, **found}


def _numbers(value: object) -> Any:  # noqa: ANN401 - nested lists of numbers
    array = np.asarray(value, dtype=np.float64)
    finite = np.isfinite(array)
    return array.tolist() if finite.all() else np.where(finite, array.astype(object), np.array(None)).tolist()
