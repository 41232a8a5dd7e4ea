"""Built-in regime rules: thin shells around `prunescope.regimes`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Advice, Diagnosis, Evidence, Option, Regime, RegimeRule, Thresholds
from prunescope.api.knobs import KNOBS
from prunescope.api.wording import cka_text, error_text, lmc_text, percent
from prunescope.regimes.thresholds import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from prunescope.api import Reading
    from prunescope.regimes.md_tree import Level, TreeReadings, TreeThresholds
    from prunescope.regimes.three_regime import Gate

CALIBRATION = "thresholds from PreResNet-20 on CIFAR-10 (Zhou et al. 2023, figure 2): one network, one data set"

MD_CALIBRATION = "fitted on ResNet-18 and CIFAR-10; for other networks it is only an indication"


@dataclass(frozen=True, kw_only=True)
class ThreeRegime(RegimeRule):
    """Regime from LMC and CKA between retrained replicas (Zhou et al. 2023)."""

    epsilon: Annotated[float, Option("LMC below -epsilon is Regime I, in training-error units", minimum=0)] = (
        PUBLISHED.epsilon
    )
    epsilon_low: Annotated[float, Option("lower end of the plausible epsilon", minimum=0)] = PUBLISHED.low
    epsilon_high: Annotated[float, Option("upper end of the plausible epsilon", minimum=0)] = PUBLISHED.high
    cka_gap: Annotated[float, Option("Regime II-B within this of the best connected CKA", minimum=0)] = 0.002
    pair_spread: Annotated[float, Option("standard deviation of LMC between pairs, assumed", minimum=0)] = (
        PUBLISHED.pair_spread
    )
    certainty: Annotated[float, Option("least probability of a regime; below: unresolved", minimum=0.5, maximum=1)] = (
        PUBLISHED.certainty
    )
    learned: Annotated[float, Option("largest training error of replicas that can be connected", maximum=1)] = (
        PUBLISHED.learned
    )
    draws: Annotated[int, Option("bootstrap draws", minimum=100)] = 4000
    density_low: Annotated[float, Option("least density with a confidence", minimum=0, maximum=1)] = 0.0
    density_high: Annotated[float, Option("largest density with a confidence", minimum=0, maximum=1)] = 1.0
    fitted_knobs: Annotated[tuple[str, ...], Option("values with a confidence, each as knob:lowest:highest")] = ()
    trusted: Annotated[bool, Option("return a confidence; false for a network unlike those of the fit")] = True
    calibration: Annotated[str, Option("origin of the thresholds, shown with the reasons")] = CALIBRATION
    direction: Annotated[
        float, Option("least probability of an advised direction; 0: the advice of the regime", minimum=0, maximum=1)
    ] = 0.0

    needs = ("lmc/lmc",)

    citations = ("zhou2023three",)

    version = 2

    def thresholds(self) -> Thresholds:
        """Return the gate on LMC that the options describe."""
        return Thresholds(
            epsilon=self.epsilon,
            low=self.epsilon_low,
            high=self.epsilon_high,
            pair_spread=self.pair_spread,
            certainty=self.certainty,
            learned=self.learned,
        )

    def classify(self, evidence: Evidence) -> Diagnosis:
        """Gate on LMC; then II-A against II-B by CKA relative to the neighbours; abstain where it is not sure."""
        found, outside = self._judge(evidence), self._outside(evidence)
        if self.direction:
            found = self._directed(found, evidence)
        if not outside:
            return found
        because = (*found.because, f"no confidence: {outside}")
        return replace(found, confidence=None, regime_probability=None, because=because)

    def _directed(self, found: Diagnosis, evidence: Evidence) -> Diagnosis:
        from prunescope.regimes.log_odds import load_calibration
        from prunescope.regimes.probable_direction import state_direction

        calibration = load_calibration()
        return state_direction(found, evidence, calibration=calibration, certainty=self.direction, learned=self.learned)

    def _outside(self, evidence: Evidence) -> str:
        """Say what of the evidence lies outside the range the thresholds were fitted to; empty where nothing does."""
        if not self.density_low <= evidence.density <= self.density_high:
            return f"density {evidence.density:g} is outside the fitted {self.density_low:g} to {self.density_high:g}"
        return _unlike_fitted(evidence, self.fitted_knobs, trusted=self.trusted)

    def _judge(self, evidence: Evidence) -> Diagnosis:
        gate = self._gate(evidence)
        measured = (
            f"LMC {lmc_text(gate.lmc)}, 80 % interval [{lmc_text(gate.low)}, {lmc_text(gate.high)}], "
            f"against -epsilon = -{self.epsilon:g} (plausible {self.epsilon_low:g} to {self.epsilon_high:g})"
        )
        poor = gate.probability_poor
        failed = self._not_learned(evidence) or self._no_barrier(evidence)
        if failed and poor < self.certainty:
            return _abstain(None, failed, measured, self.calibration)
        if max(poor, 1 - poor) < self.certainty:
            return _abstain(
                max(poor, 1 - poor), "the interval contains the threshold: more replicas would narrow it", measured
            )
        if poor > 1 / 2:
            reason = "replicas are poorly connected: a hotter dense training gives a better network to prune"
            because: tuple[str, ...] = (reason, measured, self.calibration)
            return Diagnosis(regime=Regime.I, advice=Advice.RAISE, confidence=poor, because=because)
        return self._within_two(evidence, *self._bounded(evidence, 1 - poor, measured))

    def _bounded(self, evidence: Evidence, connected: float, measured: str) -> tuple[float, str]:
        """Return the probability that replicas are connected, and what was measured.

        Where longer training can part them, it is no larger than a regime needs to be named; the reason is added.
        """
        from prunescope.regimes import learning

        still = "" if self.learned >= 1 else learning.still_learning(evidence.readings)
        if not still or connected <= self.certainty:
            return connected, measured
        bound = f"{still}: longer retraining can part them, so that no more than {percent(self.certainty)} is stated"
        return self.certainty, f"{measured}; {bound}"

    def _not_learned(self, evidence: Evidence) -> str:
        """Say that the replicas err too much to be called connected; empty where they have learned."""
        from prunescope.regimes import learning

        failed = learning.failed(evidence.readings, learned=self.learned)
        if not failed:
            return ""
        return (
            f"replicas have a training error of {error_text(failed)}: they have not learned, "
            "so no barrier is measurable; retrain longer or at a higher density"
        )

    def _no_barrier(self, evidence: Evidence) -> str:
        """Say that no barrier of epsilon can exist; empty where one can."""
        from prunescope.regimes import learning

        most = learning.chance(evidence.readings)
        if most is None or most > self.epsilon or self.learned >= 1:
            return ""
        return (
            f"one prediction for all examples has an error of {error_text(most)} on the training data, so no "
            f"barrier of {percent(self.epsilon)} can exist: choose a smaller --rule-option epsilon"
        )

    def _gate(self, evidence: Evidence) -> Gate:
        from prunescope.regimes import three_regime

        reading = evidence.readings["lmc/lmc"]
        values = _array(reading).reshape(-1)
        return three_regime.gate(
            values.tolist(),
            stderr=_stderr(reading).reshape(-1).tolist(),
            epsilon=(self.epsilon_low, self.epsilon_high),
            pair_spread=self.pair_spread,
            draws=self.draws,
            seed=0,
        )

    def _within_two(self, evidence: Evidence, connected: float, measured: str) -> Diagnosis:
        """Tell II-A from II-B relative to the other temperatures at the same density (3R, section 4.2)."""
        rivals = [rival for rival in evidence.neighbours if self._is_connected(rival) and _cka(rival) is not None]
        own = _cka(evidence)
        if own is None or not rivals:
            reason = (
                "replicas are connected; one temperature alone cannot separate II-A from II-B: "
                "lower the temperature while CKA rises"
            )
            because: tuple[str, ...] = (reason, measured, self.calibration)
            return Diagnosis(regime=Regime.II, advice=Advice.LOWER, confidence=connected, because=because)
        best = max(rivals, key=lambda rival: _cka(rival) or 0.0)
        best_cka = max(own, _cka(best) or 0.0)
        compared = (
            f"CKA {cka_text(own)} against {cka_text(best_cka)}, the best of {len(rivals) + 1} connected temperatures"
        )
        if own >= best_cka - self.cka_gap:
            reason = "replicas are connected and as similar as at any temperature"
            because = (reason, compared, measured, self.calibration)
            return Diagnosis(regime=Regime.II_B, advice=Advice.KEEP, confidence=connected, because=because)
        reason = "replicas are connected but less similar than at another temperature"
        because = (reason, compared, measured, self.calibration)
        return Diagnosis(regime=Regime.II_A, advice=_towards(best, evidence), confidence=connected, because=because)

    def _is_connected(self, evidence: Evidence) -> bool:
        reading = evidence.readings.get("lmc/lmc")
        return reading is not None and float(_array(reading).mean()) >= -self.epsilon


@dataclass(frozen=True, kw_only=True)
class MdTree(RegimeRule):
    """Temperature of one dense model from training error, Hessian trace and connectivity, if known (Zhou 2024).

    Thresholds other than the public ones have no confidence unless `leaves` has how often their leaves are right.
    """

    train_error: Annotated[float, Option("a: training error at most a is too cold", minimum=0, maximum=1)] = 0.00146
    connectivity: Annotated[float, Option("b: connectivity above b is connected, too hot", maximum=1)] = -0.0442
    log_trace: Annotated[float, Option("c: ln(trace of the Hessian) at most c is flat, too hot")] = 6.14
    leaves: Annotated[
        tuple[str, ...], Option("accuracy of each leaf, as level:leaf:right:of; default: the public table")
    ] = ()
    learned: Annotated[float, Option("largest training error with a verdict", maximum=1)] = 0.5
    fitted_knobs: Annotated[tuple[str, ...], Option("values with a confidence, each as knob:lowest:highest")] = ()
    trusted: Annotated[bool, Option("return a confidence; false for a network unlike those of the fit")] = True
    calibration: Annotated[str, Option("origin of the thresholds, shown with the reasons")] = MD_CALIBRATION

    needs = ("errors/train_error", "hessian/trace")

    citations = ("zhou2024mdtree",)

    version = 2

    def classify(self, evidence: Evidence) -> Diagnosis:
        """Walk the tree; return which level of it was used, and how often the leaf is right where it was fitted."""
        from prunescope.regimes import learning, md_tree

        failed = learning.failed(evidence.readings, learned=self.learned)
        if failed:
            reason = (
                f"the network has a training error of {error_text(failed)}: it has not learned, so the tree abstains"
            )
            return Diagnosis(regime=None, advice=Advice.NONE, confidence=None, because=(reason, self.calibration))
        level, between = self._between(evidence.readings)
        leaf = md_tree.decide(
            train_error=_measured(evidence.readings["errors/train_error"]),
            trace=_measured(evidence.readings["hessian/trace"]),
            lmc=between,
            level=level,
            thresholds=self._tree_thresholds(),
        )
        rate = "the accuracy of this leaf is not known" if leaf.rate is None else f"this leaf: {leaf.rate}"
        because = (leaf.because, f"level: {self._level(level, evidence.readings)}", rate, self.calibration)
        outside = _unlike_fitted(evidence, self.fitted_knobs, trusted=self.trusted)
        return Diagnosis(
            regime=None,
            advice=Advice.RAISE if leaf.too_low else Advice.LOWER,
            confidence=None if outside else leaf.probability,
            because=(*because, f"no confidence: {outside}") if outside else because,
        )

    def _tree_thresholds(self) -> TreeThresholds:
        from prunescope.regimes import md_tree

        found = md_tree.TreeThresholds(
            train_error=self.train_error, connectivity=self.connectivity, log_trace=self.log_trace
        )
        if self.leaves:
            return replace(found, rates=md_tree.read_rates(self.leaves))
        return found if found == md_tree.PUBLIC else replace(found, rates={})

    def _between(self, readings: Mapping[str, Reading]) -> tuple[Level, TreeReadings | None]:
        """Return the connectivity that b was fitted to, and of what kind it is; None where it was not measured.

        The public b is of the highest error on a trained curve. Along a straight line dense replicas always lie below
        it; a line counts where the thresholds were fitted to lines.
        """
        from prunescope.regimes.md_tree import Level

        path, curve, line = (
            readings.get(name) for name in ("bezier/train_error_path", "bezier/connectivity", "lmc/lmc")
        )
        if self._is_public() and path is not None:
            return Level.PEAK, _peak(path)
        if curve is not None:
            return Level.CONNECTIVITY, _measured(curve)
        if line is not None and not self._is_public():
            return Level.CONNECTIVITY, _measured(line)
        return Level.ALONE, None

    def _is_public(self) -> bool:
        return self.calibration == MD_CALIBRATION

    def _level(self, level: Level, readings: Mapping[str, Reading]) -> str:
        """Return what the tree rests on."""
        from prunescope.regimes.md_tree import Level

        if level is Level.PEAK:
            return "with the highest training error along a trained curve"
        if level is Level.CONNECTIVITY:
            curve = "a trained curve" if "bezier/connectivity" in readings else "the straight line"
            return f"with connectivity along {curve}"
        if "lmc/lmc" in readings:
            return f"without connectivity: the straight line always lies below b = {self.connectivity:g}"
        return "one checkpoint, without connectivity"


def _unlike_fitted(evidence: Evidence, fitted_knobs: tuple[str, ...], *, trusted: bool) -> str:
    """Say which knob lies outside the fitted values, or that the network is another; empty where neither is."""
    for knob, low, high in (text.split(":") for text in fitted_knobs):
        value = evidence.knobs.get(knob)
        if value is not None and not float(low) <= value <= float(high):
            return f"{knob} {value:g} is outside the fitted {low} to {high}"
    return "" if trusted else "the thresholds were fitted to other networks"


def _abstain(confidence: float | None, *because: str) -> Diagnosis:
    return Diagnosis(regime=Regime.UNRESOLVED, advice=Advice.NONE, confidence=confidence, because=because)


def _towards(best: Evidence, here: Evidence) -> Advice:
    """Advise the direction in which the better neighbour lies; colder where the knobs do not decide (3R)."""
    for name, knob in KNOBS.items():
        if name in best.knobs and name in here.knobs and best.knobs[name] != here.knobs[name]:
            hotter = knob.hotter * (best.knobs[name] - here.knobs[name]) > 0
            return Advice.RAISE if hotter else Advice.LOWER
    return Advice.LOWER


def _cka(evidence: Evidence) -> float | None:
    reading = evidence.readings.get("cka/softmax")
    return None if reading is None else float(_array(reading).mean())


def _array(reading: Reading) -> np.ndarray:
    import numpy as np

    return np.asarray(reading.value, dtype=np.float64)


def _stderr(reading: Reading) -> np.ndarray:
    import numpy as np

    value = _array(reading)
    return np.zeros_like(value) if reading.stderr is None else np.broadcast_to(reading.stderr, value.shape)


def _measured(reading: Reading) -> TreeReadings:
    from prunescope.regimes.md_tree import TreeReadings

    value, stderr = _array(reading), _stderr(reading)
    return TreeReadings(value=float(value.mean()), stderr=float((stderr**2).sum() ** 0.5 / value.size))


def _peak(path: Reading) -> TreeReadings:
    """Return −max E(t) between the ends of a trained curve; the mean over pairs where there are several."""
    from prunescope.regimes.md_tree import TreeReadings

    points = _array(path).shape[-1]
    inner, errors = (values.reshape(-1, points)[:, 1:-1] for values in (_array(path), _stderr(path)))
    tops = inner.argmax(axis=1)
    error = (errors[range(len(tops)), tops] ** 2).sum() ** 0.5 / len(tops)
    return TreeReadings(value=-float(inner.max(axis=1).mean()), stderr=float(error))
