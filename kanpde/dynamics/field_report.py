"""A folder with the equations of fields, or with a source, and the words for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import sympy

from kanpde._version import __version__
from kanpde.dynamics.agreement import Agreement
from kanpde.dynamics.field.equation import FieldEquation, FieldSystem
from kanpde.dynamics.field.rollout import Rollout
from kanpde.dynamics.field.snapshots import Snapshots
from kanpde.dynamics.field.source import Source
from kanpde.dynamics.field_pictures import plot_coefficients, plot_residuals, plot_rollout
from kanpde.dynamics.problem_text import write_field_problem
from kanpde.dynamics.report import OUTSIDE, open_folder, write_equations, write_problem
from kanpde.files.whole import finite_or_none, write_json, write_text


def describe_field(found: FieldSystem | FieldEquation) -> str:
    """The equations of fields, what they are worth and how sure they are, for the terminal."""
    if isinstance(found, FieldEquation):
        found = FieldSystem((found,))
    several = len(found.equations) > 1
    good = [each for each in found.equations if not _is_outside(each)]
    lines = [each.text() for each in good]
    if good:
        levels = ", ".join(
            f"{each.name} {each.noise:.2g}" if several else f"{each.noise:.2g}"
            for each in found.equations
        )
        lines.append(f"± is half a 95 % interval; noise of the samples: {levels}")
    told = [(each.name, each.judgement.text) for each in good]
    if len({text for _, text in told}) == 1 == len(told) or (
        len(good) == len(found.equations) and len({text for _, text in told}) == 1
    ):
        lines.append(told[0][1])
    else:
        lines += [f"{name}: {text}" for name, text in told]
    for each in found.equations:
        if _is_outside(each):
            of = f"{each.name}: " if several else ""
            lines += [
                f"{of}{OUTSIDE}",
                f"warning: {of}{each.judgement.text}",
                f"the nearest equation: {each.left} = {each.sympy().evalf(5)}",
            ]
    return "\n".join([*lines, *(f"note: {note}" for note in found.notes)])


def describe_rollout(found: Rollout) -> str:
    """How the equations, solved from the first samples on, forecast those of the last time."""
    lines = []
    for name, error in found.errors.items():
        line = (
            f"solved from the first samples on, {name} at t = {found.times[-1]:g} is off by "
            f"{error:.2g} standard deviations (noise of the samples {found.noise[name]:.2g}; the "
            f"first samples kept: {found.still[name]:.2g})"
        )
        lines.append(line)
        if not error < found.still[name]:
            lines.append(f"warning: {name} is not forecast better than by its first samples")
    return "\n".join(lines)


def _is_outside(equation: FieldEquation) -> bool:
    return equation.judgement.agreement is Agreement.OUTSIDE


def save_field_report(
    found: FieldSystem | FieldEquation,
    folder: Path,
    data: Snapshots | None = None,
    rollout: Rollout | None = None,
) -> None:
    """Writes equations.json, equations.txt, equations.tex and discovery.json into a folder.

    Args:
        found: the equations.
        folder: made if it is not there; files of the same names are replaced.
        data: the samples on a grid, of which fit.png and coefficients.png show how the equations
            explain them, and from which problem.py takes what is known at the first time and at
            the ends; none of these is written without.
        rollout: the equations solved from the first samples on, for forecast.png.

    Raises:
        KanpdeError: the folder cannot be written.
    """
    if isinstance(found, FieldEquation):
        found = FieldSystem((found,))
    sides = {each.left: each.sympy() for each in found.equations}
    latex = "\n".join(
        f"{_write_rate(each)} = {sympy.latex(side)}"
        for each, side in zip(found.equations, sides.values(), strict=True)
    )
    told = describe_field(found)
    if rollout is not None:
        told += f"\n{describe_rollout(rollout)}"
    with open_folder(folder):
        write_equations(folder, {left: str(side) for left, side in sides.items()}, told, latex)
        write_json(folder / "discovery.json", field_to_data(found, rollout))
        if rollout is not None:
            plot_rollout(rollout, folder / "forecast.png")
        if data is not None and all(each.terms for each in found.equations):
            plot_residuals(found, data, folder / "fit.png")
            plot_coefficients(found, folder / "coefficients.png")
            write_problem(folder, found.judgement, lambda: write_field_problem(found, data))


def _write_rate(equation: FieldEquation) -> str:
    power = "" if equation.order == 1 else f"^{equation.order}"
    return rf"\partial_t{power} {equation.name}"


def field_to_data(
    found: FieldSystem | FieldEquation, rollout: Rollout | None = None
) -> dict[str, Any]:
    """Everything as JSON data: of a single equation at the top, of several by field."""
    if isinstance(found, FieldEquation):
        found = FieldSystem((found,))
    every = {each.name: _equation_to_data(each) for each in found.equations}
    told = next(iter(every.values())) if len(every) == 1 else {"equations": every}
    notes = list(found.notes)
    ahead = {} if rollout is None else {"forecast": _rollout_to_data(rollout)}
    return {"version": __version__, **told, **ahead, "notes": notes}


def _rollout_to_data(found: Rollout) -> dict[str, Any]:
    """By field, in units of the samples' deviation."""
    return {
        name: {
            "error": finite_or_none(error),
            "first_samples_kept": finite_or_none(found.still[name]),
            "noise": finite_or_none(found.noise[name]),
        }
        for name, error in found.errors.items()
    }


def _equation_to_data(found: FieldEquation) -> dict[str, Any]:
    def name(term: Any) -> dict[str, Any]:
        single = len(found.notation.fields) == len(found.notation.axes) == 1
        if single and term.pair:
            return {"term": term.name, "power": term.pair[0], "derivative": term.pair[1]}
        return {"term": term.name}

    return {
        "order": found.order,
        "known": [{**name(term), "value": c} for term, c in found.known.items()],
        "coefficients": [
            {
                **name(term),
                "value": float(c),
                "standard_error": finite_or_none(float(e)),
            }
            for term, c, e in zip(found.terms, found.values, found.errors, strict=True)
        ],
        "noise": found.noise,
        "agreement": found.judgement.agreement.value,
        "advice": found.judgement.text,
    }


def describe_source(found: Source) -> str:
    """A source and how sure it is, for the terminal."""
    return f"{found.text()}\n± is half a 95 % interval; noise of the samples: {found.noise:.2g}"


def source_to_data(found: Source) -> dict[str, Any]:
    """A source f(u) and how sure it is, as JSON data."""
    return {
        "version": __version__,
        "source": str(found.formula),
        "from": finite_or_none(found.low),
        "to": finite_or_none(found.high),
        "noise": finite_or_none(found.noise),
    }


def save_source_report(found: Source, folder: Path) -> None:
    """Writes equations.json, equations.txt, equations.tex, and source.csv: u, f(u), its error.

    Args:
        found: the source.
        folder: made if it is not there; files of the same names are replaced.

    Raises:
        KanpdeError: the folder cannot be written.
    """
    u = np.linspace(found.low, found.high, 201)
    table = np.stack([u, found(u), found.error(u)], 1)
    lines = ["u,f,standard_error", *(",".join(f"{v:.10g}" for v in row) for row in table)]
    equations = {"f": str(found.formula)}
    with open_folder(folder):
        write_equations(
            folder, equations, describe_source(found), f"f(u) = {sympy.latex(found.formula)}"
        )
        write_text(folder / "source.csv", "\n".join(lines) + "\n")
