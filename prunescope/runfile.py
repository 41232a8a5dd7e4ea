"""The HDF5 schema of one finished run: writing it, reading it back, and telling damage.

Layout (schema 1):
    /                 attributes: schema, id, recipe, created, wall_seconds, device, versions, facts, weights, digest;
                      of trainings also engine: "alone", or "grouped(K)" for K models trained together
    /history/<column> one value per epoch: number, of, learning_rate, train_loss, train_error
    /mask/<parameter> uint8, 1 = kept
    /readings/<probe>/<name>  the value; attributes: unit, axes, labels, estimator, n, stderr
    /diagnoses/<k>    attributes: density, rule, regime, advice, confidence, because
Attributes that hold structure (recipe, versions, facts, weights, axes, labels, because) are JSON text.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from prunescope import recipe as recipes
from prunescope.api import Advice, Diagnosis, Epoch, Mask, Reading, Regime
from prunescope.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from prunescope.recipe import Recipe

SCHEMA = 1

LIBRARY = ("v110", "v110")
"""File format of HDF5 1.10: attributes may exceed 64 KiB, and every reader since 2016 opens it."""


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


def write(path: Path, run: Run) -> None:
    """Write a run to `path` (which is not yet its final name).

    HDF5 sees memory alone: on a full disk it ends the process with a segmentation fault, Python with an OSError.
    """
    with h5py.File(path, "w", driver="core", backing_store=False, libver=LIBRARY) as file:
        file.attrs.update(
            schema=SCHEMA,
            id=run.id,
            recipe=run.recipe.canonical(),
            created=run.created,
            wall_seconds=run.wall_seconds,
            device=run.device,
            versions=_dumps(run.versions),
            facts=_dumps(run.facts),
            weights=_dumps(run.weights),
        )
        if run.engine:
            file.attrs["engine"] = run.engine
        _write_history(file, run.history)
        for name, kept in (run.mask.kept if run.mask else {}).items():
            file.create_dataset(f"mask/{escape(name)}", data=kept.cpu().numpy().astype(np.uint8), compression="gzip")
        for probe, readings in run.readings.items():
            for name, reading in readings.items():
                _write_reading(file, f"readings/{probe}/{escape(name)}", reading)
        for number, verdict in enumerate(run.verdicts):
            _write_verdict(file.create_group(f"diagnoses/{number}"), verdict)
        file.attrs["digest"] = digest(file)
        file.flush()
        image = file.id.get_file_image()
    path.write_bytes(image)


def read(path: Path, *, with_mask: bool = False, only: Collection[str] | None = None) -> Run:
    """Return the run in a file; StoreError where it is damaged or of another schema.

    only: which readings to read, as "<probe>/<name>"; all when None.
    """
    try:
        with h5py.File(path, "r") as file:
            _check_schema(path, file)
            return _read_run(file, with_mask=with_mask, only=only)
    except (OSError, KeyError, ValueError) as error:
        raise unreadable(path, error) from error


def check(path: Path) -> str | None:
    """Return what is wrong with a result file, or None: schema, id, and every value against the stored digest."""
    try:
        with h5py.File(path, "r") as file:
            _check_schema(path, file)
            if file.attrs["digest"] != digest(file):
                return "its values do not match its digest"
            expected = recipes.parse(str(file.attrs["recipe"])).id
            if file.attrs["id"] != expected or path.stem != expected:
                return f"its name and id do not follow from its recipe: wanted {expected}"
    except (OSError, KeyError, ValueError, RuntimeError, StoreError) as error:
        return f"it cannot be read: {error}"
    return None


def digest(file: h5py.File) -> str:
    """Return the sha256 over every name, type, shape, value and attribute in a file, except the digest itself."""
    total = hashlib.sha256()
    for name, item in sorted(_walk(file), key=lambda pair: pair[0]):
        total.update(name.encode())
        for key in sorted(item.attrs):
            if key != "digest":
                total.update(key.encode() + _bytes(np.asarray(item.attrs[key])))
        if isinstance(item, h5py.Dataset):
            total.update(_bytes(np.asarray(item[()])))
    return total.hexdigest()


def _walk(file: h5py.File) -> Iterator[tuple[str, Any]]:
    found: list[tuple[str, Any]] = [("/", file)]
    file.visititems(lambda name, item: found.append((name, item)))
    yield from found


def _bytes(array: np.ndarray) -> bytes:
    if array.dtype.kind in "OUS":
        return repr(array.tolist()).encode()
    return f"{array.dtype.str}{array.shape}".encode() + array.tobytes()


def _write_history(file: h5py.File, history: tuple[Epoch, ...]) -> None:
    if history:
        for column in fields(Epoch):
            file[f"history/{column.name}"] = np.array([getattr(epoch, column.name) for epoch in history])


def _write_reading(file: h5py.File, name: str, reading: Reading) -> None:
    dataset = file.create_dataset(name, data=np.asarray(reading.value))
    dataset.attrs.update(
        unit=reading.unit,
        axes=_dumps(reading.axes),
        labels=_dumps(reading.labels),
        estimator=reading.estimator,
    )
    if reading.n is not None:
        dataset.attrs["n"] = reading.n
    if reading.stderr is not None:
        dataset.attrs["stderr"] = np.asarray(reading.stderr, dtype=np.float64)


def _write_verdict(group: h5py.Group, verdict: Verdict) -> None:
    diagnosis = verdict.diagnosis
    group.attrs.update(
        density=verdict.density,
        rule=verdict.rule,
        regime=str(diagnosis.regime or ""),
        advice=str(diagnosis.advice),
        because=_dumps(diagnosis.because),
    )
    if diagnosis.confidence is not None:
        group.attrs["confidence"] = diagnosis.confidence


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


def unreadable(path: Path, error: Exception) -> StoreError:
    """Return the error for a file that is damaged, or no result at all."""
    return StoreError(
        f"{path} is not a readable prunescope result: {error}",
        fix="remove it and run its command again; `prunescope results check` lists all such files",
    )


def _read_run(file: h5py.File, *, with_mask: bool, only: Collection[str] | None) -> Run:
    attributes = file.attrs
    return Run(
        recipe=recipes.parse(str(attributes["recipe"])),
        created=str(attributes["created"]),
        wall_seconds=float(attributes["wall_seconds"]),
        device=str(attributes["device"]),
        versions=json.loads(attributes["versions"]),
        engine=str(attributes.get("engine", "")),
        facts=json.loads(attributes["facts"]),
        weights=json.loads(attributes["weights"]),
        history=_read_history(file),
        mask=_read_mask(file) if with_mask and "mask" in file else None,
        readings={
            probe: {
                _unescape(name): _read_reading(group[name])
                for name in group
                if only is None or f"{probe}/{_unescape(name)}" in only
            }
            for probe, group in file.get("readings", {}).items()
        },
        verdicts=tuple(_read_verdict(file["diagnoses"][key]) for key in sorted(file.get("diagnoses", {}), key=int)),
    )


def _read_history(file: h5py.File) -> tuple[Epoch, ...]:
    if "history" not in file:
        return ()
    columns = {name: dataset[()].tolist() for name, dataset in file["history"].items()}
    return tuple(Epoch(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True))


def _read_mask(file: h5py.File) -> Mask:
    import torch

    return Mask({_unescape(name): torch.from_numpy(kept[()]).bool() for name, kept in file["mask"].items()})


def _read_reading(dataset: h5py.Dataset) -> Reading:
    attributes = dataset.attrs
    value, stderr = dataset[()], attributes.get("stderr")
    scalar = np.ndim(value) == 0
    return Reading(
        value=float(value) if scalar else value,
        unit=str(attributes["unit"]),
        n=int(attributes["n"]) if "n" in attributes else None,
        stderr=float(stderr) if scalar and stderr is not None else stderr,
        estimator=str(attributes["estimator"]),
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
            confidence=float(attributes["confidence"]) if "confidence" in attributes else None,
            because=tuple(json.loads(attributes["because"])),
        ),
    )


def escape(name: str) -> str:
    """HDF5 reads "/" in a name as a path; parameters and layers may have it."""
    return name.replace("%", "%25").replace("/", "%2F")


def _unescape(name: str) -> str:
    return name.replace("%2F", "/").replace("%25", "%")


def _dumps(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def as_json(run: Run) -> dict[str, Any]:
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
    """Return a verdict as JSON values."""
    return {"density": verdict.density, "rule": verdict.rule, **asdict(verdict.diagnosis)}


def _numbers(value: object) -> Any:  # noqa: ANN401 - nested lists of numbers
    array = np.asarray(value, dtype=np.float64)
    return [_numbers(item) for item in array] if array.ndim else _number(float(array))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
