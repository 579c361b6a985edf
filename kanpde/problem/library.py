"""The shipped problem files, and files found by name."""

from __future__ import annotations

import ast
import difflib
import shutil
from pathlib import Path

from kanpde.errors import KanpdeError


def shipped_folder(name: str = "problems", beside: str = "") -> Path:
    """Where shipped files lie: inside the package, or beside it (as `beside`) in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / f"_{name}"
    return inside if inside.is_dir() else package.parent / (beside or name)


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


def list_parameters(name: str) -> dict[str, str]:
    """The parameters of a shipped problem with their defaults as written; runs no code."""
    tree = ast.parse((shipped_folder() / f"{name}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "problem":
            arguments = node.args.posonlyargs + node.args.args
            defaults = node.args.defaults
            found = dict(zip([a.arg for a in arguments[-len(defaults) :]], defaults, strict=True))
            if not defaults:
                found = {}
            keywords = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            found |= {argument.arg: value for argument, value in keywords if value is not None}
            return {argument: ast.unparse(value) for argument, value in found.items()}
    return {}


def find_problem(name: str | Path) -> Path:
    """The file of a shipped name or a path; raises KanpdeError with near names."""
    text, path, names = str(name), Path(name), list(shipped())
    short = {n.rpartition("/")[2]: n for n in names}
    if path.suffix == ".py" and not path.is_dir():
        if path.is_file():
            return path
        hint = suggest(text, _files_beside(path)) or suggest(path.stem, [*names, *short])
        raise KanpdeError(f"there is no file {path}{hint}")
    chosen = text if text in names else short.get(text)
    if chosen is not None:
        return shipped_folder() / f"{chosen}.py"
    if not text.strip():
        raise KanpdeError("the problem has no name; `kanpde list` shows the shipped ones")
    if path.is_dir():
        raise KanpdeError(
            f"{path} is a folder; name a problem file (.py) or a shipped problem, or continue "
            "a run by `kanpde resume`"
        )
    if path.exists():
        raise KanpdeError(f"{path} is not a problem file: its name must end in .py")
    near = [f"{path}.py"] if path.with_name(f"{path.name}.py").is_file() else [*names, *short]
    raise KanpdeError(
        f"there is no shipped problem {text}{suggest(text, near) or ';'} `kanpde list` shows "
        "all, and the name of a file of your own ends in .py"
    )


def _files_beside(path: Path) -> list[str]:
    return [str(p) for p in path.parent.glob("*.py") if p.is_file()]


def copy_problem(name: str, target: Path | None = None) -> Path:
    """Copy a problem file to `target`, by default under its own name here; the path.

    The files beside it that it names, such as a mesh, are copied beside the target. Raises
    KanpdeError for a path that exists.
    """
    source = find_problem(name)
    target = Path(source.name) if target is None else target
    if target.suffix != ".py":
        raise KanpdeError(f"--out {target}: the name of a problem file must end in .py")
    target.parent.mkdir(parents=True, exist_ok=True)
    text = source.read_text(encoding="utf-8")
    others = [p for p in source.parent.iterdir() if p.suffix != ".py" and f'"{p.name}"' in text]
    for each in (target, *(target.with_name(p.name) for p in others)):
        if each.exists():
            raise KanpdeError(f"{each} exists; take another name or folder (--out)")
    for each in others:
        shutil.copyfile(each, target.with_name(each.name))
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise KanpdeError(f"{target} exists; take another name (--out)") from None
    return target


def suggest(name: str, near: list[str]) -> str:
    lower = {n.lower(): n for n in near}
    close = difflib.get_close_matches(name.lower(), list(lower), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(lower[n] for n in close)}?" if close else ""
