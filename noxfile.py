"""Everything the project checks about itself, as sessions; `nox -l` lists them, `nox -s NAME` runs one.

torch brings several gigabytes of libraries. The sessions that work on the source tree therefore share one environment
(.nox/shared-3.x, made from the Python that runs nox); those that prove something about an environment (`tests-3.x`,
`minimums`) make their own. Each of `plugins` has one of its own too: a thin one that sees, besides what the plugin
itself brings, prunescope's wheel and its dependencies in .nox/plugins-base, and nothing of other plugins.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import nox
from nox.command import CommandFailed
from packaging.requirements import Requirement

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["lint", "docs", "plugins", "interop", "browser", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ("3.11", "3.12", "3.13")
PLUGINS = sorted(path.parent for path in Path("plugins").glob("*/pyproject.toml"))

KINDS = ("probe", "pruner", "trainer", "rule", "dataset", "executor")
"""Of the plugins that `prunescope plugins new` writes."""

EXTRAS = ("mlflow", "onnx", "parquet", "tensorboard")
"""Extras whose libraries the tests of `interop` run."""

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
"""Names of a browser that the pages are opened in."""

KILLS = (
    "tests/runs/test_killed.py",
    "tests/runs/test_killed_sweep.py",
    "tests/test_chaos.py",
    "tests/cli/terminal/test_interrupt.py",
)
"""Minutes of kills and signals, which no version of a dependency changes: `tests` has them, `minimums` does not."""

SCHEDULING = "tests/runs/scheduling"
"""Processes and their order: Python's own, not a dependency's."""

OF_THE_PROGRAM = ("browser", "cli", "interop")
"""Folders of tests that run whole commands, or have sessions of their own."""

PARSED = (
    "tests/cli/commands/test_plugin_commands.py",
    "tests/cli/commands/test_quickstart.py",
    "tests/cli/terminal/test_misuse.py",
    "tests/cli/test_summaries.py",
)
"""What Typer and rich make of options, mistakes and help; and the first command of the README."""

OF_STRANGERS = ("tests/cli/test_trust.py", "tests/test_fuzzed.py")
"""Every string of every format replaced by code, and a share of `fuzz`: no version of a library may execute it."""

PARALLEL = ("--numprocesses=auto", "--maxprocesses=4", "--dist=worksteal")
SLOWEST = "--durations=15"

# Test processes run side by side, so each gets one thread; and no test may reach for the network.
TEST_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "MPLBACKEND": "Agg"}

# Ray starts no worker whose temporary folder is within the environment, where nox puts that of a session.
OWN_ENVIRONMENT = {**TEST_ENVIRONMENT, "TMPDIR": tempfile.gettempdir()}


@nox.session(python=False)
def quickstart(session: nox.Session) -> None:
    """Install prunescope and run its main job on real data: train, diagnose, report."""
    python = _shared(session)
    session.run(python, "-m", "prunescope", "quickstart", *session.posargs)
    session.log(f"to type prunescope in this shell: {_activation(python)}")


@nox.session(python=False)
def tests(session: nox.Session) -> None:
    """Run the tests on the Python that runs nox; arguments after -- go to pytest instead."""
    _pytest(session, _shared(session, "tests"), SLOWEST)


@nox.session(python=False, default=False)
def coverage(session: nox.Session) -> None:
    """Run the tests and count the lines that they run, at least 95 %; it takes up to 1.7 times as long as `tests`."""
    _pytest(session, _shared(session, "tests"), "--cov", "--cov-report=term:skip-covered")


def _tests_on(session: nox.Session) -> None:
    """Run the tests in a new environment of one Python version."""
    session.install("-e", ".", *_group("tests"))
    _pytest(session, "python", SLOWEST)


for _version in PYTHONS:
    nox.session(name=f"tests-{_version}", python=_version, default=False)(_tests_on)


@nox.session(python=PYTHONS[0], default=False)
def minimums(session: nox.Session) -> None:
    """Run the tests that a dependency's version can change, with the lowest versions that pyproject.toml admits.

    These are the doctests and the tests of every room that calls libraries or computes with what they return; of the
    program those of its parser, and each command and function once (tests/test_front_door*.py), and what files of
    strangers must not do. `tests` has the others: what commands do with the rooms' answers, processes, kills, and the
    house itself. More mutants at these versions: `.nox/minimums/bin/python fuzz/mutate_files.py --files 100`.
    """
    lowest = Path(session.create_tmp()) / "lowest.txt"
    lowest.write_text("".join(f"{_lowest(dependency)}\n" for dependency in PROJECT["project"]["dependencies"]))
    session.install("-e", ".", *_group("tests"), "-c", str(lowest))
    _pytest(session, "python", *_changed_by_versions(), "-W", "default")  # old releases warn of what others dropped


@nox.session(python=False)
def lint(session: nox.Session) -> None:
    """Check style, format, types, the layers of the package, and spelling."""
    python = _shared(session, "lint", "tests", "docs")
    session.run(python, "-m", "ruff", "check")
    session.run(python, "-m", "ruff", "format", "--check")
    session.run(python, "-m", "mypy")
    sources = os.pathsep.join(str(plugin.resolve() / "src") for plugin in PLUGINS)
    session.run(_beside(python, "lint-imports"), env={"PYTHONPATH": sources})
    session.run(python, "docs/count_names.py")
    session.run(python, "-m", "codespell_lib")
    folder = Path(session.create_tmp()).resolve()
    cache = {"MYPY_CACHE_DIR": str(Path(".mypy_cache").resolve())}  # torch has been read already
    seen = ("--no-respect-gitignore",)  # git ignores .nox, and ruff what git ignores
    for kind in KINDS:
        with session.chdir(_new_plugin(session, python, kind, folder)):
            session.run(python, "-m", "ruff", "check", *seen)
            session.run(python, "-m", "ruff", "format", "--check", *seen)
            session.run(python, "-m", "mypy", env=cache)


@nox.session
@nox.parametrize("plugin", [*(nox.param(plugin, id=plugin.name) for plugin in PLUGINS), nox.param(None, id="new")])
def plugins(session: nox.Session, plugin: Path | None) -> None:
    """Run the tests of each distribution under plugins/, and of new ones, in its own environment, against the wheel."""
    _upon_the_wheel(session)
    if plugin is not None:
        _test_plugin(session, plugin)
        return
    folder = Path(session.create_tmp()).resolve()
    for kind in KINDS:
        _test_plugin(session, _new_plugin(session, "python", kind, folder))


@nox.session
def interop(session: nox.Session) -> None:
    """Run the tests that load exports in other libraries, those of every extra, against the wheel."""
    _upon_the_wheel(session)
    extras = [package for name in EXTRAS for package in PROJECT["project"]["optional-dependencies"][name]]
    session.install(*extras, "./plugins/prunescope-structured", *_group("interop"))
    session.run("python", "-P", "-m", "pytest", "tests/interop", env={**TEST_ENVIRONMENT, "PRUNESCOPE_INTEROP": "1"})


@nox.session
def browser(session: nox.Session) -> None:
    """Explore the reports in headless Chromium, against the wheel; where it cannot be had, the session is skipped."""
    if not _has_chromium(session):
        session.skip(
            "NOT RUN: no Chromium on the path, and apt-get installs none here. No page was opened in a browser"
        )
    _upon_the_wheel(session)
    session.install(*_group("browser"))
    session.run("python", "-P", "-m", "pytest", "tests/browser", env={**TEST_ENVIRONMENT, "PRUNESCOPE_INTEROP": "1"})


@nox.session(python=False)
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build/html, with warnings as errors, and run its examples."""
    python = _shared(session, "tests", "docs")
    session.run(python, "docs/generate_cli.py", "--check")
    session.run(python, "-m", "sphinx", "--fail-on-warning", "--nitpicky", "--quiet", "docs", "docs/_build/html")
    session.run(python, "-m", "pytest", "docs", env=TEST_ENVIRONMENT)


@nox.session(python=False, default=False)
def bench(session: nox.Session) -> None:
    """Run every benchmark, or those named after --; one that fails does not keep the others from theirs."""
    python = _shared(session, "bench")
    failed = []
    for script in session.posargs or sorted(map(str, Path("benchmarks").glob("bench_*.py"))):
        try:
            session.run(python, script)
        except CommandFailed:
            failed.append(script)
    if failed:
        session.error(f"failed: {', '.join(failed)}")


@nox.session(python=False, default=False)
def truth(session: nox.Session) -> None:
    """Run the studies of the truth that are not finished, and write pack, table and page; arguments go to the program.

    All of it takes hours on two cores; `-- --table` writes from the table alone, `-- --studies NAME --seeds 1` is a
    share of minutes that writes nothing, `-- --published` prints the counts on the published grid,
    and `-- --held-out` judges studies that no fit has seen.
    """
    session.run(_shared(session, "tests"), "docs/truth/write_truth.py", *session.posargs)


@nox.session(python=False, default=False)
def fuzz(session: nox.Session) -> None:
    """Read 2,000 mutated files of each kind on all cores, 15 minutes at most; arguments after -- go to the program."""
    session.run(_shared(session, "tests"), "fuzz/mutate_files.py", *session.posargs, env=TEST_ENVIRONMENT)


@nox.session(python=False, default=False)
def zoo(session: nox.Session) -> None:
    """Check networks of timm, Torchvision and our own, for two hours, and write docs/zoo.md; --quick: forty of them."""
    options = session.posargs or ("--table", "docs/zoo.md")
    session.run(_shared(session, "tests"), "zoo/check_networks.py", *options, env=TEST_ENVIRONMENT)


@nox.session(python=False, default=False)
def chaos(session: nox.Session) -> None:
    """Kill sweeps, fill their disk, send signals, and let plugins misbehave; arguments after -- go to the program.

    Without arguments `chaos-ray` follows, in its own environment: the nodes and the driver of a cluster are killed.
    """
    if not session.posargs:
        session.notify("chaos-ray")
    session.run(_shared(session, "tests"), "chaos/break_studies.py", *session.posargs, env=TEST_ENVIRONMENT)


@nox.session(name="chaos-ray", default=False)
def chaos_ray(session: nox.Session) -> None:
    """Kill nodes of a Ray cluster, and the driver of its sweeps, at random; arguments after -- go to the program."""
    _upon_the_wheel(session)
    session.install(str(Path("plugins/prunescope-ray").resolve()))
    session.run("python", "plugins/prunescope-ray/tests/chaos_ray.py", *session.posargs, env=OWN_ENVIRONMENT)


def _upon_the_wheel(session: nox.Session) -> None:
    """Let the environment of the session see prunescope's wheel, rebuilt, and its dependencies."""
    base = Path(session.cache_dir).parent.resolve() / "plugins-base"
    python = str(base / ("Scripts" if os.name == "nt" else "bin") / "python")
    if not (base / "pyvenv.cfg").is_file():
        session.run(sys.executable, "-m", "venv", str(base), external=True)
    wheels = Path(session.create_tmp()).resolve() / "wheels"
    session.run(python, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(wheels), ".", external=True)
    wheel = max(wheels.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    session.run(python, "-m", "pip", "install", "--quiet", str(wheel), *_group("plugins"), external=True)
    install = ("install", "--quiet", "--no-deps", "--force-reinstall")  # the version may be the same, the code not
    session.run(python, "-m", "pip", *install, str(wheel), external=True)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    theirs = session.run(python, "-c", ask, silent=True, external=True, log=False)
    ours = session.run("python", "-c", ask, silent=True, log=False)
    (Path(str(ours).strip()) / "prunescope-base.pth").write_text(str(theirs))


def _has_chromium(session: nox.Session) -> bool:
    """Return whether Chromium is installed, after an attempt of Debian's package manager where root runs nox."""
    if any(map(shutil.which, CHROMIUM)) or not shutil.which("apt-get") or os.geteuid() != 0:
        return any(map(shutil.which, CHROMIUM))
    install = ("install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core")
    for words in (("update",), install):
        environment = {"DEBIAN_FRONTEND": "noninteractive"}
        session.run("apt-get", "-qq", *words, env=environment, external=True, silent=True, success_codes=range(256))
    return any(map(shutil.which, CHROMIUM))


def _test_plugin(session: nox.Session, plugin: Path) -> None:
    session.install(str(plugin.resolve()))
    with session.chdir(plugin):  # so that the wheel is imported, not the source tree
        session.run("python", "-P", "-m", "pytest", *session.posargs, env=OWN_ENVIRONMENT)


def _new_plugin(session: nox.Session, python: str, kind: str, folder: Path) -> Path:
    """Write a plugin of one kind into `folder`, replacing an earlier one; return its folder."""
    made = folder / f"prunescope-new-{kind}"
    shutil.rmtree(made, ignore_errors=True)
    session.run(python, "-P", "-m", "prunescope", "plugins", "new", f"new-{kind}", f"--{kind}", "--into", str(folder))
    return made


def _shared(session: nox.Session, *groups: str) -> str:
    """Install the project and some dependency groups into the shared environment; return its Python."""
    home = Path(session.cache_dir).parent.resolve() / f"shared-{sys.version_info.major}.{sys.version_info.minor}"
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    python = str(programs / "python")
    if not (home / "pyvenv.cfg").is_file():
        session.run(sys.executable, "-m", "venv", str(home))
    session.env.update(PATH=os.pathsep.join([str(programs), os.environ["PATH"]]), VIRTUAL_ENV=str(home))
    packages = [package for group in groups for package in _group(group)]
    session.run(python, "-m", "pip", "install", "--quiet", "--editable", ".", *packages)
    return python


def _activation(python: str) -> str:
    """Return the command that puts the programs beside a Python on the path."""
    return _beside(python, "activate") if os.name == "nt" else f". {_beside(python, 'activate')}"


def _beside(python: str, program: str) -> str:
    return str(Path(python).with_name(program))


def _pytest(session: nox.Session, python: str, *options: str) -> None:
    """Run all tests, or what the arguments after -- ask for."""
    session.run(python, "-m", "pytest", *(session.posargs or (*PARALLEL, *options)), env=TEST_ENVIRONMENT)


def _changed_by_versions() -> list[str]:
    """Return what pytest is given to run the tests that a version of a dependency can change."""
    folders = (path for path in sorted(Path("tests").iterdir()) if any(path.rglob("test_*.py")))
    rooms = [str(path) for path in folders if path.name not in OF_THE_PROGRAM]
    doors = map(str, sorted(Path("tests").glob("test_front_door*.py")))
    without = (f"--ignore={path}" for path in (*KILLS, SCHEDULING))
    return ["prunescope", *rooms, *doors, *PARSED, *OF_STRANGERS, *without]


def _group(name: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PROJECT, name)


def _lowest(dependency: str) -> str:
    """Turn "numpy>=1.26" into "numpy==1.26"."""
    requirement = Requirement(dependency)
    (bound,) = [bound.version for bound in requirement.specifier if bound.operator == ">="]
    return f"{requirement.name}=={bound}"
