"""Laws of a solution as formulas: suggested by their curves, then fitted within the equations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import sympy
from scipy.stats import chi2

from kanpde.checks import require_one_of
from kanpde.solution.laws import FoundLaw, LawFormula
from kanpde.solution.solution import Solution
from kanpde.solution.unknowns import UnknownNumber
from kanpde.symbolic.suggest import Suggestion, X, suggest
from kanpde.symbols.unknown import Unknown, unknown
from kanpde.training.inverse.refit import Candidate, Refitted, refit_law


@dataclass(frozen=True)
class FormulatePolicy:
    """Which formulas are tried, and when one counts as the law."""

    # Values of a law at which its curve is read, and formulas that are fitted.
    values: int = 100
    tried: int = 3
    # The chance that the right formula is refused: by the misfit that it adds to that of the curve.
    level: float = 1e-3
    # The share of the time of the solve, and the least, in seconds, for each formula.
    share: float = 0.1
    least: float = 10.0
    # Digits of short numbers.
    digits: int = 2


FORMULATE_POLICY = FormulatePolicy()


def formulate(solution: Solution, policy: FormulatePolicy = FORMULATE_POLICY) -> Solution:
    """The solution with its laws as formulas, where some describe the readings as well.

    Each law of one argument is a curve, for which formulas are suggested; those are put into the
    equations in its place, their numbers are found again from the readings, and the simplest whose
    misfit is that of the curve, up to noise, is kept with its intervals.
    """
    require_one_of("formulate", solution, Solution, "a Solution with laws")
    found: dict[str, LawFormula] = {}
    for name, law in solution.laws.items():
        if len(law.arguments) == 1 and law.ranges and law.spread is not None:
            formula = _find_formula(solution, name, law, policy)
            if formula is not None:
                found[name] = formula
    return replace(solution, formulas={**solution.formulas, **found}) if found else solution


def _find_formula(
    solution: Solution, name: str, law: FoundLaw, policy: FormulatePolicy
) -> LawFormula | None:
    u = np.linspace(*law.ranges[0], policy.values)[1:-1]
    values, deviations = law(u), law.deviations(u)
    floor = float(np.mean(deviations**2)) / max(float(np.var(values)), 1e-300)
    seconds = max(policy.share * solution.seconds, policy.least)
    curve = _measure_curve(solution)
    best: tuple[float, LawFormula] | None = None
    for suggestion in suggest(u, values, floor=max(floor, 1e-10))[: policy.tried]:
        candidate = _parametrise(name, suggestion)
        refitted = refit_law(solution, name, candidate, seconds)
        if refitted is None or any(n.undetermined for n in refitted.numbers.values()):
            continue
        free = max(sum(len(layer.coefficients.flatten()) for layer in law.layers.stack), 1)
        if refitted.misfit - curve > chi2.isf(policy.level, free):
            continue
        # The criterion of Bayes: a number costs the logarithm of the number of readings.
        score = refitted.misfit + suggestion.complexity * math.log(_count_readings(solution))
        if best is None or score < best[0]:
            best = score, _describe(law, candidate, refitted, curve, policy)
    return None if best is None else best[1]


def _parametrise(name: str, suggestion: Suggestion) -> Candidate:
    """A suggestion with an unknown number in place of each of its own."""
    numbers: list[Unknown] = []
    swap = {}
    for k, value in enumerate(sorted(suggestion.formula.atoms(sympy.Float), key=float)):
        number = unknown(f"{name}_{k + 1}", start=float(value))
        numbers.append(number)
        swap[value] = number.sympy
    return Candidate(X, suggestion.formula.xreplace(swap), tuple(numbers))


def _measure_curve(solution: Solution) -> float:
    """The sum of squares of the readings' misfit, in sigmas, with the curves."""
    return sum(float(np.sum(square)) for square in _squares(solution))


def _squares(solution: Solution) -> Iterator[np.ndarray]:
    for equation in solution.problem.equations:
        if equation.observed is None:
            continue
        jet = str(equation.expression)
        sigma = solution.noise.get(f"{equation.condition}: {equation.jets[0]}")
        if sigma is None:
            continue
        points = equation.region.sample(0, 0).points
        yield np.square((solution.evaluate(points, [jet])[jet] - equation.observed) / sigma)


def _count_readings(solution: Solution) -> int:
    read = [e.observed for e in solution.problem.equations if e.observed is not None]
    return max(sum(len(values) for values in read), 2)


def _describe(
    law: FoundLaw, candidate: Candidate, found: Refitted, curve: float, policy: FormulatePolicy
) -> LawFormula:
    argument = sympy.Symbol(law.arguments[0])
    names = {n.sympy: sympy.Symbol(n.name) for n in candidate.numbers}
    shape = candidate.formula.xreplace({**names, candidate.variable: argument})
    numbers = {n.name: found.numbers[n.name] for n in candidate.numbers}
    short = _shorten(numbers, policy)
    snapped = ""
    if short is not None:
        swap = {sympy.Symbol(n): sympy.nsimplify(v) for n, v in short.items()}
        snapped = f"{law.name} = {shape.xreplace(swap)}"
    return LawFormula(str(shape), numbers, snapped, found.misfit / max(curve, 1e-300))


def _shorten(
    numbers: Mapping[str, UnknownNumber], policy: FormulatePolicy
) -> dict[str, float] | None:
    """The shortest number in each interval; None where one has no short one."""
    found = {}
    for name, number in numbers.items():
        if number.interval is None:
            return None
        low, high = number.interval
        size = math.floor(math.log10(max(abs(number.value), high - low, 1e-300)))
        for digits in range(policy.digits + 1):
            rounded = round(number.value, digits - size)
            if low <= rounded <= high:
                found[name] = rounded
                break
        else:
            return None
    return found
