"""The run folder: everything that a solve leaves, readable at any moment of the solve."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from numbers import Real
from pathlib import Path
from typing import Any

from kanpde._version import __version__
from kanpde.errors import KanpdeError
from kanpde.files import write_json, write_text
from kanpde.output.fields import (
    can_be_sampled,
    check_format,
    even_counts,
    export_fields,
    grid_data,
    read_fields,
    write_fields,
)
from kanpde.output.history import read_trace, save_trace
from kanpde.output.samples import Samples
from kanpde.output.summary import summarize, summary_text
from kanpde.problem.loading import ProblemFile, load_problem_file
from kanpde.solution.model_file import load_model, save_model
from kanpde.solution.solution import Solution

MODEL, CONFIG, PROBLEM, TRACE = "model.safetensors", "run.json", "problem.py", "trace.csv"
SUMMARY, TEXT = "summary.json", "summary.txt"


# --- the folder -----------------------------------------------------------------------------


@contextmanager
def new_run(path: Path | None, file: ProblemFile, options: Mapping[str, Any]) -> Iterator[Path]:
    """A new run folder, with what a resume needs: the problem file, parameters, options.

    It is `path`, or runs/NAME, runs/NAME-2, ... If the block ends with an error and no model,
    the folder is removed again. Raises KanpdeError for a path that is a file or not empty.
    """
    folder, made = _make_folder(path, file.name)
    try:
        with _writable(folder):
            _begin(folder, file, options)
        yield folder
    except BaseException:
        if not (folder / MODEL).exists():
            for name in (PROBLEM, CONFIG):
                (folder / name).unlink(missing_ok=True)
            with suppress(OSError):
                for each in made:
                    each.rmdir()
        raise


def _begin(folder: Path, file: ProblemFile, options: Mapping[str, Any]) -> None:
    text = file.path.read_text(encoding="utf-8")
    write_text(folder / PROBLEM, text)
    config = {
        "version": __version__,
        "problem": file.name,
        "parameters": {n: v for n, v in file.parameters.items() if _is_plain(v)},
        "options": dict(options),
    }
    write_json(folder / CONFIG, config)


def _is_plain(value: Any) -> bool:
    """Whether JSON gives it back; a default that it does not stands in the copy of the file."""
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    if isinstance(value, Real):
        return math.isfinite(value)
    return value is None or isinstance(value, str)


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KanpdeError(
            f"the run folder {folder} cannot be written ({error.strerror}); take another with --out"
        ) from error


def _make_folder(path: Path | None, name: str) -> tuple[Path, list[Path]]:
    """The folder, and those that were made for it, the innermost first."""
    base = Path("runs") / name.replace("/", "-") if path is None else path
    made = [each for each in (base, *base.parents) if not each.exists()]
    if path is not None:
        if path.exists() and not path.is_dir():
            raise KanpdeError(f"{path} is a file; --out names a folder")
        if path.is_dir() and any(path.iterdir()):
            is_run = (path / CONFIG).exists()
            how = f"`kanpde resume {path}` goes on with it" if is_run else "and holds no run"
            raise KanpdeError(
                f"the folder {path} is not empty ({how}); take another name with --out"
            )
        with _writable(path):
            path.mkdir(parents=True, exist_ok=True)
        return path, made
    for number in count(1):
        folder = base if number == 1 else base.with_name(f"{base.name}-{number}")
        try:
            with _writable(folder):
                folder.mkdir(parents=True)
            return folder, [folder, *(each for each in made if each != base)]
        except KanpdeError:
            # A file has the name, or another solve took it a moment ago.
            if not folder.exists():
                raise
    raise AssertionError


def reopen(folder: Path) -> tuple[ProblemFile, dict[str, Any], Solution | None]:
    """The problem, the options and the best solution of a run, to go on from.

    The solution is None where the run ended before it had one. Raises KanpdeError for a
    folder that is no run, or whose problem no longer fits its model.
    """
    config = read_config(folder)
    file = load_problem_file(folder / PROBLEM, config["parameters"])
    options, name = config["options"], config["problem"]
    title = name if file.problem.title == file.name else file.problem.title
    file = replace(file, name=name, problem=replace(file.problem, title=title))
    if not (folder / MODEL).exists():
        return file, options, None
    start = load(folder)
    then, now = start.problem, file.problem
    if (then.domain, then.unknowns, then.periodic) != (now.domain, now.unknowns, now.periodic):
        raise KanpdeError(
            f"{folder / PROBLEM} has another box, fields or periodic axes than the model in "
            f"{folder}; solve it as a new run with `kanpde solve {folder / PROBLEM}`"
        )
    return file, options, start


def read_config(folder: Path) -> dict[str, Any]:
    """What `new_run` wrote of the problem, the parameters and the options of a run.

    Raises KanpdeError for a folder that is no run.
    """
    path = folder / CONFIG
    if not path.is_file():
        what = f"has no {CONFIG}" if folder.is_dir() else "is no folder"
        raise KanpdeError(f"{folder} is no run folder of kanpde: it {what}")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {
            "problem": str(data["problem"]),
            "parameters": dict(data["parameters"]),
            "options": {
                k: data["options"][k] for k in ("seed", "budget", "tolerance", "device")
            },
        }  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise KanpdeError(f"{path} is damaged ({type(error).__name__}: {error})") from error


def load(folder: str | Path) -> Solution:
    """The solution of a run folder, without running any code of it.

    It has no reference: its errors are in summary.json. Raises KanpdeError for a folder
    that is no run, or a model that is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file; give the run folder" if folder.exists() else "does not exist"
        raise KanpdeError(f"the folder {folder} {what}")
    if not (folder / MODEL).exists():
        what = (
            "its run ended before it had one; `kanpde resume` starts it again"
            if (folder / CONFIG).exists()
            else "it is no run folder of kanpde"
        )
        raise KanpdeError(f"there is no model in {folder}: {what}")
    return replace(load_model(folder / MODEL), trace=read_trace(folder / TRACE))


def save(solution: Solution, folder: str | Path) -> Path:
    """Write a solution and everything that `kanpde solve` leaves of one into a new folder.

    `load` reads it back; it cannot be resumed, since a problem made in Python has no file.
    Returns the folder. Raises KanpdeError for a path that is a file, not empty or not writable.
    """
    path, _ = _make_folder(Path(folder), "")
    with _writable(path):
        first_checkpoint(path, solution)
        save_results(path, solution, solution.problem.title or path.name)
    return path


# --- what a solve leaves --------------------------------------------------------------------


def checkpoint(folder: Path, solution: Solution) -> None:
    """Save model and trace, and remove the summary of an earlier model."""
    save_model(solution, folder / MODEL)
    save_trace(folder / TRACE, solution.trace)
    for name in (SUMMARY, TEXT):
        (folder / name).unlink(missing_ok=True)


def first_checkpoint(folder: Path, solution: Solution) -> None:
    """As `checkpoint`; raises KanpdeError now for what would fail after the training.

    A model that cannot be read back, or whose fields cannot be written, is removed again.
    """
    checkpoint(folder, solution)
    try:
        _rehearse(folder, solution)
    except KanpdeError:
        for name in (MODEL, TRACE):
            (folder / name).unlink(missing_ok=True)
        raise


def _rehearse(folder: Path, solution: Solution) -> None:
    read = load(folder)
    for one, other in zip(solution.problem.equations, read.problem.equations, strict=True):
        if one.jets != other.jets:
            raise KanpdeError(
                f'condition "{one.condition}" cannot be saved: rename the field or axis whose '
                f"name reads as a derivative ({', '.join(map(str, one.jets))})"
            )
    if can_be_sampled(solution.problem):
        grid_data(solution.samples(dict.fromkeys(solution.problem.domain.names, 2)))


def save_results(folder: Path, solution: Solution, name: str) -> dict[str, Any]:
    """Write model, trace, fields, pictures and, last, the summary; the summary."""
    checkpoint(folder, solution)
    try:
        if can_be_sampled(solution.problem):
            samples = solution.samples(even_counts(solution.problem))
            write_fields(folder, grid_data(samples), solution.seconds)
            _draw(folder, samples)
        _draw_convergence(folder, solution)
    finally:
        summary = summarize(solution, name)
        text = summary_text(solution, name)
        write_text(folder / TEXT, text)
        write_json(folder / SUMMARY, summary)
    return summary


def _draw(folder: Path, samples: Samples) -> None:
    from kanpde.output.plot import plot_residual, plot_solution

    plot_solution(samples, folder / "solution.png")
    plot_residual(samples, folder / "residual.png")


def _draw_convergence(folder: Path, solution: Solution) -> None:
    from kanpde.output.plot import plot_convergence

    if len(solution.trace.get("step", ())) > 1:
        plot_convergence(solution.trace, folder / "convergence.png")


def export(folder: Path, kind: str) -> tuple[Path, bool]:
    """Write a run's fields in another format into its folder.

    Returns the file to open, and whether the errors against a reference are in it: they are
    where the solve had written its fields, but no code of the folder runs to find them anew.
    Raises KanpdeError for an unknown format or a folder that is no run.
    """
    check_format(kind)
    solution = load(folder)
    if not can_be_sampled(solution.problem):
        raise KanpdeError(
            f"{folder} has {len(solution.problem.domain.space)} space dimensions, files hold three "
            "at most; take `kanpde.load` and points of your own"
        )
    data = read_fields(folder, solution.seconds)
    if data is not None:
        return export_fields(folder, data, kind, solution.seconds), True
    data = grid_data(solution.samples(even_counts(solution.problem)))
    return export_fields(folder, data, kind, solution.seconds), False
