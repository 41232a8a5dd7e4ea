"""The house: which room may import which, and no circle between files, imports for type checking included."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "api": set(),
    "networks": {"api"},
    "plugins": {"api", "networks"},
    "data": {"api", "networks", "plugins"},
    "landscape": {"api", "networks", "plugins"},
    "regimes": {"api", "plugins"},
    "pruning": {"api", "networks", "plugins", "landscape"},
    "training": {"api", "networks", "data", "plugins"},
    "runs": {"api", "networks", "plugins", "data", "landscape"},
    "studies": {"runs", "regimes", "training", "data", "networks", "plugins", "api"},
    "report": {"studies", "regimes", "runs", "plugins", "api"},
    "cli": {
        "report",
        "studies",
        "runs",
        "training",
        "pruning",
        "regimes",
        "landscape",
        "data",
        "networks",
        "plugins",
        "api",
    },
}
"""Room -> the rooms it may import, besides itself."""


def modules():
    """Every module of the package by its dotted name."""
    found = {}
    for path in (ROOT / "prunescope").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path, known):
    """The modules of the package that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "prunescope":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module


@pytest.fixture(scope="module")
def graph():
    known = modules()
    return {name: set(imports(path, known)) - {name} for name, path in known.items()}


def room(name):
    return name.split(".")[1] if "." in name else ""


def test_the_root_holds_twelve_rooms_and_nothing_else():
    here = {path.name for path in (ROOT / "prunescope").iterdir() if path.name != "__pycache__"}
    assert here == set(MAY_IMPORT) | {"__init__.py", "__main__.py", "py.typed"}


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_it_may(graph, name):
    wrong = [
        f"{module} -> {imported}"
        for module, found in sorted(graph.items())
        for imported in sorted(found)
        if room(module) == name and room(imported) not in MAY_IMPORT[name] | {name}
    ]
    assert not wrong, "\n".join(wrong)


def test_a_file_has_at_most_400_lines():
    lines = {name: path.read_text(encoding="utf-8").count("\n") for name, path in modules().items()}
    assert not {name: number for name, number in lines.items() if number > 400}


def annotations(path):
    """What the arguments of functions and the fields of classes are, by line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield node.lineno, ast.unparse(node.annotation)


def test_a_store_travels_in_a_session_above_its_own_room():
    known = {name: path for name, path in modules().items() if room(name) in ("studies", "report", "cli")}
    wrong = [
        f"{name}:{line}" for name, path in known.items() for line, kind in annotations(path) if "Store" in kind.split()
    ]
    assert len(known) > 100
    assert not wrong, wrong


def test_no_circle_between_files(graph):
    circles = list(strong(graph))
    assert not circles, circles


def strong(graph):
    """Strongly connected components of more than one module (Tarjan 1972)."""
    index, low, stack, order = {}, {}, [], []

    def visit(name):
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == index[name]:
            component = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(component) > 1:
                order.append(sorted(component))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return order


def test_strong_finds_a_planted_circle():
    assert strong({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


def test_percent_is_written_by_one_module():
    written = re.compile(r":[+<>^]?\d*\.\d%}|\* 100:|100 \* [\w.\[\]]+:\+?\.\df} %")
    for path in sorted((ROOT / "prunescope").rglob("*.py")):
        if path.name != "wording.py":
            assert not written.findall(path.read_text(encoding="utf-8")), f"{path}: use prunescope.api.wording"


def test_lmc_and_cka_are_written_by_one_module():
    written = re.compile(r"\{[^{}]*(?:lmc|cka)[^{}:]*:[+]?\.\d+[fg]\}", re.IGNORECASE)
    assert written.findall('f"LMC {model.lmc:+.4f}"')
    assert written.findall('f"CKA {best_cka:.3f}"')
    for path in sorted((ROOT / "prunescope").rglob("*.py")):
        assert not written.findall(path.read_text(encoding="utf-8")), f"{path}: use prunescope.api.wording"


WRITERS = {
    "plugins/process_state.py": "a stream in the place of one that a plugin closed",
    "api/state.py": "what is remembered of a user, which may be lost",
    "cli/terminal/streams.py": "standard output, in place of one that is closed",
    "plugins/scaffold/writing.py": "the files of a new plugin, in a folder that is made for them",
    "plugins/testing/jobs.py": "the results that an executor under test has to bring back",
    "runs/files/leases.py": "a lease, which stands in for a lock and ends with its process",
    "runs/files/whole.py": "every other file",
    "runs/store.py": "the progress of a step, which may be lost",
}
"""The files that write files by themselves -> what they write."""


def test_files_are_written_by_one_function():
    found = {
        path.relative_to(ROOT / "prunescope").as_posix()
        for path in sorted((ROOT / "prunescope").rglob("*.py"))
        if any(writes(call) for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found == set(WRITERS), "use prunescope.runs.files.whole"


@pytest.mark.parametrize(
    ("call", "written"),
    [('path.open("wb")', True), ('open(name, mode="a")', True), ("path.write_text(text)", True),
     ('fdopen(number, "r" if number == 0 else "w")', True), ("path.open()", False), ('open(name, "rb")', False)],
)  # fmt: skip
def test_writes_finds_what_is_planted(call, written):
    assert writes(ast.parse(call, mode="eval").body) is written


def writes(node):
    """Say whether a node of source code is a call that opens a file to write it, or writes one whole."""
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    given = [*node.args, *(one.value for one in node.keywords if one.arg == "mode")]
    parts = [part.value for one in given for part in ast.walk(one) if isinstance(part, ast.Constant)]
    opened = name in {"open", "fdopen"} and any(re.fullmatch(r"[rwxab+t]*[wxa+][rwxab+t]*", str(one)) for one in parts)
    return opened or name in {"write_text", "write_bytes"}
