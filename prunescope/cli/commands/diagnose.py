"""`prunescope diagnose`: the regime of a network's pruned versions, and which way to move the temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api import Advice, Regime
from prunescope.api.errors import UsageError
from prunescope.cli.options import parsing
from prunescope.cli.options.questions import build_question, open_session
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.report.common import console
from prunescope.studies.diagnosis.question import DiagnosisQuestion

if TYPE_CHECKING:
    from prunescope.cli.commands.request import Request
    from prunescope.report.diagnosis.finding import DiagnosisFinding


def diagnose(request: Request) -> Output:
    """Report a network's regime after pruning, and the advice. The advice: raise, lower or keep the temperature.

    Exit codes: 0 diagnosed; 1 only with --fail-on; 2 wrong usage or input; 3 the checkpoint does not fit the model;
    4 not enough evidence for a verdict; 70 a bug; 130 interrupted: the same command resumes.
    """
    from prunescope.report.common.costs import Cost
    from prunescope.report.diagnosis.finding import WeightsFinding, find_diagnosis

    parsing.check_output(request.report, (".html",), option="--report")
    parsing.check_output(request.markdown, (".md",), option="--markdown")
    _check_verdicts(request.fail_on, replicas=request.replicas)
    question = build_question(
        DiagnosisQuestion,
        request,
        networks=request.checkpoints,
        densities=_densities(request.density),
        family=None if request.family is None else [one for one in request.family if one != "none"],
        probes=request.probe,
    )
    found = find_diagnosis(question, open_session(question))
    if isinstance(found, Cost):
        return parsing.shown(found, as_json=request.json)
    console.show(found.printed())
    if isinstance(found, WeightsFinding):
        return Output(text=found.to_json() if request.json else found.run, exit_code=ExitCode.EVIDENCE)
    if request.report is not None:
        console.say(f"report: {found.report(request.report)}")
    if request.markdown is not None:
        found.to_markdown(request.markdown)
    return Output(text=found.to_json() if request.json else found.run, exit_code=_exit_code(found, request.fail_on))


def _densities(text: str) -> tuple[float, ...]:
    """Return the densities to prune to: none for the single-checkpoint vote."""
    if text == "none":
        return ()
    densities = parsing.numbers("--density", [text])
    if not densities:
        raise UsageError(f"--density got {text!r}", fix="it requires numbers, such as 0.05,0.1, or none")
    return densities


def _check_verdicts(words: list[str] | None, *, replicas: int) -> None:
    """Refuse words that are no verdict, and regimes where none is measured."""
    known = [*Advice, *Regime]
    for word in words or ():
        if word not in known:
            raise UsageError(f"--fail-on got {word!r}", fix=f"it requires one of: {', '.join(known)}")
        if replicas == 0 and word not in (*Advice, Regime.UNRESOLVED):
            raise UsageError(
                f"--fail-on got {word!r}, and --replicas 0 measures no regime",
                fix="name an advice (raise, lower), or give --replicas 2 or more",
            )


def _exit_code(found: DiagnosisFinding, failing: list[str] | None) -> int:
    """Return 1 for a verdict that --fail-on names, 4 where no density came to a verdict, else 0.

    The vote on the dense model counts where nothing else was asked: it answers another question.
    """
    pruned = [verdict.diagnosis for verdict in found.verdicts if verdict.density < 1]
    judged = pruned or [verdict.diagnosis for verdict in found.verdicts]
    if any(word in (diagnosis.advice, diagnosis.regime) for diagnosis in judged for word in failing or ()):
        return ExitCode.FAILED_ON
    silent = (one.regime is Regime.UNRESOLVED and one.advice is Advice.NONE for one in judged)
    return ExitCode.EVIDENCE if all(silent) else ExitCode.DONE
