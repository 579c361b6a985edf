"""The run folder: everything that a solve leaves, readable at any moment of the solve."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kanpde._version import __version__
from kanpde.errors import KanpdeError
from kanpde.export import (
    GridData,
    write_csv,
    write_vtkhdf,
    write_vtkhdf_xt,
    write_vtu,
    write_xdmf,
)
from kanpde.problem import Problem
from kanpde.problem_file import ProblemFile, load_problem_file
from kanpde.samples import Samples
from kanpde.solution import Solution
from kanpde.store import load_model, save_model, write_atomically, write_json

MODEL, CONFIG, SUMMARY, PROBLEM = "model.safetensors", "run.json", "summary.json", "problem.py"
TRACE, FIELDS = "trace.csv", "fields.vtkhdf"
FORMATS = ("vtkhdf", "vtu", "xdmf", "csv")
# Residuals beside their names in files, so that a field and an equation may share one.
_RESIDUAL, _ERROR = "residual_", "error_"


def fresh_folder(path: Path | None, name: str) -> Path:
    """A new run folder: the given one, or runs/NAME, runs/NAME-2, ...

    Raises KanpdeError for a given folder that is not empty.
    """
    if path is None:
        base = Path("runs") / name.replace("/", "-")
        path, number = base, 1
        while path.exists():
            number += 1
            path = base.with_name(f"{base.name}-{number}")
    elif path.is_file():
        raise KanpdeError(f"{path} is a file; --out names a folder")
    elif path.is_dir() and any(path.iterdir()):
        how = (
            f"`kanpde resume {path}` goes on with it" if (path / MODEL).exists() else "it is no run"
        )
        raise KanpdeError(f"the folder {path} is not empty ({how}); take another name with --out")
    path.mkdir(parents=True, exist_ok=True)
    return path


def begin(folder: Path, file: ProblemFile, options: Mapping[str, Any]) -> None:
    """Write what a resume needs: a copy of the problem file, its parameters, the options."""
    text = file.path.read_text(encoding="utf-8")
    write_atomically(folder / PROBLEM, lambda p: p.write_text(text, encoding="utf-8"))
    config = {
        "version": __version__,
        "problem": file.name,
        "parameters": dict(file.parameters),
        "options": dict(options),
    }
    write_json(folder / CONFIG, config)


def reopen(folder: Path) -> tuple[ProblemFile, dict[str, Any], Solution]:
    """The problem, the options and the best solution of a run, to go on from.

    Raises KanpdeError for a folder that is no run.
    """
    config = _config(folder)
    try:
        file = load_problem_file(folder / PROBLEM, config["parameters"])
        options = dict(config["options"])
        name = str(config["problem"])
    except (KeyError, TypeError) as error:
        raise KanpdeError(f"{folder / CONFIG} is damaged ({error})") from error
    title = name if file.problem.title == file.name else file.problem.title
    file = replace(file, name=name, problem=replace(file.problem, title=title))
    return file, options, load_model(folder / MODEL)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        raise KanpdeError(f"{folder} is no run folder of kanpde (it has no {CONFIG})")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise KanpdeError(f"{path} is damaged ({error})") from error
    if not isinstance(data, dict):
        raise KanpdeError(f"{path} is damaged")
    return data


def load(folder: str | Path) -> Solution:
    """The solution of a run folder, without running any code of it.

    It has no reference: its errors are in summary.json. Raises KanpdeError for a folder
    that is no run, or a model that is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise KanpdeError(f"there is no folder {folder}")
    return replace(load_model(folder / MODEL), trace=read_trace(folder / TRACE))


def save_results(folder: Path, solution: Solution, name: str) -> dict[str, Any]:
    """Write model, fields, pictures, trace and summary; the summary."""
    save_model(solution, folder / MODEL)
    save_trace(folder / TRACE, solution.trace)
    samples = solution.samples(_counts(solution.problem))
    write_fields(folder, samples)
    _pictures(folder, samples, solution)
    summary = summarize(solution, name)
    write_json(folder / SUMMARY, summary)
    text = summary_text(summary)
    write_atomically(folder / "summary.txt", lambda p: p.write_text(text, encoding="utf-8"))
    return summary


def summarize(solution: Solution, name: str) -> dict[str, Any]:
    """The stable content of summary.json."""
    reference = solution.problem.reference
    data: dict[str, Any] = {
        "problem": name,
        "parameters": solution.parameters,
        "seconds": round(solution.seconds, 3),
        "seed": solution.seed,
        "status": solution.outcome.status,
        "advice": solution.outcome.advice,
        "steps": solution.steps,
        "version": __version__,
        "notes": list(solution.notes),
    }
    if reference is not None:
        data["errors"] = {n: {"rel_l2": e.rel_l2, "max": e.max} for n, e in solution.errors.items()}
        data["reference"] = {"method": reference.method, "error": reference.error}
    else:
        data["estimate"] = {"rel_l2": solution.estimate}
    return data


def summary_text(summary: Mapping[str, Any]) -> str:
    """The summary as lines that a person reads."""
    lines = [
        f"{summary['problem']}: {summary['status']}, {summary['parameters']} parameters, "
        f"{summary['steps']} steps, {summary['seconds']:.0f} s, seed {summary['seed']}"
    ]
    for field, error in summary.get("errors", {}).items():
        lines.append(f"  {field}: relative L2 error {error['rel_l2']:.2e}, max {error['max']:.2e}")
    if "reference" in summary:
        reference = summary["reference"]
        own = f", itself good to {reference['error']:.0e}" if reference["error"] else ""
        lines.append(f"  against: {reference['method']}{own}")
    if "estimate" in summary:
        value = summary["estimate"]["rel_l2"]
        shown = "none yet" if value is None else f"{value:.1e}"
        lines.append(f"  estimated relative L2 error: {shown} (an estimate: no reference is known)")
    lines.append(f"  {summary['advice']}")
    return "\n".join(lines) + "\n"


def _counts(problem: Problem) -> dict[str, int]:
    """Grid points along each axis for files and pictures."""
    space = {1: 257, 2: 129, 3: 41}.get(len(problem.box.space), 17)
    times = 101 if len(problem.box.space) == 1 else 65
    return {a.name: times if a.name == "t" else space for a in problem.box.axes}


def grid_data(samples: Samples) -> GridData:
    """Samples as the writers take them: time first, with errors and residuals as fields."""
    order = [n for n in samples.axes if n == "t"] + list(samples.space)
    where = [list(samples.axes).index(n) for n in order]
    fields = dict(samples.fields)
    fields |= {_ERROR + n: v for n, v in samples.errors.items()}
    fields |= {_RESIDUAL + _plain_name(n): v for n, v in samples.residuals.items()}
    return GridData(
        axes={n: samples.axes[n] for n in samples.space},
        fields={n: np.transpose(v, where) for n, v in fields.items()},
        times=samples.axes["t"] if samples.has_time else None,
        units=dict(samples.units),
        vectors=dict(samples.vectors),
    )


def _plain_name(label: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in label).strip("_")


def write_fields(folder: Path, samples: Samples) -> None:
    """fields.vtkhdf and, for one space dimension and time, the (x, t) image."""
    if not 1 <= len(samples.space) <= 3:
        return
    data = grid_data(samples)
    write_vtkhdf(folder / FIELDS, data)
    if samples.has_time and len(samples.space) == 1:
        write_vtkhdf_xt(folder / "fields_xt.vtkhdf", data)


def export(folder: Path, kind: str) -> list[Path]:
    """Write a run's fields in another format into its folder; the paths, first the one to open."""
    if kind not in FORMATS:
        raise KanpdeError(f"there is no format {kind}; there are {', '.join(FORMATS)}")
    solution = load(folder)
    if not 1 <= len(solution.problem.box.space) <= 3:
        raise KanpdeError("fields of one to three space dimensions can be exported")
    data = grid_data(solution.samples(_counts(solution.problem)))
    match kind:
        case "vtu":
            return write_vtu(folder, data)
        case "xdmf":
            return write_xdmf(folder, data)
        case "csv":
            write_csv(folder / "fields.csv", data)
            return [folder / "fields.csv"]
        case _:
            write_vtkhdf(folder / FIELDS, data)
            return [folder / FIELDS]


def _pictures(folder: Path, samples: Samples, solution: Solution) -> None:
    from kanpde.plot import plot_convergence, plot_residual, plot_solution

    if 1 <= len(samples.axes) <= 4 and samples.space:
        plot_solution(samples, folder / "solution.png")
        plot_residual(samples, folder / "residual.png")
    if len(solution.trace.get("step", ())) > 1:
        plot_convergence(solution.trace, folder / "convergence.png")


def save_trace(path: Path, trace: Mapping[str, Any]) -> None:
    """The looks of a training as CSV."""

    def write(target: Path) -> None:
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(trace)
            writer.writerows(zip(*trace.values(), strict=True))

    write_atomically(path, write)


def read_trace(path: Path) -> dict[str, Any]:
    """Read `save_trace`'s file; empty where there is none."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        names, *rows = list(csv.reader(file))
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return {
        n: np.array(c, dtype=object) if n == "stage" else np.array(c, dtype=float)
        for n, c in zip(names, columns, strict=True)
    }
