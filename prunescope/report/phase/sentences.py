"""What the data show, in words that are computed: the headline, and an answer to each question with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from typing import TYPE_CHECKING, Literal

from prunescope.api.knobs import KNOBS, knob_words
from prunescope.api.wording import MINUS, count_text, density_text, points_text, verb_text
from prunescope.report.common import formatting
from prunescope.report.phase import blank, labels
from prunescope.studies.phase import choosing
from prunescope.studies.phase.bending import Bend
from prunescope.studies.phase.boundary import Side
from prunescope.studies.phase.transition import SURE, student_t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.regimes.direction import Score
    from prunescope.studies.phase.bending import Drift
    from prunescope.studies.phase.boundary import Crossing
    from prunescope.studies.phase.findings import Findings
    from prunescope.studies.phase.transition import Difference, FoundTransition

Mark = Literal["yes", "no", "open"]

BENDS = {
    Bend.COLDER: (
        "yes",
        "Yes: the critical value moves colder as the density grows, as in figure 2 of Zhou et al. 2023.",
    ),
    Bend.HOTTER: (
        "no",
        "No: the critical value moves hotter as the density grows, against figure 2 of Zhou et al. 2023.",
    ),
    Bend.BOTH: ("no", "Not in one direction: the critical value moves both colder and hotter as the density grows."),
    Bend.UNRESOLVED: (
        "open",
        "Not shown: the critical value differs between densities, but not beyond the noise over dense seeds.",
    ),
    Bend.STRAIGHT: ("no", "No: the critical value is the same at every density."),
    Bend.ABSENT: ("open", "There is no boundary on this grid: every cell lies on the same side of the threshold."),
    Bend.UNKNOWN: ("open", "Not determined: LMC is known at fewer than two densities."),
}


HABITS = ("before-drop", "coldest", "dense", "random")
"""Ways to choose that need no pruning: what Algorithm 2.1 has to beat."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One question, whether the data support it, and what they show."""

    question: str
    mark: Mark
    text: str
    details: tuple[str, ...] = ()


def phase_headline(findings: Findings) -> str:
    """Say the main result in one sentence: what crossing the transition does at which densities.

    A difference that no 95 % interval over dense seeds shows is only apparent.
    """
    found = findings.transition
    if blank.everywhere(findings):
        return "Not determined: in no cell have replicas learned the training data."
    if found is None:
        return "Not finished: no density has been tested on both sides of the transition."
    knob, all_densities = findings.diagram.knob, findings.diagram.densities
    worse, better = _densities_where(found, "hotter"), _densities_where(found, "colder")
    step = f"From {_step(found, knob)}"
    if not worse and not better:
        return f"{step}, no density shows a difference beyond the noise."
    shown = {one.density for one in found.differences if _excludes_zero(one)}
    parts = [
        f"{'' if shown.intersection(where) else 'apparently '}{says} at {labels.densities(all_densities, where)}"
        for says, where in (("gets worse", worse), ("gets better", better))
        if where
    ]
    return f"{step}, the pruned model {' and '.join(parts)} density."


def answers(findings: Findings) -> tuple[Answer, ...]:
    """Answer every question a phase diagram is drawn for."""
    found = findings.transition
    claims = () if found is None else (_side(findings, found, "hotter"), _side(findings, found, "colder"))
    end = () if findings.to_the_end is None else (_end(findings, findings.to_the_end),)
    return (*claims, *end, _bend(findings), _direction(findings), _selection(findings))


def _densities_where(found: FoundTransition, side: str) -> list[float]:
    """Return the densities at which a side is better; without any replication, by the bare difference."""
    return [one.density for one in found.differences if _better(one) == side]


def _better(one: Difference) -> str:
    if one.z is None:
        return "hotter" if one.mean > 0 else "colder" if one.mean < 0 else ""
    return one.better


def _step(found: FoundTransition, knob: str) -> str:
    hotter, colder = formatting.number(found.hotter), formatting.number(found.colder)
    span = f"{hotter} to {colder}"
    return KNOBS[knob].at(span) if knob in KNOBS else f"{knob} {span}"


def _side(findings: Findings, found: FoundTransition, side: Literal["hotter", "colder"]) -> Answer:
    """Answer whether one side of the transition is better where the three regimes predict it."""
    knob, all_densities = findings.diagram.knob, findings.diagram.densities
    mine = _densities_where(found, side)
    other = _densities_where(found, "colder" if side == "hotter" else "hotter")
    value = labels.value(knob, found.hotter if side == "hotter" else found.colder)
    ordered = not mine or not other or (max(mine) < min(other) if side == "hotter" else min(mine) > max(other))
    question = f"Is the {side} side of the transition better at {'low' if side == 'hotter' else 'higher'} densities?"
    if not mine:
        bare = "" if all(one.z is None for one in found.differences) else f" by |z| ≥ {SURE:g}"
        text = f"{'No' if other else 'Not shown'}: {value} is better at no density{bare}."
        return Answer(question=question, mark="no" if other else "open", text=text)
    mark, says = _strength(found, mine, ordered=ordered)
    text = f"{says}: {value} is better at {labels.densities(all_densities, mine)} density."
    shown = [one for one in found.differences if one.density in mine]
    return Answer(question=question, mark=mark, text=text, details=tuple(_difference_words(one) for one in shown))


def _end(findings: Findings, found: FoundTransition) -> Answer:
    """Answer what going on to the coldest value costs and buys."""
    knob, all_densities = findings.diagram.knob, findings.diagram.densities
    worse, better = _densities_where(found, "hotter"), _densities_where(found, "colder")
    parts = [
        f"{what} at {labels.densities(all_densities, where)} density"
        for what, where in (("worse", worse), ("better", better))
        if where
    ]
    ordered = not worse or not better or max(worse) < min(better)
    coldest = labels.value(knob, found.colder)
    text = f"{coldest} against {formatting.number(found.hotter)}: {' and '.join(parts) or 'no difference is shown'}."
    return Answer(
        question="Does the coldest value increase the error at low and reduce it at higher densities?",
        mark="open" if not parts else "yes" if worse and better and ordered else "no",
        text=_capital(text),
        details=tuple(_difference_words(one) for one in found.differences if _better(one)),
    )


def _strength(found: FoundTransition, mine: Sequence[float], *, ordered: bool) -> tuple[Mark, str]:
    """Return how far one side's claim is shown: by a 95 % interval, by |z|, or by bare differences."""
    if not ordered:
        return "no", "Not in order"
    shown = [one for one in found.differences if one.density in mine]
    if any(_excludes_zero(one) for one in shown):
        return "yes", "Yes"
    if all(one.z is None for one in shown):
        return "open", "Apparently, without replication"
    if all(one.interval is None for one in shown):
        return "open", f"Apparently, by |z| ≥ {SURE:g} from one dense seed"
    return (
        "open",
        (
            f"Apparently, by |z| ≥ {SURE:g}, but no 95 % interval over "
            f"{count_text(len(shown[0].by_seed), 'dense seed')} excludes 0"
        ),
    )


def _difference_words(one: Difference) -> str:
    """Say one difference with its z."""
    where = f"{density_text(one.density)}: {points_text(abs(one.mean))} points"
    if one.z is None:
        return where
    text = f"{where}, z = {one.z:+.1f}".replace("-", MINUS)
    return f"{text}, 95 % interval excludes 0" if _excludes_zero(one) else text


def _excludes_zero(one: Difference) -> bool:
    return one.interval is not None and not one.interval[0] <= 0 <= one.interval[1]


def unit_of_analysis(findings: Findings) -> str:
    """Say what z is taken over, and how far it can be trusted."""
    found = findings.transition
    if found is None:
        return ""
    why = (
        "The two values are the neighbours across the first learning-rate drop."
        if found.picked == "drop"
        else "The two neighbours were selected because the flip is largest between them; z is not corrected for this. "
        "The hottest value against the coldest requires no correction."
    )
    seeds = max(len(one.by_seed) for one in found.differences)
    if seeds > 1:
        return (
            f"{why} Difference: test error at the colder minus at the hotter value, positive where hotter is better. "
            f"The unit of analysis is the dense seed (n = {seeds}): its replicas share one dense model and are not "
            f"independent. z = mean / (standard deviation / √n) over dense seeds; with n = {seeds}, |z| must pass "
            f"{student_t(seeds - 1):.4g} for a 95 % interval (Student’s t) without 0. z of retraining alone takes "
            "these dense models as given."
        )
    if any(one.z is not None for one in found.differences):
        return (
            f"{why} There is one dense seed: z covers retraining only, not other dense models. "
            "Two or more dense seeds ([seeds] dense = [0, 1, 2]) would."
        )
    return f"{why} There is one number per cell: no z can be given, and small differences may be noise."


def _bend(findings: Findings) -> Answer:
    found, seeds, question = findings.bend, len(findings.seed_bends), "Does the boundary of Regime I bend?"
    if blank.everywhere(findings):
        return Answer(question=question, mark="open", text=_nothing_learned(findings))
    mark, text = BENDS[found.verdict]
    if found.verdict is Bend.ABSENT and findings.unlearned:
        text = "There is no boundary on this grid: where replicas have learned, all lie on one side of the threshold."
    if mark == "yes" and seeds == 1:
        mark, text = "open", text.replace("Yes:", "Apparently, without replication:")
    if mark != "open" and not found.robust:
        low, high = found.at_ends
        ends = f"{low} at ε = {findings.epsilon.low:g}, {high} at ε = {findings.epsilon.high:g}"
        mark, text = "open", f"The result depends on the threshold ({ends}). At ε = {findings.epsilon.middle:g}: {text}"
    parts = [_crossing(one, findings) for one in findings.crossings]
    if found.slope is not None and found.slope.interval is not None:
        parts.append(_slope(found.slope))
    if seeds > 1:
        agreeing = sum(one is found.verdict for one in findings.seed_bends)
        parts.append(f"{agreeing} of {count_text(seeds, 'dense seed')}, judged alone, {verb_text(agreeing, 'agree')}")
    return Answer(question=question, mark=mark, text=text, details=tuple(parts))  # type: ignore[arg-type]


def _nothing_learned(findings: Findings) -> str:
    span = blank.span(findings.unlearned.values())
    return (
        f"Not determined: the training error of replicas is {span} in every cell. They have not learned, so no "
        "barrier can show. Retrain longer, or sweep higher densities."
    )


def _slope(found: Drift) -> str:
    """Say by how many rows of the map the boundary moves from one density to the next."""
    low, high = found.interval or (nan, nan)
    mean, *ends = (f"{number:+.2f}".replace("-", MINUS) for number in (found.mean, low, high))
    over = f"95 % interval over {count_text(len(found.by_seed), 'dense seed')}: {' to '.join(ends)}"
    return f"slope {mean} rows of the map per density, towards colder ({over})"


def _crossing(one: Crossing, findings: Findings) -> str:
    """Say where a density crosses the boundary, and where on it nothing was learned."""
    lost, some = blank.blank_column(findings, one.density), blank.places(findings, one.density)
    if lost:
        return f"{density_text(one.density)}: {lost}"
    if some and one.at == inf:
        return f"{density_text(one.density)}: connected wherever replicas have learned; they have not at {some}"
    text = _crossed(one, findings)
    return f"{text}; replicas have not learned at {some}" if some else text


def _crossed(one: Crossing, findings: Findings) -> str:
    where, knob = density_text(one.density), findings.diagram.knob
    if one.side is Side.UNKNOWN:
        return f"{where}: not known yet, for LMC is missing in cells where the boundary may lie"
    if one.at == inf:
        return f"{where}: all connected{_band_text(one, findings)}"
    if one.at == -inf:
        return f"{where}: all poorly connected{_band_text(one, findings)}"
    if one.value is None:
        return f"{where}: poorly connected at the hotter values, or a cell between is missing"
    more = "" if one.side is Side.CROSSES else ", and poorly connected at hotter values too"
    return f"{where}: critical {knob_words(knob)} {one.value:.3g}{_band_text(one, findings)}{more}"


def _band_text(one: Crossing, findings: Findings) -> str:
    from prunescope.studies.phase.boundary import place

    if one.band is None or one.band[0] == one.band[1]:
        return ""
    values = findings.diagram.values
    ends = [
        "beyond the hottest" if at == -inf else "beyond the coldest" if at == inf else f"{place(at, values):.3g}"
        for at in one.band
    ]
    return f" ({ends[0]} to {ends[1]})"


def _direction(findings: Findings) -> Answer:
    found = findings.direction
    cells, right, wrong = (sum(getattr(one, name) for one in found) for name in ("cells", "right", "wrong"))
    question = "Does the advice of the regimes alone point to the lower test error?"
    if not cells:
        text = "Not determined: no cell is farther than 0.4 points from the best of its density."
        return Answer(question=question, mark="open", text=text)
    judged = right + wrong
    share = f"right in {right} of {count_text(judged, 'cell')} it judges" if judged else "no cell is judged"
    beyond = f"{count_text(cells, 'cell')} farther than 0.4 points from their best"
    text = f"{_capital(share)}, and it abstains in {cells - judged} of {beyond}."
    details = tuple(
        f"“{labels.DIRECTIONS[key][0]}” is right in {_right(plain)} of {cells}"
        for key, plain in findings.plain_directions.items()
    )
    mark: Mark = "open" if not judged else "yes" if right >= 0.9 * judged else "no"
    return Answer(question=question, mark=mark, text=text, details=details)


def _right(found: Sequence[Score]) -> int:
    return sum(one.right for one in found)


def _selection(findings: Findings) -> Answer:
    question = "Do LMC and CKA choose a better model to prune than simple rules?"
    regrets = {way.key: way.regret for way in findings.ways if way.regret is not None}
    if "algorithm-2.1" not in regrets:
        return Answer(question=question, mark="open", text="Not determined: LMC, CKA or the test error is missing.")
    if blank.everywhere(findings):
        return Answer(question=question, mark="open", text="Not determined: replicas have learned in no cell.")
    own = regrets["algorithm-2.1"]
    plain: dict[str, float] = {key: regrets[key] for key in HABITS if key in regrets}
    equal = [key for key, regret in plain.items() if points_text(regret) == points_text(own)]
    beaten = [key for key, regret in plain.items() if own < regret and key not in equal]
    lost = [key for key in plain if key not in (*equal, *beaten)]
    text = f"Without labels (Algorithm 2.1) it costs {points_text(own)} points over the oracle"
    for words, keys in (("less than", beaten), ("as much as", equal), ("more than", lost)):
        text += f"; {words} {_ways(keys, plain)}" if keys else ""
    diagram = findings.diagram
    if max(len(choosing.families(diagram, density)) for density in diagram.densities) < 2:
        text = f"Not determined: one dense seed gives no spread. {text}"
        return Answer(question=question, mark="open", text=f"{text}.")
    return Answer(question=question, mark="yes" if beaten and not lost else "no", text=f"{text}.")


def _ways(keys: Sequence[str], regrets: Mapping[str, float]) -> str:
    from prunescope.report.common.words import either

    return either([f"“{labels.WAYS[key][0]}” ({points_text(regrets[key])})" for key in keys], "and")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
