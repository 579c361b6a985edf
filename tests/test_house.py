"""The house rules: layers, sizes, late imports, no pickle, and what the built wheel holds."""

import ast
import json
import os
import re
import subprocess
import sys
import tarfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

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


# --- what the source may not hold -----------------------------------------------------------


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_no_file_is_over_500_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def unsafe_loads(tree: ast.AST) -> Iterator[int]:
    """Lines that could run code from a data file: pickle and its kin, and loaders that use it."""
    for node in ast.walk(tree):
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
    assert list(unsafe_loads(ast.parse(path.read_text(encoding="utf-8")))) == []


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
    assert bool(list(unsafe_loads(ast.parse(line)))) is unsafe


def test_imports_point_down_only() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- what an import costs and leaves alone --------------------------------------------------


def test_import_is_fast_and_late() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import kanpde;"
        "print(time.perf_counter() - start, *{'torch', 'sympy', 'matplotlib'} & set(sys.modules))"
    )
    runs = [python("-c", code).split() for _ in range(3)]
    assert runs[0][1:] == [], "these were loaded by `import kanpde`"
    assert min(float(seconds) for seconds, *_ in runs) < 0.3


def test_help_answers_at_once() -> None:
    def once() -> float:
        start = time.perf_counter()
        assert "solve" in python("-m", "kanpde", "--help")
        return time.perf_counter() - start

    assert min(once() for _ in range(3)) < 0.5


GLOBAL_STATE = """
import importlib, locale, os, pkgutil, random, signal, sys
import matplotlib, numpy, scipy, torch
import rich.live  # its styles draw from Python's generator when it is imported

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
    if "._problems" not in module.name:
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
    from kanpde.__main__ import main

    assert callable(main)


def test_every_direct_dependency_is_pinned() -> None:
    project = PYPROJECT["project"]
    direct = project["dependencies"] + project["optional-dependencies"]["dev"]
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
