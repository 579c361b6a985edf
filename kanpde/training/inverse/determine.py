"""What readings say of the unknown numbers of a trained problem, and of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError
from scipy.stats import norm, t
from torch import Tensor

from kanpde.arrays import Array
from kanpde.network.constant import map_number
from kanpde.optim.constrained import Manifold
from kanpde.solution.pieces import Piece
from kanpde.solution.spread import field_deviations
from kanpde.solution.unknowns import UnknownNumber
from kanpde.training.estimate import UNKNOWN, ErrorEstimate, enrich_for, relative_errors
from kanpde.training.inverse.complaints import find_complaints
from kanpde.training.inverse.linearise import expand, find_layout
from kanpde.training.inverse.refine import REFINE_POLICY, Refined, RefinePolicy, refine
from kanpde.training.trainer import Trainer

# The part of an interval's errors.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Determined:
    """Numbers by name, the covariance of all parameters as a root, and what is to be told.

    `solver` are the estimated relative errors of the fields without the noise of the readings, and
    `estimates` with it; `noise` is the sigma of each group of readings.
    """

    network: Refined
    numbers: Mapping[str, UnknownNumber]
    spread: Tensor
    solver: ErrorEstimate
    estimates: ErrorEstimate
    noise: Mapping[str, float]
    complaints: tuple[str, ...]


def determine(trainer: Trainer, policy: RefinePolicy = REFINE_POLICY) -> Determined | None:
    """Take the last steps of a problem with unknown numbers; None where they cannot be taken.

    The trainer's best network is then the refined one.
    """
    found = refine(trainer, policy)
    if found is None:
        return None
    trainer.restore(found.network, trainer.errors)
    solver, moved = _estimate_solver(trainer, found)
    numbers = _describe_numbers(trainer, found, moved)
    spread = expand(found.layout.kept, found.fit.spread)
    estimates = _add_noise(trainer, found, spread, solver)
    noise = _noise_by_group(found)
    texts = (*_describe_fields(found, estimates), *find_complaints(trainer, found))
    return Determined(found, numbers, spread, solver, estimates, noise, texts)


def _describe_fields(found: Refined, estimates: ErrorEstimate) -> Iterator[str]:
    """How well the readings say each sought field, and how strongly its prior counts."""
    # Laws, which have no prior, come behind the smooth fields.
    for (name, at), strength in zip(found.fields.items(), found.strengths, strict=False):
        error = estimates.fields.get(name)
        shown = "" if error is None else f" to an estimated {100 * error:.2g}% of its size"
        yield (
            f"the readings determine {name}{shown}: {found.fit.resolved[at].sum():.0f} of its "
            f"{len(at)} coefficients; the rest follows from its smoothness, which has the strength "
            f"{strength:.2g} by the evidence"
        )


def _estimate_solver(trainer: Trainer, found: Refined) -> tuple[ErrorEstimate, Array]:
    """The errors of the fields by a constrained step in a richer space; its shift of numbers."""
    problem, network = trainer.problem, found.network
    none = np.zeros(len(found.fit.shift))
    rich = enrich_for(problem, network)
    try:
        system = found.linearisation.draw(rich)
        manifold = Manifold(found.linearisation.at(rich, system, list(found.sought)))
    except LinAlgError:
        return UNKNOWN, none
    fit = manifold.fit(found.deviations, found.strengths)
    step = expand(find_layout(problem, rich).kept, fit.step).to(rich.like)
    change = trainer.probe.change(rich, step)
    errors = relative_errors(problem, trainer.probe.values(network), change)
    return errors, fit.shift


def _describe_numbers(trainer: Trainer, found: Refined, moved: Array) -> dict[str, UnknownNumber]:
    """Each number with its standard error, that of the solver included."""
    fit, layout = found.fit, find_layout(trainer.problem, found.network)
    theta = found.network.flat()
    variance = np.diag(fit.covariance) + moved**2
    errors = np.sqrt(variance)
    correlation = fit.covariance / np.maximum(np.outer(errors, errors), 1e-300)
    ends = {n.name: n.sympy.ends for n in trainer.problem.numbers}
    unseen = _name_flat(found)
    numbers = {}
    for name, k in found.numbers.items():
        raw, own = theta[layout.places[name]], ends.get(name, (-np.inf, np.inf))
        value = float(map_number(raw, *own))
        if name in unseen:
            numbers[name] = UnknownNumber(value, undetermined=unseen[name])
            continue
        half = _quantile(found) * errors[k]
        low, high = sorted(float(map_number(raw + s * half, *own)) for s in (-1, 1))
        sign = {n: np.sign(layout.slopes[name] * layout.slopes[n]) for n in found.numbers}
        others = {
            n: float(sign[n] * correlation[k, j])
            for n, j in found.numbers.items()
            if j != k and n not in unseen
        }
        numbers[name] = UnknownNumber(
            value, abs(layout.slopes[name]) * float(errors[k]), (low, high), others
        )
    for name in found.by_equations:
        own = ends.get(name, (-np.inf, np.inf))
        numbers[name] = UnknownNumber(float(map_number(theta[layout.places[name]], *own)))
    return {n: numbers[n] for n in trainer.problem.unknowns if n in numbers}


def _quantile(found: Refined) -> float:
    """Of Student's t where sigma is estimated from few readings."""
    upper = 0.5 + 0.5 * CONFIDENCE
    if all(e.sigma is not None for e in found.linearisation.readings.groups):
        return float(norm.ppf(upper))
    free = len(found.deviations) - float(found.fit.hat.sum())
    return float(t.ppf(upper, max(free, 1.0)))


# A number takes part in a direction by at least this share.
_PART = 0.2


def _name_flat(found: Refined) -> dict[str, str]:
    """The numbers of each direction that no reading sees, with a sentence."""
    names: dict[str, str] = {}
    for direction in found.fit.flat:
        part = np.abs(direction) >= _PART * np.abs(direction).max()
        moving = [n for n, k in found.numbers.items() if part[k]]
        if not moving:  # coefficients of a law
            continue
        if len(moving) == 1:
            text = "a change of its own size is within their noise"
        else:
            shown = ", ".join(f"{n} by {direction[found.numbers[n]]:+.2g}" for n in moving)
            text = f"they see no change of {shown} (relative) together, only other combinations"
        names |= dict.fromkeys(moving, text)
    return names


def _add_noise(
    trainer: Trainer, found: Refined, spread: Tensor, solver: ErrorEstimate
) -> ErrorEstimate:
    """The errors of the fields with what the noise of the readings makes of them."""
    problem = trainer.problem
    piece = Piece(problem.domain, trainer.ansatz, found.network)
    noisy = field_deviations(problem, piece, spread, problem.unknowns, trainer.probe.points)
    values = trainer.probe.values(found.network)
    shares = relative_errors(problem, values, noisy).fields
    return ErrorEstimate({n: float(np.hypot(e, shares[n])) for n, e in solver.fields.items()})


def _noise_by_group(found: Refined) -> dict[str, float]:
    """The sigma of each group of readings: the typical one."""
    readings = found.linearisation.readings
    names: dict[str, float] = {}
    for k, equation in enumerate(readings.groups):
        label = f"{equation.condition}: {equation.jets[0]}"
        names[label] = float(np.median(found.deviations[readings.labels == k]))
    return names
