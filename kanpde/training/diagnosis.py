"""What an estimate by one more step cannot see: residuals that no step lowers, and freedom.

The estimated error is the size of a Gauss-Newton step. Two initial values that contradict each
other "converged" at 9e-5, since no step lowers the residual of the second; u'' + pi^2 u = 0 with
zero walls at 8e-3, since any multiple of the answer is one as well. Both are seen in J.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.assembly.rows import EquationSet
from kanpde.assembly.system import ResidualSystem
from kanpde.assembly.terms import BoundTerm
from kanpde.geometry.points import Points
from kanpde.optim.least_squares import gauss_newton
from kanpde.optim.normal import NormalEquations
from kanpde.problem.equations import Equation
from kanpde.solution.outcome import Outcome, Status
from kanpde.solution.solution import Solution
from kanpde.symbols.expression import FieldSymbol, jets_in
from kanpde.training.clock import OutOfTime
from kanpde.training.free_directions import describe_direction
from kanpde.training.trainer import Trainer


@dataclass(frozen=True)
class DiagnosisPolicy:
    """When a residual is a floor, and when a field is not determined."""

    # A residual, relative to the largest term of its condition, above this and above so many times
    # the estimate, of which one step leaves more than `stays`. The second of two initial values
    # had 0.8 at an estimate of 9e-5 (all of it stays). Equations in the interior are of higher
    # order and rough when training ends early (heat after 10 steps: 0.35 at an error of 0.05), and
    # readings are noisy.
    floor: float = 1e-2
    rough_floor: float = 0.3
    beyond: float = 3.0
    stays: float = 0.7
    # The residual of the softest change of the fields by their own size, relative to the terms
    # that such a change moves. After 10 to 20 steps Poisson, heat, Burgers, Kovasznay,
    # the string, KdV had 0.02 to 0.7, advection 5e-3, a start that follows from four sensors 5e-4;
    # a mean that is free 3e-10, an eigenfunction 5e-8, a string without initial velocity 4e-7.
    soft: float = 1e-5
    # The damping that keeps the softest changes finite, and dearer ones if rounding asks for them.
    damping: tuple[float, ...] = (1e-13, 1e-12, 1e-11)
    # Points at which the changes of fields are looked at, and the most parameters: J^T J of more
    # takes longer than some steps.
    points: int = 300
    most_parameters: int = 3000
    # A field counts as at least this share of the largest: v = 0 in a channel has no size.
    least_share: float = 1e-2


DIAGNOSIS_POLICY = DiagnosisPolicy()


@dataclass(frozen=True)
class Diagnosis:
    """Sentences about what is wrong, and the error that a floor stands for."""

    texts: tuple[str, ...] = ()
    least_estimate: float = 0.0

    def judge(self, outcome: Outcome) -> Outcome:
        """The outcome, which is not `converged` where something is wrong."""
        if not self.texts:
            return outcome
        text = "; ".join(self.texts)
        if outcome.status is Status.CONVERGED:
            return Outcome(Status.STALLED, text)
        return replace(outcome, advice=f"{text}; {outcome.advice}")

    def correct(self, estimate: float | None) -> float | None:
        """The estimate, at least as large as the floors."""
        return estimate if estimate is None else max(estimate, self.least_estimate)


def diagnose(trainer: Trainer, policy: DiagnosisPolicy = DIAGNOSIS_POLICY) -> Diagnosis:
    """Look at the best network of a trainer at new points."""
    network = trainer.best
    if trainer.estimate is None or network.parameter_count > policy.most_parameters:
        return Diagnosis()
    system = trainer.sampler.draw(network)
    normal = system.normal(network.flat())
    if system.has_energy or not isinstance(normal, NormalEquations):
        return Diagnosis()
    sizes = _field_sizes(trainer, policy)
    if not all(np.isfinite(v) and v > 0 for v in sizes.values()):
        return Diagnosis()
    terms = [_term_sizes(rows, trainer, sizes) for rows in system.rows]
    floors = _find_floors(system, normal, terms, trainer.estimate, policy)
    free = _find_freedom(trainer, system, normal, terms, sizes, policy)
    texts = [*(text for text, _ in floors), *free]
    return Diagnosis(tuple(texts), max((size for _, size in floors), default=0.0))


def finish(trainer: Trainer, outcome: Outcome) -> Solution:
    """The solution of a trainer whose stages ended with `outcome`, after a diagnosis."""
    session, found = trainer.session, Diagnosis()
    session.announce("looking for what no equation determines")
    try:
        with session.clock.limit_closing():
            found = diagnose(trainer)
    except OutOfTime:
        session.note("no time was left to look for what no equation determines")
    for text in found.texts:
        session.note(text)
    outcome, estimate = found.judge(outcome), found.correct(trainer.estimate)
    return session.solution(trainer.problem, [trainer.piece], outcome, estimate)


def _field_sizes(trainer: Trainer, policy: DiagnosisPolicy) -> dict[str, float]:
    """The root mean square of each field."""
    at = trainer.grid[trainer.probes]
    fields = trainer.fields(trainer.best, at, trainer.session.workers)
    own = {n: float(np.sqrt(np.mean(v**2))) for n, v in fields.items()}
    least = policy.least_share * max(own.values())
    return {n: max(size, least) for n, size in own.items()}


def _term_sizes(rows: BoundTerm, trainer: Trainer, sizes: Mapping[str, float]) -> list[float]:
    """For each equation of some rows the size of its largest term, at the points of the rows.

    Terms are taken as they are and as they would be if each derivative were the field's size over
    the lengths of the axes: u = 0 on a wall has no other size.
    """
    domain, whole = trainer.problem.domain, slice(None)
    jets = jets_in(*(e.expression for e in rows.term.equations))
    arguments = rows.arguments(rows.jet(trainer.best, whole), whole)
    lengths = {a.name: a.upper - a.lower for a in domain.axes}
    typical = [torch.full_like(arguments[0], _typical(j, sizes, lengths)) for j in jets]
    found = []
    for equation in rows.term.equations:
        parts = sympy.Add.make_args(equation.expression)
        function = trainer.ansatz.compiler([*domain.symbols, *jets], parts)
        values = [*function(*arguments), *function(*arguments[: domain.dimension], *typical)]
        if equation.observed is not None:
            values.append(torch.as_tensor(equation.observed))
        means = [float(v.square().mean().sqrt()) for v in values]
        found.append(max((m for m in means if np.isfinite(m)), default=0.0))
    return found


def _typical(jet: FieldSymbol, sizes: Mapping[str, float], lengths: Mapping[str, float]) -> float:
    scale = sizes[jet.field]
    for axis, order in zip(jet.axes, jet.index, strict=True):
        scale /= lengths[axis] ** order
    return scale


# --- floors ---------------------------------------------------------------------------------


def _find_floors(
    system: ResidualSystem,
    normal: NormalEquations,
    terms: Sequence[Sequence[float]],
    estimate: float,
    policy: DiagnosisPolicy,
) -> list[tuple[str, float]]:
    """The conditions whose residual no step lowers, and its relative size."""
    found = gauss_newton(normal, 1e-9)
    if found is None:
        return []
    now = normal.residual
    left = now + normal.push(found[0].to(now))
    texts = []
    for rows, sizes, parts in zip(system.rows, terms, _split(system), strict=True):
        for k, equation in enumerate(rows.term.equations):
            before, after = (float(v[parts[k]].norm()) for v in (now, left))
            weight = float(rows.weights[k].norm())
            if not sizes[k] * weight > 0:
                continue
            relative = before / weight / sizes[k]
            rough = equation.is_interior or equation.observed is not None
            floor = max(policy.rough_floor if rough else policy.floor, policy.beyond * estimate)
            if relative > floor and after > policy.stays * before:
                texts.append((_describe_floor(equation, relative), min(relative, 1.0)))
    return texts


def _split(system: ResidualSystem) -> list[list[Tensor]]:
    """For each term and equation the places of its rows in the residual."""
    places, start = [], 0
    for rows in system.rows:
        count = len(rows.term.equations)
        own: list[list[Tensor]] = [[] for _ in range(count)]
        for block in rows.blocks:
            size = len(range(*block.indices(len(rows.points))))
            for k in range(count):
                own[k].append(torch.arange(start, start + size))
                start += size
        places.append([torch.cat(parts) for parts in own])
    return places


def _describe_floor(equation: Equation, relative: float) -> str:
    return (
        f'"{equation.condition}" [{equation.region.label}] is missed by {relative:.0%} of its '
        "terms, and no step lowers that: it contradicts another condition, or no solution exists"
    )


# --- what is not determined -----------------------------------------------------------------


def _find_freedom(
    trainer: Trainer,
    system: ResidualSystem,
    normal: NormalEquations,
    terms: Sequence[Sequence[float]],
    sizes: Mapping[str, float],
    policy: DiagnosisPolicy,
) -> list[str]:
    """What the fields can do without any equation noticing it, in words.

    With the fields F s, relative to their sizes, that a step s makes, the change of size one that
    adds least to the residual, |J s|^2 = 1 / lambda, is the largest eigenvector of
    F (J^T J + mu D)^-1 F^T.
    """
    damped = next((d for d in map(normal.damped, policy.damping) if d is not None), None)
    if damped is None:
        return []
    rng = np.random.default_rng(0)
    points = trainer.grid[np.sort(rng.permutation(len(trainer.grid))[: policy.points])]
    fields = _field_jacobian(trainer, points, sizes)
    solved = torch.stack([damped.solve(column) for column in fields.unbind(1)], 1)
    softest, directions = torch.linalg.eigh(fields.T @ solved)
    if not float(softest[-1]) > 0:
        return []
    moved = [
        float(w.square().sum()) * size**2
        for rows, own in zip(system.rows, terms, strict=True)
        for w, size in zip(rows.weights, own, strict=True)
    ]
    relative = float(softest[-1]) ** -0.5 / max(sum(moved) ** 0.5, 1e-300)
    if not relative < policy.soft:
        return []
    names = trainer.problem.unknowns
    parts = directions[:, -1].numpy().reshape(len(names), len(points))
    text = describe_direction(trainer, dict(zip(names, parts, strict=True)), points)
    return [text] if text else []


def _field_jacobian(trainer: Trainer, points: Array, sizes: Mapping[str, float]) -> Tensor:
    """The relative fields at points by the parameters, (P, fields * N), with unit mean square."""
    problem, network = trainer.problem, trainer.best
    region, at = Points(problem.domain, points), torch.from_numpy(points).to(network.like)
    columns = []
    for name in problem.unknowns:
        symbol = problem.field_space.symbol(name).sympy
        term = EquationSet(problem, trainer.ansatz, [Equation(name, region, symbol, 1.0)])
        weight = torch.full_like(at[:, 0], 1 / (sizes[name] * len(points) ** 0.5))
        found = term.at(network, at, [weight]).linearized(network, slice(0, len(points)))
        jacobian = at.new_empty(network.parameter_count, len(points))
        found.jet.jacobian(found.cotangents[0], jacobian)
        columns.append(jacobian)
    return torch.cat(columns, 1)
