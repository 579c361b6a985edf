"""The summary of a run: stable JSON for scripts, lines for a person."""

from __future__ import annotations

from typing import Any

from kanpde._version import __version__
from kanpde.files.whole import finite_or_none
from kanpde.output.terminal import escape_controls
from kanpde.problem.parameters import middle_of, name_values
from kanpde.solution.integrals import IntegralValue, evaluate_integrals
from kanpde.solution.solution import Solution
from kanpde.solution.unknowns import UnknownNumber

# Standard deviations on either side of an interval of 95 %.
_WIDE = 1.96


def summarize(solution: Solution, name: str) -> dict[str, Any]:
    """The stable content of summary.json; a number that is not finite is None there."""
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
    if solution.solved_until is not None:
        data["solved_until"] = solution.solved_until
    data["estimate"] = {
        "rel_l2": finite_or_none(solution.estimate),
        "fields": {n: finite_or_none(e) for n, e in solution.estimates.items()},
    }
    data["relative_residuals"] = {
        n: finite_or_none(share) for n, share in solution.relative_residuals.items()
    }
    if solution.unknowns:
        data["unknowns"] = {n: number.to_data() for n, number in solution.unknowns.items()}
    if solution.laws:
        data["laws"] = {
            n: {
                "arguments": list(law.arguments),
                "ranges": [list(ends) for ends in law.ranges],
                "formula": None if law.formula is None else law.formula.to_data(),
            }
            for n, law in solution.laws.items()
        }
    if solution.noise:
        data["noise"] = {n: finite_or_none(sigma) for n, sigma in solution.noise.items()}
    if solution.problem.integrals:
        data["integrals"] = {
            n: {"value": finite_or_none(i.value), "quadrature_error": finite_or_none(i.quadrature)}
            | ({} if i.exact is None else {"exact": i.exact})
            | ({} if i.deviation is None else {"standard_error": finite_or_none(i.deviation)})
            for n, i in evaluate_integrals(solution).items()
        }
    if solution.problem.domain.parameters:
        data["parameter_errors"] = _collect_parameters(solution)
    errors, reference = solution.errors.items(), solution.problem.reference
    if reference is None or not errors:
        return data
    return data | {
        "errors": {
            n: {"rel_l2": finite_or_none(e.rel_l2), "max": finite_or_none(e.max)} for n, e in errors
        },
        "reference": {"method": reference.method, "error": reference.error},
    }


def _collect_parameters(solution: Solution) -> dict[str, Any]:
    """For each parameter its values with the errors there, measured and estimated."""
    groups = {"errors": solution.errors_along, "estimates": solution.estimates_along}
    return {
        axis.name: {
            what: {
                "values": list(found[axis.name].values),
                "fields": {
                    n: [finite_or_none(e) for e in v] for n, v in found[axis.name].fields.items()
                },
            }
            for what, found in groups.items()
            if axis.name in found
        }
        for axis in solution.problem.domain.parameters
    }


def _describe(name: str, integral: IntegralValue) -> str:
    text = f"{name} = {integral.value:.8g}"
    if integral.deviation is not None:
        half = _WIDE * integral.deviation
        text = UnknownNumber(
            integral.value, integral.deviation, (integral.value - half, integral.value + half)
        ).describe(name)
    if integral.exact is not None:
        text += f" (known: {integral.exact:.8g}, off by {abs(integral.value - integral.exact):.1e})"
    if integral.quadrature > 1e-6 * abs(integral.value):
        text += f", of which the quadrature misses {integral.quadrature:.0e}"
    return text


def summary_text(solution: Solution, name: str) -> str:
    """The summary as lines that a person reads."""
    lines = [
        f"{name}: {solution.outcome.status}, {solution.parameters} parameters, "
        f"{solution.steps} steps, {solution.seconds:.0f} s, seed {solution.seed}"
    ]
    reference = solution.problem.reference
    part = _describe_solved(solution)
    if reference is not None and solution.errors:
        for field, e in solution.errors_where_solved.items():
            most = f", max {e.max:.2e}" if reference.resolves(e.rel_l2) else ""
            lines.append(f"  {field}: relative L2 error {reference.shown(e.rel_l2)}{most}{part}")
        own = f", itself good to {reference.error:.0e}" if reference.error else ""
        lines.append(f"  against: {reference.method}{own}")
        if solution.estimate is not None:
            lines.append(f"  estimated without the reference: {solution.estimate:.0e}{part}")
    else:
        shown = "none yet" if solution.estimate is None else f"{solution.estimate:.1e}"
        lines.append(
            f"  estimated relative L2 error{part}: {shown} (an estimate: no reference is known)"
        )
    lines += [f"  {number.describe(n)}" for n, number in solution.unknowns.items()]
    lines += [f"  {law.describe()}" for law in solution.laws.values()]
    lines += _describe_noise(solution)
    lines += _describe_fields(solution)
    lines += _describe_parameters(solution)
    domain = solution.problem.domain
    where = f" at {name_values(middle_of(domain))}" if domain.parameters else ""
    lines += [f"  {_describe(n, i)}{where}" for n, i in evaluate_integrals(solution).items()]
    lines += [f"  note: {note}" for note in solution.notes]
    lines.append(f"  {solution.outcome.advice}")
    if part:
        lines.append(f"  fields are known{part}; beyond that they are NaN")
    return escape_controls("\n".join(lines) + "\n")


def _describe_solved(solution: Solution) -> str:
    """Up to which time it is solved; nothing where that is all of it."""
    time = solution.problem.domain.time
    if solution.solved_until is None or time is None:
        return ""
    return f" up to {time.name} = {solution.solved_until:.6g} of {time.upper:g}"


def _describe_parameters(solution: Solution) -> list[str]:
    """The worst value of each parameter, with its error; estimated where nothing is known."""
    lines = []
    for axis in solution.problem.domain.parameters:
        measured = solution.errors_along.get(axis.name)
        found = measured or solution.estimates_along.get(axis.name)
        if found is None or found.worst is None:
            continue
        value, name, error = found.worst
        how = "relative L2 error" if measured else "estimated relative L2 error"
        lines.append(f"  worst at {axis.name} = {value:.4g}: {name}, {how} {error:.1e}")
    return lines


def _describe_noise(solution: Solution) -> list[str]:
    """The sigma of each group of readings, where error bars are made of it."""
    stated = {e.condition for e in solution.problem.equations if e.sigma is not None}
    return [
        f"  noise of {group}: sigma = {sigma:.3g} "
        + ("(stated)" if group.rpartition(": ")[0] in stated else "(estimated from the misfit)")
        for group, sigma in solution.noise.items()
    ]


def _describe_fields(solution: Solution) -> list[str]:
    """The estimate for each field, the worst first; nothing where there is one field."""
    found = sorted(solution.estimates.items(), key=lambda pair: -pair[1])
    if len(found) < 2:
        return []
    (worst, largest), *others = found
    rest = ", ".join(f"{n} {e:.0e}" for n, e in others)
    return [f"  of the fields {worst} is the worst: {worst} {largest:.0e}; {rest}"]
