"""The house rules: layers, sizes, late imports, no pickle, and what the built wheel holds."""

import ast
import functools
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kanpde

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "kanpde"
SOURCES = sorted(PACKAGE.rglob("*.py"))
SHIPPED = [*SOURCES, *sorted((ROOT / "problems").rglob("*.py"))]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def python(*arguments: str, cwd: Path = ROOT, **environment: str) -> str:
    """Standard output of a fresh interpreter; its words of complaint if it fails."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def parse(path: Path) -> ast.Module:
    """Eight tests read the same 600 files, which take some seconds to parse and to walk."""
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(parse(path)))


@functools.cache
def functions_of(path: Path) -> tuple[tuple[str, ast.AST], ...]:
    return tuple(functions(parse(path)))


# --- what the source may not hold -----------------------------------------------------------


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_no_file_is_over_500_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


Found = dict[str, int]  # what is counted, by file (and function)


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Each function with the names of what it stands in, such as `Trainer.run`."""
    for node in ast.iter_child_nodes(tree):
        inner = f"{prefix}{node.name}" if hasattr(node, "name") else prefix
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield inner, node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from functions(node, f"{inner}.")
        else:
            yield from functions(node, prefix)


def count_lines(node: Any) -> int:
    return int(node.end_lineno - node.lineno + 1)


def count_arguments(node: Any) -> int:
    """With keyword-only ones and those of a star, and without self and cls."""
    names = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    starred = [node.args.vararg, node.args.kwarg]
    return len([each for each in names if each.arg not in ("self", "cls")]) + len(
        [each for each in starred if each]
    )


def beyond(limit: int, count: Callable[[ast.AST], int]) -> set[str]:
    """The functions of which `count` is more than `limit`, as `file: function`."""
    return {
        f"{name(path)}: {function}"
        for path in SHIPPED
        for function, node in functions_of(path)
        if count(node) > limit
    }


# Each of these lists may only shrink: a new entry fails, and so does one that is not needed.
LONG: set[str] = {
    "problems/navier_stokes/cavity.py: problem",
}
WIDE: set[str] = set()


def test_no_function_is_over_60_lines() -> None:
    assert beyond(60, count_lines) == LONG


def test_no_function_has_more_than_8_arguments() -> None:
    assert beyond(8, count_arguments) == WIDE


def test_the_measures_themselves() -> None:
    code = "class A:\n    def f(self, a, /, b, *c, d=1, **e):\n        def g():\n            pass\n"
    found = {name: (count_lines(n), count_arguments(n)) for name, n in functions(ast.parse(code))}
    assert found == {"A.f": (3, 5), "A.f.g": (2, 0)}


def knows_the_box(nodes: Iterable[ast.AST]) -> Iterator[int]:
    """Lines that ask whether something is a box or a face of one."""
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, kind]):
                names = {n.id for n in ast.walk(kind) if isinstance(n, ast.Name)}
                if names & {"Box", "Face"}:
                    yield node.lineno


def compares_with_t(nodes: Iterable[ast.AST]) -> Iterator[int]:
    """Lines that recognise time by its name."""
    for node in nodes:
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                if isinstance(side, ast.Constant) and side.value == "t":
                    yield node.lineno


def places(check: Callable[[Iterable[ast.AST]], Iterator[int]], without: str = " ") -> list[str]:
    """`file:line` of all that `check` finds outside of one folder."""
    return [
        f"{name(path)}:{line}"
        for path in SOURCES
        if not name(path).startswith(without)
        for line in check(nodes(path))
    ]


def test_only_geometry_knows_the_box() -> None:
    assert places(knows_the_box, "kanpde/geometry/") == []


def test_time_is_not_known_by_its_name() -> None:
    assert places(compares_with_t) == []


def test_the_checks_of_geometry_themselves() -> None:
    code = 'isinstance(x, int | Face)\na == "t"\n"t" in b\nisinstance(x, int)\n"t" + c'
    assert list(knows_the_box(ast.walk(ast.parse(code)))) == [1]
    assert list(compares_with_t(ast.walk(ast.parse(code)))) == [2, 3]


# "There is no" is as it should be.
FORBIDDEN = re.compile(
    r"(?<!there) is no (?!t\b|longer\b|more\b)|in the place of|the one before|that before"
    r"|end of time",
    re.I,
)


def prose(path: Path) -> str:
    """A document without its code, or a source file's strings, each as one line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return " ".join(re.sub(r"^```.*?^```", "", text, flags=re.M | re.S).split())
    strings = (
        node.value
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return "\n".join(" ".join(each.split()) for each in strings)


# How often each file still has one of these forms; it may only shrink, like the lists above.
PROSE: Found = {}


def test_prose_is_read_once() -> None:
    """CONTRIBUTING.md says what stands instead."""
    paths = [*SOURCES, *sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
    counts = {name(path): len(FORBIDDEN.findall(prose(path))) for path in paths}
    assert {each: count for each, count in counts.items() if count} == PROSE


def unsafe_loads(nodes: Iterable[ast.AST]) -> Iterator[int]:
    """Lines that could run code from a data file: pickle and its kin, and loaders that use it."""
    for node in nodes:
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module]
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load" | "save")):
                options = {k.arg: ast.unparse(k.value) for k in node.keywords}
                if options.get("weights_only") != "True":
                    yield node.lineno
                continue
            case ast.keyword(arg="allow_pickle") if ast.unparse(node.value) != "False":
                yield node.lineno
                continue
            case _:
                continue
        barred = {"pickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
        if barred & {module.partition(".")[0] for module in modules}:
            yield node.lineno


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_no_pickle(path: Path) -> None:
    assert list(unsafe_loads(nodes(path))) == []


@pytest.mark.parametrize(
    ("line", "unsafe"),
    [
        ("import pickle", True),
        ("from joblib.numpy_pickle import load", True),
        ("import torch.nn, shelve as s", True),
        ("torch.load(path)", True),
        ("torch.load(path, weights_only=False)", True),
        ("torch.load(path, weights_only=True)", False),
        ("torch.save(model, path)", True),
        ("np.load(path, allow_pickle=True)", True),
        ("np.load(path, allow_pickle=False)", False),
        ("from kanpde.errors import KanpdeError", False),
    ],
)
def test_the_pickle_check_itself(line: str, unsafe: bool) -> None:
    assert bool(list(unsafe_loads(ast.walk(ast.parse(line))))) is unsafe


def test_imports_point_down_only() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- what an import costs and leaves alone --------------------------------------------------


def imported(*arguments: str) -> set[str]:
    """The modules that an interpreter with these arguments has imported at its end."""
    code = f"import atexit, sys; atexit.register(lambda: print(*sys.modules)); {arguments[0]}"
    return set(python("-c", code, *arguments[1:]).split("\n")[-2].split())


def packages(modules: set[str]) -> set[str]:
    """What stands at the top of these modules and does not come with Python."""
    return {each.partition(".")[0] for each in modules} - set(sys.stdlib_module_names)


# What typer and rich bring along; none of the packages that take seconds.
HELP = {
    "annotated_doc", "kanpde", "markdown_it", "mdurl", "pygments", "rich", "shellingham", "typer",
}  # fmt: skip


# What an import costs is counted in modules: seconds are those of the machine and its load.
def test_import_is_late() -> None:
    found = imported("import kanpde") - imported("pass")
    assert packages(found) == {"kanpde"}
    assert {each for each in found if each.startswith("kanpde")} == {"kanpde", "kanpde._version"}


def test_help_is_late() -> None:
    code = "import runpy; runpy.run_module('kanpde', run_name='__main__')"
    found = imported(code, "--help") - imported("pass")
    assert "kanpde.cli.app" in found
    assert packages(found) <= HELP
    ours = [each for each in found if each.startswith("kanpde")]
    # The options of ten commands, and what reads them.
    assert len(ours) <= 24, f"these were loaded by --help: {ours}"


GLOBAL_STATE = """
import importlib, locale, os, pkgutil, random, signal, sys
import matplotlib, numpy, scipy, torch
import rich.live  # its styles draw from Python's generator when it is imported
import sklearn  # sets two variables of OpenMP when it is imported

def state():
    return {
        "torch dtype": torch.get_default_dtype(),
        "torch device": torch.get_default_device(),
        "torch random": torch.get_rng_state().tolist(),
        "torch threads": torch.get_num_threads(),
        "torch grad": torch.is_grad_enabled(),
        "torch deterministic": torch.are_deterministic_algorithms_enabled(),
        "numpy random": numpy.random.get_state()[1].tolist(),
        "numpy errors": numpy.geterr(),
        "numpy print": numpy.get_printoptions(),
        "python random": random.getstate(),
        "matplotlib": dict(dict.items(matplotlib.rcParams)),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "locale": locale.setlocale(locale.LC_ALL),
        "signals": [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)],
    }

before = state()
import kanpde
for module in pkgutil.walk_packages(kanpde.__path__, "kanpde."):
    if module.name.split(".")[1] not in ("_problems", "_starts"):
        importlib.import_module(module.name)
after = state()
print(*[key for key in before if before[key] != after[key]], sep=", ")
print("matplotlib.pyplot" in sys.modules)
"""


def test_importing_every_module_changes_no_global_state() -> None:
    changed, pyplot = python("-c", GLOBAL_STATE).split("\n")[:2]
    assert changed == ""
    assert pyplot == "False", "pyplot keeps global figures; use matplotlib.figure.Figure"


# --- what is stated twice is stated alike ---------------------------------------------------


def test_one_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    (cited,) = re.findall(r"^version: (\S+)$", citation, flags=re.MULTILINE)
    assert cited == kanpde.__version__


def test_entry_point_is_the_main_function() -> None:
    assert PYPROJECT["project"]["scripts"] == {"kanpde": "kanpde.__main__:main"}
    code = "import sys; from kanpde.__main__ import main; sys.argv = ['kanpde', 'list']; main()"
    assert "burgers" in python("-c", code)


def test_every_direct_dependency_is_pinned() -> None:
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    direct = [
        each
        for each in project["dependencies"] + extras["dev"] + extras["docs"]
        if not each.startswith("kanpde[")
    ]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0].lower() for line in lines if "==" in line}
    assert {re.split(r"[<>=!~\[ ]", each)[0].lower() for each in direct} <= pinned


def test_readme_has_the_two_commands_and_ci_runs_its_test_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    fenced = "\n".join(re.findall(r"^```\w*\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL))
    commands = [line for line in fenced.splitlines() if "pip install" in line]
    assert commands == [
        "python -m venv .venv && . .venv/bin/activate && "
        "pip install -c constraints.txt -e . && kanpde solve burgers",
        'pip install -c constraints.txt -e ".[dev]" && python -m pytest',
    ]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"grep -E '([^']*)' README\.md", script)
    assert re.findall(pattern, readme, flags=re.MULTILINE) == commands[1:]


def test_each_long_test_exists() -> None:
    """A line of tests/long_tests.txt whose test was renamed would let it run each time."""
    for line in (ROOT / "tests" / "long_tests.txt").read_text(encoding="utf-8").splitlines():
        file, _, rest = line.partition("::")
        name = rest.partition("[")[0].rpartition("::")[2]
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), line


# --- what is built --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel that was built from that archive."""
    folder = tmp_path_factory.mktemp("dist")
    python("-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT), cwd=folder)
    return folder


def files_below(folder: Path) -> set[str]:
    """Each file's path under a folder of the repository, without what Python leaves there."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder).as_posix() for p in found if "__pycache__" not in p.parts}


def test_wheel_holds_the_package_and_the_problems(built: Path) -> None:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        inside = {each for each in wheel.namelist() if ".dist-info/" not in each}
    expected = {f"kanpde/{each}" for each in files_below(PACKAGE)}
    expected |= {f"kanpde/_problems/{each}" for each in files_below(ROOT / "problems")}
    expected |= {f"kanpde/_starts/{each}" for each in files_below(ROOT / "examples" / "starts")}
    # `kanpde docs` shows the pages that the repository shows.
    expected |= {f"kanpde/_docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert inside == expected
    assert {"kanpde/py.typed", "kanpde/_problems/burgers.py"} <= inside
    assert {"kanpde/_problems/navier_stokes/cavity.py"} <= inside


def test_source_archive_holds_what_the_tests_need(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        inside = {each.partition("/")[2] for each in archive.getnames()}
    for folder in ("kanpde", "problems", "tests"):
        assert {f"{folder}/{each}" for each in files_below(ROOT / folder)} <= inside
    assert {".ci/run", "README.md", "LICENSE", "CITATION.cff", "constraints.txt"} <= inside
    assert {".pre-commit-config.yaml", "CHANGELOG.md", "CONTRIBUTING.md"} <= inside


def test_wheel_finds_its_problems_away_from_the_repository(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import json, kanpde; kanpde.load_problem('burgers', nu=0.02);"
        "kanpde.load_problem('navier_stokes/kovasznay'); print(json.dumps(kanpde.__file__))"
    )
    # The folder in PYTHONPATH comes before an editable installation.
    out = python("-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert Path(json.loads(out)).is_relative_to(tmp_path)
