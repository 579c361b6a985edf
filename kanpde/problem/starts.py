"""Starts for problem files: an equation on a shape, both from `examples/starts`.

Each of these files runs as it is, and has the lines of its shape between two marks. A start is
the file of an equation with these lines from the file of a shape.
"""

from __future__ import annotations

from pathlib import Path

from kanpde.errors import KanpdeError
from kanpde.problem.library import find_problem, shipped_folder, suggest

BEGIN = "# --- The shape:"
END = "# --- The end of the shape."


def list_starts(kind: str) -> dict[str, Path]:
    """The files of the "equations" or the "shapes" by their names.

    Their folder says where they fit: "plane", "space", or "any" of the two.
    """
    return {
        path.stem: path
        for path in sorted((shipped_folder("starts", "examples/starts") / kind).glob("*/*.py"))
    }


def write_start(equation: str, shape: str, target: Path | None = None) -> Path:
    """Write a problem file that has this equation on this shape; its path.

    Args:
        equation: Its name, such as "heat"; "-" and "_" are the same.
        shape: Its name, such as "disc" or "plate-with-hole".
        target: The file, by default `EQUATION_SHAPE.py` here.

    Raises:
        KanpdeError: there is no such equation or shape, one does not fit the other, or the file
            exists.
    """
    outline, pose = _find(shape, "shapes"), _find(equation, "equations")
    needed, given = pose.parent.name, outline.parent.name
    if needed not in ("any", given):
        fitting = [n for n, path in list_starts("shapes").items() if path.parent.name == needed]
        raise KanpdeError(
            f"--from {equation} is an equation of the {needed} and does not fit --shape {shape}; "
            f"take one of {', '.join(fitting)}"
        )
    target = Path(f"{pose.stem}_{outline.stem}.py") if target is None else target
    if target.suffix != ".py":
        raise KanpdeError(f"--out {target}: the name of a problem file must end in .py")
    before, _, after = _split(pose)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(before + _split(outline)[1] + after)
    except FileExistsError:
        raise KanpdeError(f"{target} exists; take another name (--out)") from None
    return target


def _find(name: str, kind: str) -> Path:
    found, plain = list_starts(kind), name.replace("-", "_")
    if plain in found:
        return found[plain]
    hint = suggest(plain, list(found))
    if kind == "shapes":
        raise KanpdeError(
            f"there is no --shape {name}{hint or ';'} it is one of {', '.join(found)}"
        )
    if not hint:
        find_problem(name)  # raises for a name that nothing has
        hint = " since it has a domain of its own;"
    raise KanpdeError(
        f"--from {name} cannot be put on a --shape{hint} it is one of {', '.join(found)}"
    )


def _split(path: Path) -> tuple[str, str, str]:
    """The text before the shape, the lines of the shape with their marks, and the text after."""
    text = path.read_text(encoding="utf-8")
    begin, end = text.index(BEGIN), text.index(END)
    return text[:begin], text[begin:end], text[end:]
