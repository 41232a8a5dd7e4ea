"""The application: every command under its name."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.api.version import __version__
from prunescope.cli.commands import (
    advise,
    calibrate,
    cite,
    compare,
    diagnose,
    diff,
    fit_budget,
    instability,
    instant_map,
    lottery,
    plugin_commands,
    plugins,
    probe,
    prune,
    quickstart,
    report,
    results,
    retrain,
    select,
    sweep,
    train,
    tune,
    warn,
)
from prunescope.cli.commands.advise import AdviseRequest
from prunescope.cli.commands.calibrate import CalibrateRequest
from prunescope.cli.commands.compare import CompareRequest
from prunescope.cli.commands.fit_budget import FitBudgetRequest
from prunescope.cli.commands.instability import InstabilityRequest
from prunescope.cli.commands.instant_map import MapRequest
from prunescope.cli.commands.lottery import LotteryRequest
from prunescope.cli.commands.report import ReportRequest
from prunescope.cli.commands.request import Request
from prunescope.cli.commands.select import SelectRequest
from prunescope.cli.commands.sweep import SweepRequest
from prunescope.cli.commands.tune import TuneRequest
from prunescope.cli.commands.warn import WarnRequest
from prunescope.cli.terminal import misuse
from prunescope.cli.terminal.command import Output, command, taking
from prunescope.cli.terminal.headings import HeadedCommands
from prunescope.cli.terminal.streams import open_closed_streams
from prunescope.cli.terminal.themes import ThemedCommand
from prunescope.runs.scheduling.memory import keep_freed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GROUPS: dict[str, tuple[str, Callable[..., Output]]] = {
    "train": ("trainers", train.train),
    "prune": ("pruners", prune.prune),
    "retrain": ("trainers", retrain.retrain),
    "probe": ("probes", probe.probe),
}
"""Command with one subcommand per plugin -> the plugins' group and what runs one of them."""


def run() -> int:
    """Run the program with its arguments; return its exit code.

    Idle OpenMP threads sleep rather than spin: beside other work a spinning pair was up to 20 times slower than one
    thread (benchmarks/bench_threads.py). Freed memory is kept for the next tensor.
    """
    open_closed_streams()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed()
    completing = "_PRUNESCOPE_COMPLETE" in os.environ
    app = build(tuple(GROUPS) if completing else sys.argv[1:])
    return misuse.exit_code_of(lambda: app(prog_name="prunescope", standalone_mode=False))


def build(words: Sequence[str]) -> typer.Typer:
    """Return the application; plugins are imported only for those of its GROUPS that are among `words`."""
    app = typer.Typer(
        help="Diagnose the regime of a network's pruned versions, and how to train it before pruning.",
        no_args_is_help=True,
        rich_markup_mode=None,
        cls=HeadedCommands,
        context_settings={"max_content_width": 120, "help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    app.command("diagnose")(command(taking(Request, diagnose.diagnose)))
    for name, (group, function) in GROUPS.items():
        app.add_typer(plugin_commands.group_app(group, function, filled=name in words), name=name)
    app.command("sweep")(command(taking(SweepRequest, sweep.sweep)))
    app.command("report")(command(taking(ReportRequest, report.report)))
    app.command("advise")(command(taking(AdviseRequest, advise.advise)))
    app.command("map")(command(taking(MapRequest, instant_map.map_networks)))
    app.command("select")(command(taking(SelectRequest, select.select)))
    app.command("tune")(command(taking(TuneRequest, tune.tune)))
    app.command("diff")(command(diff.diff))
    app.command("fit-budget")(command(taking(FitBudgetRequest, fit_budget.fit_budget)))
    app.command("lottery")(command(taking(LotteryRequest, lottery.lottery)))
    app.command("instability")(command(taking(InstabilityRequest, instability.instability)))
    app.command("compare")(command(taking(CompareRequest, compare.compare)))
    app.command("warn")(command(taking(WarnRequest, warn.warn)))
    app.command("calibrate")(command(taking(CalibrateRequest, calibrate.calibrate)))
    app.add_typer(results.application(), name="results")
    app.add_typer(plugins.application(), name="plugins")
    app.command("cite")(command(cite.cite))
    app.command("quickstart")(command(quickstart.quickstart))
    _list_by_theme(app)
    return app


def _list_by_theme(app: typer.Typer) -> None:
    for one in app.registered_commands:
        one.cls = ThemedCommand
    for group in app.registered_groups:
        if group.typer_instance:
            _list_by_theme(group.typer_instance)


def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Diagnose the regime of a network's pruned versions, and how to train it before pruning."""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"prunescope {__version__}")
        raise typer.Exit
