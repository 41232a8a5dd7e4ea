"""The family of a dense network: others of its training at other temperatures, found and chosen to be compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import PrunescopeError, UsageError
from prunescope.api.knobs import KNOBS
from prunescope.networks.checkpoints.siblings import find_sibling_files
from prunescope.regimes.siblings import choose_siblings
from prunescope.runs.recipe import parse, run_of, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from prunescope.runs.place import Network
    from prunescope.runs.session import Session

EPOCHS = 2
"""Of a brief retraining."""

REPLICAS = 2
"""Brief retrainings of each member at each density."""


@dataclass(frozen=True, kw_only=True)
class Relative:
    """One member of a family."""

    reference: str
    """A run, or a snapshot of one."""
    name: str
    """What a person calls it."""
    value: float
    """Of the family's knob."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A dense network and the others that it is compared with."""

    knob: str
    here: Relative
    others: tuple[Relative, ...]
    """Hottest first."""

    @property
    def members(self) -> tuple[Relative, ...]:
        """Everyone, the network in question first."""
        return (self.here, *self.others)

    def __str__(self) -> str:
        return f"{self.knob} {self.here.value:g} against {', '.join(f'{one.value:g}' for one in self.others)}"


def find_family(
    reference: str,
    session: Session,
    *,
    network: Network,
    asked: Sequence[Network] | None = None,
    resolve: Callable[[Network], str],
) -> tuple[Family | None, tuple[str, ...]]:
    """Return the family of a dense network as far as it is to be compared, and notes on members that were left out.

    network: as the user named it. asked: networks, or paths with wildcards; () for no family. With None, the snapshots
    of its own run are taken, else the numbered checkpoints beside its file. resolve: imports a network, or finds a run.
    Raises UsageError for a pattern that matches no file, or members that differ in several knobs.
    """
    if asked is not None:
        found = [resolve(one) for pattern in asked for one in _matches(pattern)]
        return (_related(reference, found, session, asked=True) if found else None), ()
    own = own_snapshots(reference, session)
    if own:
        return _related(reference, own, session, asked=False), ()
    path = Path(network) if isinstance(network, str | Path) else None
    return (None, ()) if path is None else _from_files(reference, path, session, resolve)


def own_snapshots(reference: str, session: Session) -> tuple[str, ...]:
    """Return the snapshots of the run that made a network, its end included, without the network itself.

    The file that a training of this study wrote names its run by the recipe in it.
    """
    run_id = own_run(reference, session)
    if run_id is None:
        return ()
    run = session.read(run_id, only=())
    kept = sorted(name.removesuffix(".safetensors") for name in run.weights)
    return tuple(name for name in kept if name != reference and session.store.weights_path(name).is_file())


def own_run(reference: str, session: Session) -> str | None:
    """Return the training in the study that made a network; None where it is not there."""
    run_id = run_of(reference)
    if session.read(run_id, only=()).recipe.step == "import":
        recipe = session.store.load_weights(reference).recipe
        run_id = parse(recipe).id if recipe else ""
        if not run_id or not session.store.has(run_id):
            return None
    return run_id if session.read(run_id, only=()).recipe.step == "train" else None


def knobs_of(reference: str, session: Session) -> dict[str, float]:
    """Return the temperature-like settings of a dense network where known."""
    epoch = snapshot_of(reference)
    known = dict(session.read(run_of(reference), only=()).facts.get("knobs", {}))
    known |= {} if epoch is None else {"epochs": epoch}
    return {name: float(value) for name, value in known.items() if name in KNOBS and value is not None}


def first_drop(references: Iterable[str], session: Session) -> float | None:
    """Return the epoch after which the learning rate of a training first fell, as its networks recorded it.

    None where none recorded it, and where they disagree: then they are trainings of their own, whose drops move along
    with their length, and none of them lies before or after a drop of another.
    """
    found = set()
    for reference in references:
        training: Mapping[str, Any] = session.read(run_of(reference), only=()).facts.get("training", {})
        drops, epochs = training.get("drops"), training.get("epochs")
        if training.get("schedule") == "multistep" and drops and epochs:
            found.add(float(max(1, round(float(min(drops)) * float(epochs)))))
    return found.pop() if len(found) == 1 else None


def _matches(pattern: Network) -> Sequence[Network]:
    """Return the files that a path with wildcards matches; anything else as it is."""
    if not isinstance(pattern, str | Path) or not any(sign in str(pattern) for sign in "*?["):
        return [pattern]
    path = Path(pattern)
    anchor = Path(path.anchor) if path.is_absolute() else Path()
    found = sorted(str(one) for one in anchor.glob(str(path.relative_to(path.anchor))) if one.is_file())
    if not found:
        raise UsageError(f"--family {str(pattern)!r} matches no file", fix="check the pattern, or write --family none")
    return found


def _related(reference: str, others: Sequence[str], session: Session, *, asked: bool) -> Family | None:
    """Return the members that differ in one knob, those to compare chosen; UsageError where they were asked for."""
    here = knobs_of(reference, session)
    known = {one: knobs_of(one, session) for one in dict.fromkeys(others) if one != reference}
    differing = [
        name
        for name in KNOBS
        if name in here and any(name in each and each[name] != here[name] for each in known.values())
    ]
    if len(differing) != 1:
        if not asked:
            return None
        what = f"differ in {' and '.join(differing)}" if differing else "do not differ in a known knob"
        raise UsageError(f"the members of the family {what}", fix="name networks that differ in one knob")
    knob = differing[0]
    values = {each[knob]: one for one, each in known.items() if knob in each and each[knob] != here[knob]}
    drop = first_drop([reference, *values.values()], session) if knob == "epochs" else None
    chosen = choose_siblings([*values, here[knob]], here[knob], knob=knob, drop=drop)
    return Family(
        knob=knob,
        here=Relative(reference=reference, name=reference, value=here[knob]),
        others=tuple(
            Relative(reference=values[value], name=values[value], value=value) for value in chosen if value in values
        ),
    )


def _from_files(
    reference: str, path: Path, session: Session, resolve: Callable[[Network], str]
) -> tuple[Family | None, tuple[str, ...]]:
    """Import those of the numbered files beside a checkpoint that are to be compared."""
    files, epochs = find_sibling_files(path), knobs_of(reference, session).get("epochs")
    if not files or epochs is None:
        return None, ()
    drop = first_drop([reference], session)
    counted = {float(number + 1): file for number, file in files.items() if number + 1 != epochs}
    found, notes = [], []
    for value in choose_siblings([*counted, epochs], epochs, knob="epochs", drop=drop):
        if value in counted:
            try:
                found.append(resolve(str(counted[value])))
            except PrunescopeError as error:
                notes.append(f"{counted[value].name} beside the checkpoint is not compared: {error.message}")
    return _related(reference, found, session, asked=False), tuple(notes)
