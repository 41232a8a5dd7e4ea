"""From a study and a diagnosis to the view model of its report."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from prunescope.api import Regime
from prunescope.api.errors import PrunescopeError
from prunescope.api.wording import count_text, density_text
from prunescope.plugins import citations, registry
from prunescope.report.common.view import EvidenceLevel, Headline, MadeRun, PathCurve, Paths, Report, ShownCost, Taken
from prunescope.report.diagnosis import advice, caveats, evidence
from prunescope.runs import locations
from prunescope.runs.credits import credited_methods
from prunescope.runs.recipe import run_of, snapshot_of
from prunescope.studies.diagnosis.trail import follow_diagnosis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.files.runfile import Run, Verdict
    from prunescope.runs.session import Session
    from prunescope.studies.diagnosis.trail import Branch, Trail

PATH = "lmc/train_error_path"

STEP_ORDER = ("import", "train", "prune", "retrain", "probe", "diagnose")


def assemble(session: Session, diagnose_id: str, *, notes: Sequence[str] = ()) -> Report:
    """Return everything a report on a diagnosis shows; it computes no new reading.

    notes: assumptions made on the way that no run records; they join the warnings.

    Raises UsageError where the id is not a diagnosis, InputError or StoreError where a run behind it is missing or
    damaged.
    """
    trail = follow_diagnosis(session, diagnose_id)
    branches = trail.branches
    verdicts = tuple(_headline(verdict) for branch in trail.pruned for verdict in branch.verdicts)
    pruned = {branch.density for branch in trail.pruned}
    votes = tuple(_headline(verdict) for verdict in trail.diagnosis.verdicts if verdict.density not in pruned)
    diagnosis = trail.diagnosis
    return Report(
        id=diagnosis.id,
        created=diagnosis.created,
        title=_title(trail),
        subject=_subject(trail),
        verdicts=verdicts,
        dense_votes=votes,
        level=_level(trail, verdicts),
        knobs=advice.knobs(trail),
        columns=tuple(evidence.evidence_column(branch) for branch in branches),
        evidence=evidence.known_rows(branches),
        others=evidence.other_rows(branches),
        vectors=evidence.vectors(branches),
        maps=evidence.heat_maps(branches),
        summaries=tuple(summary for summary in evidence.summaries(branches) if summary.key != PATH),
        paths=tuple(path for branch in branches for path in _paths(branch)),
        warnings=caveats.caveats(trail, notes),
        cost=_cost(trail),
        made=tuple(_shown_run(branch, run) for branch, run in trail.runs),
        provenance=_provenance(trail),
        recipes=_recipes(trail),
        versions=diagnosis.versions,
        seeds=_seeds(trail),
        device=diagnosis.device,
        commands=advice.commands(trail, verdicts, study=session.store.study),
        taken=tuple(
            _taken(branch, run, probe) for branch in branches for run in branch.probes for probe in run.readings
        ),
        judged=diagnosis.verdicts,
        cited=citations.cited(credited_methods(run.recipe for _, run in trail.runs)),
    )


def _headline(verdict: Verdict) -> Headline:
    diagnosis = verdict.diagnosis
    return Headline(
        density=verdict.density,
        label=density_text(verdict.density),
        rule=verdict.rule,
        regime=diagnosis.regime,
        advice=diagnosis.advice,
        confidence=diagnosis.confidence,
        unsure=diagnosis.because[0] if diagnosis.confidence is None and diagnosis.because else "",
        because=diagnosis.because,
        hotter=diagnosis.hotter,
        regime_probability=diagnosis.regime_probability,
        gain=diagnosis.gain,
        gain_interval=diagnosis.gain_interval,
        next_buys=diagnosis.next_buys,
    )


def _title(trail: Trail) -> str:
    subject, data = _subject(trail), _data_source(trail)
    on = f" on {_short_data_name(data)}" if data else ""
    return f"{subject['model'] or trail.reference}{on}"


def _subject(trail: Trail) -> dict[str, Any]:
    dense, data = trail.dense, _data_source(trail)
    return {
        "run": trail.reference,
        "sha256": _digest(trail),
        "source": str(dense.facts.get("source", "")),
        "format": str(dense.facts.get("format", "")),
        "model": str(dense.facts.get("model", {}).get("name", "")),
        "data": _data_name(data) if data else "",
        "fingerprint": data.get("fingerprint", "") if data else "",
    }


def _data_source(trail: Trail) -> Mapping[str, Any] | None:
    return next((run.recipe.arguments["data"] for _, run in trail.runs if "data" in run.recipe.arguments), None)


def _digest(trail: Trail) -> str:
    """Return the SHA-256 of the weights; of a checkpoint, or one beside another program's results, of its file."""
    recipe = trail.dense.recipe
    if recipe.step == "import":
        return str(recipe.arguments.get("sha256") or recipe.arguments["weights"])
    return str(trail.dense.weights.get(f"{trail.reference}.safetensors", ""))


def _level(trail: Trail, verdicts: Sequence[Headline]) -> EvidenceLevel:
    """Say what kind of evidence there is, and what the next kind would answer."""
    if trail.direction_alone:
        return _level_alone(trail, verdicts)
    if any(verdict.regime in (Regime.II_A, Regime.II_B) for verdict in verdicts):
        return EvidenceLevel(
            name="L4",
            stands_on="replicas retrained at each density, compared with other temperatures",
            next_buys="More dense seeds would show how much the verdict depends on this one.",
        )
    if any(branch.siblings for branch in trail.branches):
        buys = next(
            (verdict.next_buys for verdict in verdicts if verdict.next_buys), "more dense seeds would narrow it"
        )
        return EvidenceLevel(
            name="L3",
            stands_on="replicas retrained at each density, and siblings at other temperatures retrained briefly",
            next_buys=f"{buys[0].upper()}{buys[1:]}.",
        )
    if trail.pruned:
        return EvidenceLevel(
            name="L3",
            stands_on="replicas pruned and retrained at each density",
            next_buys="One more temperature at the same densities would separate II-A from II-B (level L4).",
        )
    if any("lmc/lmc" in evidence.readings(branch) for branch in trail.branches):
        return EvidenceLevel(
            name="L2",
            stands_on="two dense replicas and the data",
            next_buys="Pruning and retraining at the wanted densities would give the regime of each (level L3).",
        )
    return EvidenceLevel(
        name="L1",
        stands_on="one dense checkpoint and the data",
        next_buys="A second dense replica would add its connectivity (level L2); pruning and retraining would name the "
        "regime at each density (level L3).",
    )


def _level_alone(trail: Trail, verdicts: Sequence[Headline]) -> EvidenceLevel:
    """Say what the direction rests on where no replicas were retrained."""
    buys = next((verdict.next_buys for verdict in verdicts if verdict.next_buys), "siblings would give a direction")
    next_buys = f"{buys[0].upper()}{buys[1:]}; replicas (--replicas {advice.REPLICAS}) would name the regime."
    if any(branch.siblings for branch in trail.branches):
        stands_on = "siblings at other temperatures, pruned and retrained briefly, and no replicas"
        return EvidenceLevel(name="L3", stands_on=stands_on, next_buys=next_buys)
    stands_on = "one dense checkpoint, its pruned versions and the record of its training; nothing was retrained"
    return EvidenceLevel(name="L1", stands_on=stands_on, next_buys=next_buys)


def _paths(branch: Branch) -> tuple[Paths, ...]:
    """Return the lines between replicas at one density, where they were measured."""
    reading = evidence.readings(branch).get(PATH)
    if reading is None or reading.axes[:1] != ("pair",) or len(reading.axes) != 2:
        return ()
    values = evidence.paths(reading)
    means = (values[:, 0] + values[:, -1]) / 2
    names = _pair_names(len(values))
    lmc = np.asarray(evidence.readings(branch)["lmc/lmc"].value, dtype=np.float64)
    curves = tuple(
        PathCurve(pair=name, values=tuple(path.tolist()), lmc=float(one))
        for name, path, one in zip(names, values, lmc, strict=True)
    )
    return (
        Paths(
            density=branch.density,
            label=density_text(branch.density),
            regime=next((verdict.diagnosis.regime for verdict in branch.verdicts), None),
            curves=curves,
            lmc=float(lmc.mean()),
            ends=float(means.mean()),
            epsilon=next((found for case in branch.cases if (found := _epsilon(case)) is not None), None),
        ),
    )


def _pair_names(pairs: int) -> list[str]:
    replicas = next(count for count in range(2, pairs + 3) if count * (count - 1) // 2 >= pairs)
    return [f"{first}–{second}" for first, second in combinations(range(1, replicas + 1), 2)][:pairs]


def _epsilon(case: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return between which values the rule of a case takes -LMC's threshold to lie, if it is a rule of that kind."""
    try:
        rule = registry.make("rules", case["rule"], case["options"]).instance
    except PrunescopeError:
        return None  # the rule is no longer installed: its verdict is kept, its threshold is not drawn
    found = rule.thresholds()
    return (found.low, found.high) if found else None


def _cost(trail: Trail) -> tuple[ShownCost, ...]:
    runs = [run for _, run in trail.runs]
    return tuple(
        ShownCost(
            step=step,
            runs=len(group),
            seconds=sum(run.wall_seconds for run in group),
            detail=_epochs(group),
        )
        for step in STEP_ORDER
        if (group := [run for run in runs if run.recipe.step == step])
    )


def _epochs(group: Sequence[Run]) -> str:
    epochs = sorted({len(run.history) for run in group if run.history})
    if not epochs:
        return ""
    each = " each" if len(group) > 1 else ""
    if len(epochs) == 1:
        return f"{count_text(epochs[0], 'epoch')}{each}"
    return f"{epochs[0]}–{count_text(epochs[-1], 'epoch')}{each}"


def _shown_run(branch: Branch | None, run: Run) -> MadeRun:
    seed = run.recipe.arguments.get("seed")
    what = " ".join(part for part in (run.recipe.plugin, f"seed {seed}" if seed is not None else "") if part)
    return MadeRun(
        label=density_text(branch.density) if branch else "",
        step=run.recipe.step,
        what=what,
        id=run.id,
        seconds=run.wall_seconds,
    )


def _taken(branch: Branch, run: Run, probe: str) -> Taken:
    return Taken(
        density=branch.density, run=run.id, probe=probe, replicas=run.recipe.inputs, readings=run.readings[probe]
    )


def _provenance(trail: Trail) -> tuple[tuple[str, str], ...]:
    subject, diagnosis = _subject(trail), trail.diagnosis
    epoch = snapshot_of(trail.reference)
    rows = (
        ("diagnosis", diagnosis.id),
        ("made", diagnosis.created),
        (
            "dense model",
            run_of(trail.reference) + (f", snapshot after {count_text(epoch, 'epoch')}" if epoch is not None else ""),
        ),
        ("checkpoint", subject["source"]),
        ("format", subject["format"]),
        ("sha256", subject["sha256"]),
        ("network", subject["model"]),
        ("data", subject["data"]),
        ("fingerprint of the data", subject["fingerprint"]),
        ("device", diagnosis.device),
        ("versions", ", ".join(f"{name} {number}" for name, number in sorted(diagnosis.versions.items()))),
        ("seeds", "; ".join(f"{step} {', '.join(map(str, seeds))}" for step, seeds in _seeds(trail).items())),
    )
    return tuple((name, value) for name, value in rows if value)


def _seeds(trail: Trail) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = {}
    for _, run in trail.runs:
        if "seed" in run.recipe.arguments:
            found.setdefault(run.recipe.step, set()).add(int(run.recipe.arguments["seed"]))
    return {step: tuple(sorted(found[step])) for step in STEP_ORDER if step in found}


def _recipes(trail: Trail) -> tuple[tuple[str, str], ...]:
    first = next(iter(trail.pruned), None)
    named = [("dense training" if trail.dense.recipe.step == "train" else "import", trail.dense)]
    if first is not None and first.prune is not None:
        named.append(("pruning", first.prune))
        named += [("retraining", run) for run in first.retrainings[:1]]
    if trail.direction_alone:
        brief = [run for branch in trail.pruned for run in branch.siblings if run.recipe.step == "retrain"]
        named += [("brief retraining", run) for run in brief[:1]]
    return tuple((what, run.recipe.canonical()) for what, run in named)


def _data_name(source: Mapping[str, Any]) -> str:
    """Return what the report calls the data: an object of a process has no text that the command line takes."""
    called = source.get("options", {}).get("called")
    return f"an object ({called})" if source["name"] == "live" and called else advice.data_text(source)


def _short_data_name(source: Mapping[str, Any]) -> str:
    """Return the name of the data for a title: of pictures the folder or data set, without their preparation."""
    if source["name"] != "timm":
        return _data_name(source)
    options = locations.with_place(source)["options"]
    return str(options.get("dataset") or options.get("root") or "FOLDER")
