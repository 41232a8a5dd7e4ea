"""`prunescope diagnose`: the regime of a network's pruned versions, and which way to move the temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api import Advice, Regime
from prunescope.api.errors import UsageError
from prunescope.cli.options import parsing
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.report.common import console

if TYPE_CHECKING:
    from prunescope.cli.commands.request import Request
    from prunescope.report.diagnosis.finding import Diagnosis
    from prunescope.studies.diagnosis.question import DiagnosisQuestion


def diagnose(request: Request) -> Output:
    """Report a network's regime after pruning, and the advice. The advice: raise, lower or keep the temperature.

    Exit codes: 0 diagnosed; 1 only with --fail-on; 2 wrong usage or input; 3 the checkpoint does not fit the model;
    4 not enough evidence for a verdict; 70 a bug; 130 interrupted: the same command resumes.
    """
    from prunescope.report.common.costs import Cost
    from prunescope.report.common.progress import OnTerminal
    from prunescope.report.diagnosis.finding import WeightsFinding, find_diagnosis
    from prunescope.runs.session import open_session

    parsing.check_output(request.report, (".html",), option="--report")
    _check_verdicts(request.fail_on)
    question = question_of(request)
    found = find_diagnosis(question, open_session(question, watcher=OnTerminal()))
    if isinstance(found, Cost):
        return parsing.shown(found, as_json=request.json)
    console.show(found.printed())
    if isinstance(found, WeightsFinding):
        return Output(text=found.to_json() if request.json else found.run, exit_code=ExitCode.EVIDENCE)
    if request.report is not None:
        console.say(f"report: {found.report(request.report)}")
    return Output(text=found.to_json() if request.json else found.run, exit_code=_exit_code(found, request.fail_on))


def question_of(request: Request) -> DiagnosisQuestion:
    """Return the question that the options ask."""
    from prunescope.studies.diagnosis.question import DiagnosisQuestion

    return DiagnosisQuestion(
        request.checkpoints,
        data=request.data,
        densities=_densities(request.density),
        replicas=request.replicas,
        family=None if request.family is None else [one for one in request.family if one != "none"],
        certainty=request.certainty,
        level=request.level,
        pruner=request.pruner,
        pruner_options=parsing.pairs("--pruner-option", request.pruner_option),
        trainer=request.trainer,
        trainer_options=parsing.pairs("--trainer-option", request.trainer_option),
        retrain_epochs=request.retrain_epochs,
        probes=tuple(request.probe or ()),
        probe_options=parsing.pairs("--probe-option", request.probe_option),
        rule=request.rule,
        rule_options=parsing.pairs("--rule-option", request.rule_option),
        rules=request.rules,
        model=request.model,
        weights=request.weights,
        unsafe_load=request.unsafe_load,
        seed=request.seed,
        limit_batches=request.limit_batches,
        dry_run=request.dry_run,
        study=request.study,
        device=request.device,
        workers=request.workers,
        executor=request.executor,
        executor_options=parsing.pairs("--executor-option", request.executor_option),
        trust=tuple(request.trust or ()),
    )


def _densities(text: str) -> tuple[float, ...]:
    """Return the densities to prune to: none for the single-checkpoint vote."""
    if text == "none":
        return ()
    densities = parsing.numbers("--density", [text])
    if not densities:
        raise UsageError(f"--density got {text!r}", fix="it wants numbers, such as 0.05,0.1, or none")
    return densities


def _check_verdicts(words: list[str] | None) -> None:
    known = [*Advice, *Regime]
    for word in words or ():
        if word not in known:
            raise UsageError(f"--fail-on got {word!r}", fix=f"it wants one of: {', '.join(known)}")


def _exit_code(found: Diagnosis, failing: list[str] | None) -> int:
    """Return 1 for a verdict that --fail-on names, 4 where no density came to a verdict, else 0.

    The vote on the dense model counts where nothing else was asked: it answers another question.
    """
    pruned = [verdict.diagnosis for verdict in found.verdicts if verdict.density < 1]
    judged = pruned or [verdict.diagnosis for verdict in found.verdicts]
    if any(word in (diagnosis.advice, diagnosis.regime) for diagnosis in judged for word in failing or ()):
        return ExitCode.FAILED_ON
    silent = (one.regime is Regime.UNRESOLVED and one.advice is Advice.NONE for one in judged)
    return ExitCode.EVIDENCE if all(silent) else ExitCode.DONE
