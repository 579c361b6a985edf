"""Find, then solve: what was discovered as a problem file that `kanpde solve` takes as it is.

Initial and boundary values are those of the samples without their noise, as short sums of waves or
polynomials, so that the file stands alone and can be read and edited.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from keyword import iskeyword

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.field.equation import FieldEquation, FieldSystem
from kanpde.dynamics.field.noise import Denoised, denoise
from kanpde.dynamics.field.snapshots import Snapshots
from kanpde.dynamics.field.term import Notation, Piece, Term
from kanpde.dynamics.field.writing import Line, find_period, write_function
from kanpde.dynamics.ode.result import Dynamics
from kanpde.errors import KanpdeError
from kanpde.symbols.printing import Printer

# The functions that a file imports if they occur.
_FUNCTIONS = ("cos", "exp", "log", "sin", "sqrt", "tan", "tanh")


def write_dynamics_problem(found: Dynamics) -> str:
    """A problem file of the equations of trajectories, from the fitted start of the first run.

    Raises:
        KanpdeError: there are inputs, or names that cannot stand in a program.
    """
    if found.inputs:
        raise KanpdeError(
            f"equations with inputs ({', '.join(found.inputs)}) are not a problem that can be "
            "solved: what the inputs are between their samples is not known"
        )
    _check_names(found)
    path = found.path[0]
    time = found.data.time
    names = found.states
    printer = Printer({"fully_qualified_modules": False})
    conditions = []
    for name, first in zip(names, path[0, 1:], strict=True):
        side = printer.doprint(found.equations[name])
        given = ", ".join(names)
        conditions += [
            f'Condition("{name}", box, lambda {given}: d({name}, {time}) - ({side})),',
            f'Condition("start of {name}", box.face({time}={float(path[0, 0])!r}), '
            f"lambda {given}: {name} - {float(first)!r}),",
        ]
    axes = f"{time}=Interval({float(path[0, 0])!r}, {float(path[-1, 0])!r}, Role.TIME)"
    head = "Equations that were discovered in trajectories."
    return _write_file(head, axes, f"{time}", _quote(names), [], conditions)


def _check_names(found: Dynamics) -> None:
    taken = {"box", "d", "problem", "Box", "Condition", "Problem", "Interval", "Role", *_FUNCTIONS}
    for name in (*found.states, found.data.time):
        if not name.isidentifier() or iskeyword(name) or name in taken:
            raise KanpdeError(
                f"the column `{name}` cannot be the name of a field in a problem file: rename it"
            )


def write_field_problem(found: FieldSystem, data: Snapshots) -> str:
    """A problem file of the equations of fields, from their samples on a grid.

    Args:
        found: the equations.
        data: the samples.

    Raises:
        KanpdeError: there are fields without an equation, or the fields are not periodic and an
            equation needs more than their values at the ends.
    """
    given = [name for name in data.fields if name not in found.names]
    if given:
        raise KanpdeError(
            f"equations with inputs ({', '.join(given)}) are not a problem that can be solved: "
            "what the inputs are between their samples is not known"
        )
    notation, names = found.equations[0].notation, found.names
    smooth = [denoise(data.fields[name]) for name in names]
    frame = _Frame.of(found, data, smooth)
    sides: list[str] = []
    conditions: list[str] = []
    arguments = ", ".join(names)
    for equation, u in zip(found.equations, smooth, strict=True):
        label = "law" if len(names) == 1 else f"law of {equation.name}"
        conditions.append(f'Condition("{label}", box, {label.replace(" ", "_")}),')
        sides += [f"def {label.replace(' ', '_')}({arguments}):", _write_law(equation, notation)]
        conditions += frame.write_start(equation, u)
    for equation, u in zip(found.equations, smooth, strict=True):
        conditions += frame.write_ends(equation.name, u)
    rings = [line.name for line in frame.lines if line.period is not None]
    conditions += [f"Periodic({name})," for name in rings]
    head = (
        "An equation that was discovered in a field."
        if len(names) == 1
        else "Equations that were discovered in fields."
    )
    space = ", ".join(notation.axes)
    return _write_file(head, frame.write_box(), f"{space}, t", _quote(names), sides, conditions)


def _write_law(equation: FieldEquation, notation: Notation) -> str:
    """The residual of an equation, as the line of a function."""
    rate = f"d({equation.name}{', t' * equation.order})"
    parts = [
        f"{'-' if c > 0 else '+'} {abs(c)!r}{_write_term(term, notation)}"
        for term, c in equation.values_by_term().items()
    ]
    return f"    return {' '.join([rate, *parts])}"


def _write_term(term: Term, notation: Notation) -> str:
    """What a coefficient is multiplied with, in the language of problem files."""
    pieces = [_write_piece(piece, notation) for piece in term.pieces]
    if len(pieces) > 1:
        return f" * ({' + '.join(pieces)})"
    return f" * {pieces[0]}" if pieces[0] else ""


def _write_piece(piece: Piece, notation: Notation) -> str:
    weight = "" if piece.weight == 1 else f"{piece.weight!r} * "
    parts = []
    for factor, count in Counter(piece.factors).items():
        text = notation.fields[factor.field]
        text = _derive(text, factor.derivative, notation)
        parts.append(text + (f"**{count}" if count > 1 else ""))
    return weight + _derive(" * ".join(parts), piece.outer, notation)


def _derive(text: str, orders: Sequence[int], notation: Notation) -> str:
    letters = [f", {name}" * order for name, order in zip(notation.axes, orders, strict=True)]
    return f"d({text}{''.join(letters)})" if any(orders) else text


@dataclass(frozen=True)
class _Frame:
    """Where fields were sampled: their axes (with periods), and their times."""

    lines: tuple[Line, ...]
    time: Line

    @staticmethod
    def of(found: FieldSystem, data: Snapshots, smooth: Sequence[Denoised]) -> _Frame:
        lines = []
        for axis, (name, row) in enumerate(data.axes.items(), 1):
            ring = find_period([each.values for each in smooth], row, axis)
            highest = _find_highest(found, axis - 1)
            if ring is None and highest > 2:
                raise KanpdeError(
                    f"the field is not periodic, and an equation of order {highest} needs more "
                    "at both ends than values, which samples do not give"
                )
            if ring is None:
                lines.append(Line(name, row))
            else:
                lines.append(Line(name, row[: ring.samples], ring.period))
        return _Frame(tuple(lines), Line("t", data.times))

    def write_box(self) -> str:
        """The arguments of the box."""
        ends = []
        for line in (*self.lines, self.time):
            first, last = float(line.positions[0]), float(line.positions[-1])
            last = last if line.period is None else first + line.period
            ends.append(f"{line.name}=({first!r}, {last!r})")
        return ", ".join(ends)

    def _cut(self, values: Array) -> Array:
        """Values on the grid of space without what repeats."""
        return values[tuple(slice(0, len(line.positions)) for line in self.lines)]

    def write_start(self, equation: FieldEquation, u: Denoised) -> list[str]:
        """The conditions at the first time."""
        times, name = self.time.positions, equation.name
        starts = [u.values[0]]
        if equation.order == 2:
            starts.append(_measure_rate(u.values, times))
        step = float(times[1] - times[0])
        out = []
        for k, start in enumerate(starts):
            values = write_function(self._cut(start), self.lines, u.noise / step**k)
            left = f"d({name}, t)" if k else name
            of = "" if name == "u" and not k else f" of {name}{'_t' * k}"
            out.append(
                f'Condition("start{of}", box.face(t={float(times[0])!r}), '
                f"lambda {name}: {left} - ({values})),"
            )
        return out

    def write_ends(self, name: str, u: Denoised) -> list[str]:
        """The values at both ends of each axis that is not a ring."""
        out = []
        values = self._cut(np.moveaxis(u.values, 0, -1))
        for axis, line in enumerate(self.lines):
            if line.period is not None:
                continue
            others = [*self.lines[:axis], *self.lines[axis + 1 :], self.time]
            for place in (0, -1):
                told = write_function(np.take(values, place, axis), others, u.noise)
                at = float(line.positions[place])
                of = "" if name == "u" else f" of {name}"
                out.append(
                    f'Condition("{line.name} = {at:g}{of}", box.face({line.name}={at!r}), '
                    f"lambda {name}: {name} - ({told})),"
                )
        return out


def _find_highest(found: FieldSystem, axis: int) -> int:
    """The highest derivative along an axis of space."""
    pieces = [
        piece for each in found.equations for term in each.values_by_term() for piece in term.pieces
    ]
    return max(
        (
            piece.outer[axis] + max((f.derivative[axis] for f in piece.factors), default=0)
            for piece in pieces
        ),
        default=0,
    )


def _measure_rate(smooth: Array, t: Array) -> Array:
    """u_t at the first time, by a parabola through the first samples."""
    count = min(9, len(t))
    first = smooth[:count].reshape(count, -1)
    fit = np.polynomial.polynomial.polyfit(t[:count] - t[0], first, 2)
    return np.asarray(fit[1]).reshape(smooth.shape[1:])


def _quote(names: Sequence[str]) -> str:
    return repr(names[0]) if len(names) == 1 else repr(list(names))


def _write_file(
    head: str, axes: str, names: str, fields: str, sides: Sequence[str], conditions: Sequence[str]
) -> str:
    body = "\n".join([*sides, *conditions, axes])
    used = ["Box", "Condition", "Problem", "d"]
    used += [name for name in ("Interval", "Periodic", "Role") if name in body]
    used += [name for name in _FUNCTIONS if f"{name}(" in body]
    lines = [
        f'"""{head}"""', "", f"from kanpde import {', '.join(sorted(used))}", "", "",
        "def problem() -> Problem:", f"    box = Box({axes})",
        f"    {names}{',' if ',' not in names else ''} = box.axes", "",
        *(f"    {line}".rstrip() for line in sides), *([""] if sides else []),
        "    return Problem(", "        box,", f"        fields={fields},", "        conditions=[",
        *(f"            {line}" for line in conditions), "        ],", "    )", "",
    ]  # fmt: skip
    return "\n".join(lines)
