"""Find, then solve: what was discovered as a problem file that `kanpde solve` takes as it is.

Initial and boundary values are those of the samples without their noise, as short sums of waves or
polynomials, so that the file stands alone and can be read and edited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from keyword import iskeyword

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from kanpde.arrays import Array
from kanpde.dynamics.field.equation import FieldEquation
from kanpde.dynamics.field.noise import denoise
from kanpde.dynamics.ode.result import Dynamics
from kanpde.errors import KanpdeError
from kanpde.symbols.printing import Printer

# Waves of an initial value, and degrees of a boundary value, at most.
_WAVES, _DEGREE = 40, 12
# Fourth differences across the seam of a periodic field, beside the largest ones inside.
_SEAM = 2.0
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


def write_field_problem(found: FieldEquation, u: Array, x: Array, t: Array) -> str:
    """A problem file of the equation of a field, from its samples on a grid.

    Args:
        found: the equation.
        u: samples (len(t), len(x)).
        x: positions (Nx,).
        t: times (Nt,).

    Raises:
        KanpdeError: the field is not periodic and its equation needs more than its values at both
            ends.
    """
    smooth, noise = denoise(u)
    ring = find_period(smooth, x)
    highest = max((j for _, j in found.coefficients()), default=0)
    if ring is None and highest > 2:
        raise KanpdeError(
            f"the field is not periodic, and an equation of order {highest} needs more at both "
            "ends than values, which samples do not give"
        )
    last = float(x[-1]) if ring is None else float(x[0]) + ring.period
    sides = ["def value(u, m, j):", "    return d(u**m, *[x] * j) if j else u**m", ""]
    rate = "d(u, t)" if found.order == 1 else "d(u, t, t)"
    parts = [
        f"{'-' if c > 0 else '+'} {abs(c)!r}" + (f" * value(u, {m}, {j})" if m else "")
        for (m, j), c in found.coefficients().items()
    ]
    sides += ["def law(u):", f"    return {' '.join([rate, *parts])}"]
    conditions = ['Condition("law", box, law),']
    starts = [smooth[0]] if found.order == 1 else [smooth[0], _measure_rate(smooth, t)]
    levels = [noise, noise / float(t[1] - t[0])]
    for k, start in enumerate(starts):
        values = (
            write_waves(start[: ring.samples], x, ring.period, levels[k])
            if ring is not None
            else write_polynomial("x", x, start, levels[k])
        )
        left = "u" if k == 0 else "d(u, t)"
        name = "start" if k == 0 else "start of u_t"
        conditions.append(
            f'Condition("{name}", box.face(t={float(t[0])!r}), lambda u: {left} - ({values})),'
        )
    if ring is not None:
        conditions.append("Periodic(x),")
    elif highest > 0:
        for place, column in ((float(x[0]), smooth[:, 0]), (last, smooth[:, -1])):
            values = write_polynomial("t", t, column, noise)
            conditions.append(
                f'Condition("x = {place:g}", box.face(x={place!r}), lambda u: u - ({values})),'
            )
    axes = f"x=({float(x[0])!r}, {last!r}), t=({float(t[0])!r}, {float(t[-1])!r})"
    return _write_file(
        "An equation that was discovered in a field.", axes, "x, t", '"u"', sides, conditions
    )


@dataclass(frozen=True)
class Ring:
    """A period, and how many samples it has."""

    period: float
    samples: int


def find_period(smooth: Array, x: Array) -> Ring | None:
    """The period of a field (Nt, Nx) that goes on at its other end as smoothly as inside."""
    step = float(x[1] - x[0])
    found = {count: _measure_seam(smooth[:, :count]) for count in (len(x), len(x) - 1)}
    samples = min(found, key=lambda count: found[count])
    return Ring(samples * step, samples) if found[samples] <= _SEAM else None


def _measure_seam(row: Array) -> float:
    """Fourth differences across the seam of periodic samples (Nt, Nx), beside those inside."""
    seam = np.diff(np.concatenate([row[:, -4:], row[:, :4]], 1), 4, axis=1)
    inside = np.diff(row, 4, axis=1)
    sizes = [float(np.sqrt(np.mean(each**2, axis=0)).max()) for each in (seam, inside)]
    return sizes[0] / max(sizes[1], 1e-12 * float(np.abs(row).max()), 1e-300)


def _measure_rate(smooth: Array, t: Array) -> Array:
    """u_t at the first time, by a parabola through the first samples."""
    count = min(9, len(t))
    fit = np.polynomial.polynomial.polyfit(t[:count] - t[0], smooth[:count], 2)
    return np.asarray(fit[1])


def write_waves(values: Array, x: Array, period: float, noise: float) -> str:
    """One period of samples (N,) as a sum of those waves that noise cannot make."""
    count = len(values)
    modes = np.fft.rfft(values) / count
    size = np.abs(modes)
    least = max(1e-6 * float(size.max()), 2 * noise / np.sqrt(count))
    parts = [repr(float(modes[0].real))]
    for k in range(1, min(_WAVES, count // 2)):
        if size[k] < least:
            continue
        a, b = 2 * float(modes[k].real), -2 * float(modes[k].imag)
        angle = f"{2 * np.pi * k / period!r} * (x - {float(x[0])!r})"
        parts += [f"{a:.10g} * cos({angle})", f"{b:.10g} * sin({angle})"]
    return " + ".join(parts)


def write_polynomial(name: str, axis: Array, values: Array, noise: float) -> str:
    """Samples (N,) along an axis as a polynomial, whose degree noise bounds."""
    middle, half = float(axis[0] + axis[-1]) / 2, float(axis[-1] - axis[0]) / 2
    unit = (axis - middle) / half
    count, best = len(values), (np.inf, Chebyshev([0.0]))
    for degree in range(min(_DEGREE, count // 3) + 1):
        fit = Chebyshev.fit(unit, values, degree, domain=[-1, 1])
        rest = float(np.sum((fit(unit) - values) ** 2)) + count * (noise**2 + 1e-20)
        best = min(
            best, (count * np.log(rest) + np.log(count) * degree, fit), key=lambda each: each[0]
        )
    power = best[1].convert(kind=Polynomial, domain=[-1, 1])
    z = f"(({name} - {middle!r}) / {half!r})"
    return " + ".join(
        f"{c:.12g}" + (f" * {z}**{k}" if k else "") for k, c in enumerate(power.coef.tolist())
    )


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
