"""The run folder: how it is made, reopened and read. What a solve leaves in it is in `results`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from numbers import Real
from pathlib import Path
from typing import Any

from kanpde._version import __version__
from kanpde.checks import read_path
from kanpde.errors import KanpdeError
from kanpde.files.locks import hold_folder
from kanpde.files.whole import write_json, write_text, write_whole
from kanpde.output.history import read_trace
from kanpde.problem.loading import ProblemFile, load_problem_file
from kanpde.problem.provenance import MARK, mark_file
from kanpde.solution.model_file import load_model
from kanpde.solution.solution import Solution

MODEL, CONFIG, PROBLEM, TRACE = "model.safetensors", "run.json", "problem.py", "trace.csv"
SUMMARY, TEXT = "summary.json", "summary.txt"


@contextmanager
def new_run(path: Path | None, file: ProblemFile, options: Mapping[str, Any]) -> Iterator[Path]:
    """A new run folder, with what a resume needs: the problem file, parameters, options.

    It is `path`, or runs/NAME, runs/NAME-2, ... If the block ends with an error and no model,
    the folder is removed again. Raises KanpdeError for a path that is a file or not empty.
    """
    folder, made = make_folder(path, file.name)
    try:
        with ExitStack() as held:
            with writable(folder):
                held.enter_context(hold_folder(folder))
                _begin(folder, file, options)
            yield folder
    except BaseException:
        if not (folder / MODEL).exists():
            for name in (PROBLEM, CONFIG, *(given.name for given in file.problem.files)):
                (folder / name).unlink(missing_ok=True)
            with suppress(OSError):
                for each in made:
                    each.rmdir()
        raise


def _begin(folder: Path, file: ProblemFile, options: Mapping[str, Any]) -> None:
    text = file.path.read_text(encoding="utf-8")
    write_text(folder / PROBLEM, text)
    for given, found in file.problem.files.items():
        write_whole(folder / given.name, partial(_copy, found))
    config = {
        "version": __version__,
        "problem": file.name,
        "parameters": {n: v for n, v in file.parameters.items() if _is_plain(v)},
        "options": dict(options),
        MARK: mark_file(folder / PROBLEM),
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
def writable(folder: Path) -> Iterator[None]:
    """Turn the system's error in the block into a KanpdeError that names the folder."""
    try:
        yield
    except OSError as error:
        raise KanpdeError(
            f"the run folder {folder} cannot be written ({error.strerror}); take "
            "another (--out on the command line)"
        ) from error


def _copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def make_folder(path: Path | None, name: str) -> tuple[Path, list[Path]]:
    """A new folder, `path` or runs/NAME, ..., and those that were made, the innermost first.

    Raises:
        KanpdeError: the path is a file, or a folder that is not empty or cannot be made.
    """
    base = Path("runs") / name.replace("/", "-") if path is None else path
    with writable(base):  # a name that is too long
        made = [each for each in (base, *base.parents) if not each.exists()]
    if path is not None:
        if path.exists() and not path.is_dir():
            raise KanpdeError(f"{path} is a file; name a folder")
        if path.is_dir() and any(path.iterdir()):
            is_run = (path / CONFIG).exists()
            how = f"`kanpde resume {path}` continues it" if is_run else "and holds no run"
            raise KanpdeError(
                f"the folder {path} is not empty ({how}); take another (--out on the command line)"
            )
        with writable(path):
            path.mkdir(parents=True, exist_ok=True)
        return path, made
    for number in count(1):
        folder = base if number == 1 else base.with_name(f"{base.name}-{number}")
        try:
            with writable(folder):
                folder.mkdir(parents=True)
            return folder, [folder, *(each for each in made if each != base)]
        except KanpdeError:
            # A file has the name, or another solve took it a moment ago.
            if not folder.exists():
                raise
    raise AssertionError


def load_start(folder: Path) -> Solution | None:
    """The best solution of a run, to go on from; None where it ended before it had one."""
    return load(folder) if (folder / MODEL).exists() else None


def reopen(folder: Path, start: Solution | None) -> ProblemFile:
    """The problem of a run, by running its problem.py.

    Raises KanpdeError for a folder that is not a run, or whose problem no longer fits its model.
    """
    config = read_config(folder)
    file = load_problem_file(folder / PROBLEM, config["parameters"])
    name = config["problem"]
    title = name if file.problem.title == file.name else file.problem.title
    problem = file.problem.with_reference(title, file.problem.reference)
    file = replace(file, name=name, problem=problem)
    if start is None:
        return file
    then, now = start.problem, file.problem
    if (then.domain, then.unknowns, then.periodic) != (now.domain, now.unknowns, now.periodic):
        raise KanpdeError(
            f"{folder / PROBLEM} has another box, fields or periodic axes than the model in "
            f"{folder}; solve it as a new run with `kanpde solve {folder / PROBLEM}`"
        )
    return file


def read_config(folder: Path) -> dict[str, Any]:
    """What `new_run` wrote of the problem, the parameters and the options of a run.

    Raises KanpdeError for a folder that is not a run, and for a file that is damaged.
    """
    path = folder / CONFIG
    if not path.is_file():
        what = f"has no {CONFIG}" if folder.is_dir() else "is not a folder"
        raise KanpdeError(f"{folder} is not a run folder of kanpde: it {what}")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not all(map(_is_plain, data["parameters"].values())):
            raise ValueError("a parameter is not a number, a text or a list of them")
        return {
            "problem": str(data["problem"]),
            "parameters": dict(data["parameters"]),
            "options": {
                k: data["options"][k] for k in ("seed", "budget", "tolerance", "device")
            },
        }  # fmt: skip
    except RecursionError as error:
        raise KanpdeError(f"{path} is damaged: it is nested too deeply") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KanpdeError(f"{path} is damaged ({type(error).__name__}: {error})") from error


def load(folder: str | Path) -> Solution:
    """The solution of a run folder, without running any code of it.

    It has no reference: its errors are in summary.json. Raises KanpdeError for a folder
    that is not a run, or a model that is damaged.
    """
    folder = read_path("load", folder)
    if not folder.is_dir():
        what = "is a file; give the run folder" if folder.exists() else "does not exist"
        raise KanpdeError(f"the folder {folder} {what}")
    if not (folder / MODEL).exists():
        what = (
            "its run ended before it had one; `kanpde resume` starts it again"
            if (folder / CONFIG).exists()
            else "it is not a run folder of kanpde"
        )
        raise KanpdeError(f"there is no model in {folder}: {what}")
    return replace(load_model(folder / MODEL), trace=read_trace(folder / TRACE))
