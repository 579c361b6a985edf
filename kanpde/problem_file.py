"""Problem files: a Python file with `problem()`, found by name or path, with its parameters."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.plan import Plan
from kanpde.problem import Problem


@dataclass(frozen=True)
class ProblemFile:
    """A loaded file: its problem at the chosen parameters, and its plan if it has one."""

    name: str
    path: Path
    problem: Problem
    plan: Plan | None
    parameters: Mapping[str, Any]


def load_problem(name: str | Path, **parameters: Any) -> Problem:
    """The problem of a shipped name ("burgers") or of a file's path.

    Keywords set the parameters of its `problem()`. Raises KanpdeError for what is not there.
    """
    return load_problem_file(name, parameters).problem


def load_problem_file(name: str | Path, parameters: Mapping[str, Any] | None = None) -> ProblemFile:
    """As `load_problem`, with the file's plan and all parameter values."""
    path = find_problem(name)
    module = _load(path)
    function = getattr(module, "problem", None)
    if not callable(function):
        raise KanpdeError(
            f"{path} has no function problem(); write `def problem() -> Problem:` and return "
            "the Problem from it"
        )
    values = _parameters(path, function, parameters or {})
    problem = _call(path, function, values, "problem")
    if not isinstance(problem, Problem):
        raise KanpdeError(
            f"{path}: problem() returns {type(problem).__name__}, not a Problem "
            "(is a `return` missing?)"
        )
    plan = None
    if hasattr(module, "plan"):
        plan = _call(path, module.plan, {}, "plan")
        if not isinstance(plan, Plan):
            raise KanpdeError(f"{path}: plan() returns {type(plan).__name__}, not a Plan")
    label = str(name) if not str(name).endswith(".py") else path.stem
    if not problem.title:
        problem = replace(problem, title=label)
    return ProblemFile(label, path, problem, plan, values)


def shipped_folder() -> Path:
    """Where the shipped problem files lie: inside the package, or beside it in a checkout."""
    inside = Path(__file__).parent / "_problems"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "problems"


def shipped() -> dict[str, str]:
    """The names of the shipped problems with the first line of each file's docstring."""
    folder = shipped_folder()
    out = {}
    for path in sorted(folder.rglob("*.py")):
        if path.name.startswith("_"):
            continue
        text = path.read_text(encoding="utf-8")
        first = text.lstrip().removeprefix('"""').splitlines()[0].removesuffix('"""').strip()
        out[path.relative_to(folder).with_suffix("").as_posix()] = first
    return out


def find_problem(name: str | Path) -> Path:
    """The file of a shipped name or a path; raises KanpdeError with near names."""
    path = Path(name)
    if path.suffix == ".py" or path.is_file():
        if path.is_file():
            return path
        near = [p.name for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise KanpdeError(f"there is no file {path}{_suggest(path.name, near)}")
    names = list(shipped())
    short = {n.rpartition("/")[2]: n for n in names}
    text = str(name)
    chosen = text if text in names else short.get(text)
    if chosen is None:
        raise KanpdeError(
            f"there is no shipped problem {text}{_suggest(text, [*names, *short])}; "
            "`kanpde list` shows all, and a file of your own ends in .py"
        )
    return shipped_folder() / f"{chosen}.py"


def _suggest(name: str, near: list[str]) -> str:
    close = difflib.get_close_matches(name, list(dict.fromkeys(near)), n=2, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"kanpde_problem_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise KanpdeError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Beside the file no cache folder must appear.
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise KanpdeError(_told(path, error)) from error
    finally:
        sys.dont_write_bytecode = keep
    return module


def _call(path: Path, function: Callable[..., Any], values: Mapping[str, Any], what: str) -> Any:
    try:
        return function(**values)
    except KanpdeError as error:
        raise KanpdeError(f"{path}: {error}") from error
    except Exception as error:
        raise KanpdeError(_told(path, error, what)) from error


def _told(path: Path, error: Exception, what: str = "") -> str:
    """The error with the file's own line, not a traceback through the program."""
    if isinstance(error, SyntaxError):
        text = (error.text or "").strip()
        return f"{path}, line {error.lineno}: {error.msg}: `{text}`"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    where = f", line {frames[-1].lineno}" if frames else ""
    line = f": `{frames[-1].line}`" if frames and frames[-1].line else ""
    call = f" in {what}()" if what else ""
    return f"{path}{where}{call} raises {type(error).__name__}: {error}{line}"


def _parameters(
    path: Path, function: Callable[..., Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Defaults of problem() overridden by `given`, converted to the defaults' types."""
    signature = inspect.signature(function).parameters
    defaults = {}
    for name, parameter in signature.items():
        if parameter.default is parameter.empty and name not in given:
            raise KanpdeError(
                f"{path}: problem() has the parameter {name} without a default; give it one"
            )
        defaults[name] = parameter.default
    values = {n: v for n, v in defaults.items() if n not in given}
    for name, value in given.items():
        if name not in defaults:
            valid = ", ".join(
                f"{n} (= {v:g})" if isinstance(v, float) else f"{n} (= {v})"
                for n, v in defaults.items()
            )
            raise KanpdeError(
                f"{path.stem} has no parameter {name}{_suggest(name, list(defaults))}; "
                + (f"it has {valid}" if defaults else "it has none")
            )
        values[name] = _converted(path, name, value, defaults[name])
    return {name: values[name] for name in signature}


def _converted(path: Path, name: str, value: Any, default: Any) -> Any:
    """A text from the command line as the type of the default."""
    kind = type(default)
    if default is inspect.Parameter.empty or default is None:
        return value
    if kind is bool and isinstance(value, str):
        if value.lower() in ("true", "yes", "1"):
            return True
        if value.lower() in ("false", "no", "0"):
            return False
    elif (
        kind in (int, float)
        and isinstance(value, (str, int, float))
        and not isinstance(value, bool)
    ):
        try:
            number = kind(value)
        except ValueError:
            number = None
        if (
            number is not None
            and number == number
            and abs(number) != float("inf")
            and (kind is float or float(value) == number)
        ):
            return number
    elif isinstance(value, kind):
        return value
    raise KanpdeError(
        f"{path.stem}: the parameter {name} is of type {kind.__name__} (default {default}); "
        f"{value!r} is not"
    )
