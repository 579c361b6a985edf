"""`kanpde check` of a problem: all that a solve would do before its first step."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.network_for import build_network
from kanpde.assembly.sampler import Sampler
from kanpde.cli.checks import check_folder, parse_settings, parse_subdomains
from kanpde.cli.options.solve import CheckOptions
from kanpde.cli.prepare import check_bases, prepare, print_warnings
from kanpde.errors import KanpdeError
from kanpde.output.describe import describe
from kanpde.output.domain import can_be_drawn, write_domain
from kanpde.problem.loading import load_problem_file
from kanpde.problem.problem import Problem
from kanpde.solution.measures import reference_values
from kanpde.training.cost import describe_costs, estimate_costs, require_affordable
from kanpde.training.output_scale import require_finite

# On each region where a condition holds by construction, in the picture.
_EXACT_POINTS = 60


def check_problem(options: CheckOptions) -> dict[str, Any]:
    """Print what was understood, which is returned as data; with a folder, draw the points."""
    from kanpde.output.plot import plot_points

    file = load_problem_file(options.problem, parse_settings(options.settings))
    check_folder(options.out, "the picture")
    prepared = prepare(file, subdomains=parse_subdomains(options.subdomains))
    problem, plan, ansatz = file.problem, prepared.plan, prepared.ansatz
    description = describe(problem, ansatz)
    parameters = ", ".join(f"{n} = {v}" for n, v in file.parameters.items())
    print(f"{file.name} ({file.path})" + (f" with {parameters}" if parameters else ""))
    for line in description.lines:
        print(line)
    print_warnings(prepared)
    check_bases(prepared)
    costs = estimate_costs(problem, plan, ansatz)
    require_affordable(costs, plan.budget)
    network = build_network(problem, plan.architecture, 0, ansatz.coefficients)
    print(f"network: {network.description}, {network.parameter_count} parameters")
    sampler = Sampler(problem, ansatz, plan.sampling, 0)
    require_finite(network, sampler)
    reference_values(problem, problem.domain.interior.sample(64, 0).points)
    points = sampler.points_by_condition(network)
    print("points: " + ", ".join(f"{n} {len(p)}" for n, p in points.items()))
    if costs:
        print(f"cost: {describe_costs(costs)}; the budget is {plan.budget:g} s")
    data = {
        "problem": file.name,
        "file": str(file.path),
        "parameters": dict(file.parameters),
        "understood": list(description.lines),
        "warnings": list(description.warnings),
        "network": network.description,
        "network_parameters": network.parameter_count,
        "points": {name: len(each) for name, each in points.items()},
        "budget": plan.budget,
        "costs": [asdict(cost) for cost in costs],
        "sensors": _compare_sensors(problem),
    }
    if options.out is None:
        print("picture: none; --out FOLDER draws the points there")
        return data
    path = options.out / "points.png"
    time = None if problem.box.time is None else problem.box.time.name
    exact = _sample_exact(ansatz)
    ends, notes, fills = problem.box.intervals, description.warnings, _fills_box(problem)
    plot_points(ends, points, path, notes, time, exact, fills)
    print(f"picture: {path}")
    if can_be_drawn(problem):
        picture, fields = write_domain(problem, options.out, description.warnings)
        print(f"domain: {picture}, and {fields} for ParaView (parts, normals, points)")
    return data


def _fills_box(problem: Problem) -> bool:
    """Whether the domain is all of the box around it, up to rounding."""
    lengths = [high - low for low, high in problem.box.intervals.values()]
    return math.isclose(problem.domain.interior.measure, math.prod(lengths), rel_tol=1e-9)


def _compare_sensors(problem: Problem) -> dict[str, Any] | None:
    """Print what one more sensor would make of the intervals of unknown numbers, if there are any.

    A small network is trained for it, in a few seconds. None where it cannot be said.
    """
    from kanpde.training.sensors import rank_sensors

    if not problem.numbers:
        return None
    try:
        table = rank_sensors(problem)
    except KanpdeError as error:
        print(f"sensors: not compared: {error}")
        return None
    print(table)
    return table.to_data()


def _sample_exact(ansatz: Ansatz) -> dict[str, Array]:
    """Places where conditions hold by construction, by the condition's name."""
    found: dict[str, list[Array]] = {}
    for equation in ansatz.exact:
        points = equation.region.sample(_EXACT_POINTS, 0).points
        found.setdefault(equation.condition, []).append(points)
    return {name: np.concatenate(each) for name, each in found.items()}
