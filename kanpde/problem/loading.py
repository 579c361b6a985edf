"""Problem files: a Python file with `problem()`, found by name or path, with its parameters."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from numbers import Integral, Real
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from kanpde.errors import KanpdeError
from kanpde.problem.library import find_problem, suggest

if TYPE_CHECKING:
    # The names of the shipped problems are listed without them, and so without torch.
    from kanpde.problem.problem import Problem
    from kanpde.reference import Reference


@dataclass(frozen=True)
class ProblemFile:
    """A loaded file: its problem at the chosen parameters, and what its plan() returns, if any.

    `kanpde.training.plan.plan_of` checks the plan: nothing here knows how problems are solved.
    """

    name: str
    path: Path
    problem: Problem
    plan: Any
    parameters: Mapping[str, Any]


def load_problem(name: str | Path, **parameters: Any) -> Problem:
    """The problem of a shipped name ("burgers") or of a file's path.

    Keywords set the parameters of its `problem()`. Raises KanpdeError for what is not there.
    """
    if not isinstance(name, (str, Path)):
        raise KanpdeError(f"load_problem takes a name or a path, not {name!r}")
    return load_problem_file(name, parameters).problem


def load_problem_file(name: str | Path, parameters: Mapping[str, Any] | None = None) -> ProblemFile:
    """As `load_problem`, with the file's plan and all parameter values."""
    from kanpde.problem.problem import Problem

    path = find_problem(name)
    module = _load(path)
    function = _function(path, module, "problem")
    if function is None:
        raise KanpdeError(
            f"{path} has no function problem(); write `def problem() -> Problem:` and return "
            "the Problem from it"
        )
    values = _parameters(path, function, parameters or {})
    problem = _call(path, function, values, "problem()")
    if not isinstance(problem, Problem):
        raise KanpdeError(
            f"{path}: problem() returns {type(problem).__name__}, not a Problem "
            "(is a `return` missing?)"
        )
    function = _function(path, module, "plan")
    plan = None if function is None else _call(path, function, {}, "plan()")
    if function is not None and plan is None:
        raise KanpdeError(f"{path}: plan() returns nothing, not a Plan (is a `return` missing?)")
    label = str(name) if not str(name).endswith(".py") else path.stem
    title, reference = problem.title or label, problem.reference
    guarded = None if reference is None else _guard(path, reference)
    return ProblemFile(label, path, problem.with_reference(title, guarded), plan, values)


# Each load has its own module name, so that threads do not remove each other's.
_LOADS = count()


def _load(path: Path) -> ModuleType:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise KanpdeError(
            f"{path} is not a text file in UTF-8 (byte {error.start}); save it as UTF-8"
        ) from error
    except OSError as error:
        raise KanpdeError(f"{path} cannot be read ({error.strerror})") from error
    name = f"kanpde_problem_{path.stem}_{next(_LOADS)}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise KanpdeError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Beside the file no cache folder must appear; dataclasses look for the module by its name.
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise KanpdeError(_explain(path, error)) from error
    finally:
        sys.dont_write_bytecode = keep
        sys.modules.pop(name, None)
    return module


def _function(path: Path, module: ModuleType, name: str) -> Callable[..., Any] | None:
    function = getattr(module, name, None)
    if function is not None and not callable(function):
        raise KanpdeError(
            f"{path}: {name} is of type {type(function).__name__}; write it as a function, "
            f"`def {name}():`, that returns it"
        )
    return function


def _call(path: Path, function: Callable[..., Any], values: Mapping[str, Any], what: str) -> Any:
    try:
        return function(**values)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise KanpdeError(_explain(path, error, what)) from error


def _guard(path: Path, reference: Reference) -> Reference:
    """The reference, whose mistakes are reported as those of the file."""
    import numpy as np

    def evaluate(**coordinates: Any) -> Mapping[str, Any]:
        with np.errstate(all="ignore"):  # values that are not finite are reported below
            values = _call(path, reference.evaluate, coordinates, "the reference")
        arrays = list(np.broadcast_arrays(*coordinates.values()))
        for field in reference.fields:
            try:
                value = np.broadcast_to(np.asarray(values[field], float), arrays[0].shape)
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise KanpdeError(
                    f"{path}: the reference of {field} is not an array like its coordinates, of "
                    f"shape {arrays[0].shape} ({error})"
                ) from error
            bad = np.flatnonzero(~np.isfinite(value))
            if len(bad):
                place = ", ".join(
                    f"{n} = {a.flat[bad[0]]:g}" for n, a in zip(coordinates, arrays, strict=True)
                )
                raise KanpdeError(
                    f"{path}: the reference of {field} is {value.flat[bad[0]]} at {place}; it must "
                    "be finite in the whole box"
                )
        return values  # type: ignore[no-any-return]

    return replace(reference, evaluate=evaluate)


def _explain(path: Path, error: BaseException, what: str = "") -> str:
    """The error with the file's own line, not a traceback through the program."""
    if isinstance(error, SyntaxError):
        line = f", line {error.lineno}" if error.lineno else ""
        text = (error.text or "").strip()
        file = error.filename
        where = path if file is None or _is_same(file, path) else file
        return f"{where}{line}: {error.msg}" + (f": `{text}`" if text else "")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_same(f.filename, path)]
    place = f"{path}, line {frames[-1].lineno}" if frames else str(path)
    if isinstance(error, KanpdeError):
        return f"{place}: {error}"
    line = f": `{frames[-1].line}`" if frames and frames[-1].line else ""
    call = f" in {what}" if what else ""
    reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    hint = _import_hint(error) if isinstance(error, ImportError) else ""
    return f"{place}{call} raises {reason}{line}{hint}"


def _import_hint(error: ImportError) -> str:
    if error.name == "kanpde":
        missing = re.search(r"cannot import name '(\w+)'", str(error))
        names = sys.modules["kanpde"].__all__
        near = difflib.get_close_matches(missing[1] if missing else "", names, 3, 0.5)
        return (
            f" (is {' or '.join(near)} meant?)" if near else " (`dir(kanpde)` lists what there is)"
        )
    return (
        " (a problem file stands alone: it can import what is installed, and not the files "
        "beside it)"
    )


def _is_same(filename: str, path: Path) -> bool:
    # The import system makes the name of a module's file absolute.
    return Path(filename).resolve() == path.resolve()


def _parameters(
    path: Path, function: Callable[..., Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Defaults of problem() overridden by `given`, converted to the defaults' types."""
    defaults = {n: p.default for n, p in inspect.signature(function).parameters.items()}
    for name, default in defaults.items():
        if default is inspect.Parameter.empty and name not in given:
            raise KanpdeError(
                f"{path}: problem() has the parameter {name} without a default; give it one in "
                f"the file, or --set {name}=..."
            )
    for name in given:
        if name not in defaults:
            valid = ", ".join(
                f"{n} (= {v:g})" if isinstance(v, float) else f"{n} (= {v})"
                for n, v in defaults.items()
            )
            raise KanpdeError(
                f"{path.stem} has no parameter {name}{suggest(name, list(defaults)) or ';'} "
                + (f"it has {valid}" if defaults else "it has none")
            )
    return {
        name: _convert(path, name, given[name], default) if name in given else default
        for name, default in defaults.items()
    }


def _convert(path: Path, name: str, value: Any, default: Any) -> Any:
    """A text from the command line as the type of the default."""
    if default is inspect.Parameter.empty or default is None:
        return value
    # NumPy's numbers count as those of Python.
    kinds = {bool: bool, Integral: int, Real: float}
    kind = next((k for group, k in kinds.items() if isinstance(default, group)), type(default))
    found = value
    if kind is bool and isinstance(value, str):
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        found = words.get(value.lower())
    elif kind in (int, float):
        found = _number(value, kind)
    elif kind is tuple and isinstance(value, list):
        found = tuple(value)  # what JSON makes of a tuple
    if isinstance(found, kind):
        return found
    if isinstance(value, str) and kind not in (bool, int, float):
        raise KanpdeError(
            f"{path.stem}: the parameter {name} is of type {kind.__name__}, which --set cannot "
            "give; change its default in the file"
        )
    raise KanpdeError(
        f"{path.stem}: the parameter {name} is of type {kind.__name__} (default {default}); "
        f"{value!r} is not"
    )


def _number(value: Any, kind: type[int] | type[float]) -> float | None:
    """`value` as an int or a float; None where it is not one (2.5 is not an int)."""
    if isinstance(value, bool) or not isinstance(value, (str, Real)):
        return None
    try:
        number = kind(value)  # type: ignore[arg-type]
        exact = abs(number) < float("inf") and (kind is float or float(value) == number)
    except (ValueError, OverflowError):
        return None
    return number if exact else None
