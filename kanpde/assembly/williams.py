"""Exponents of elastic corners: displacements r^lambda (Williams, J. Appl. Mech. 19, 1952).

With the potentials phi = c z^lambda and psi = d z^lambda of Kolosov and Muskhelishvili, in plane
stress or strain by kappa,

    2 mu (u + i v) = kappa phi - z conj(phi') - conj(psi),
    i (force on an arc) = phi + z conj(phi') + conj(psi),

four real numbers c, d meet two conditions on each side of the corner where a determinant is zero.
The sides lie at theta = -angle / 2 and angle / 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from kanpde.arrays import AnyArray


class Support(Enum):
    """What holds on a side of a corner."""

    CLAMPED = "clamped"  # no displacement
    FREE = "free"  # no force
    ROLLER = "roller"  # no displacement across, no force along: a line of symmetry


@dataclass(frozen=True)
class WilliamsPolicy:
    """How exponents are looked for."""

    # Starts of Newton's method: from Re 0.05 on in such steps, and up to this imaginary part.
    first: float = 0.05
    step: float = 0.05
    imaginary: float = 3.0
    iterations: int = 40
    # Roots nearer than this are one; a circle of this radius around it gives all its digits.
    same: float = 1e-3
    circle: float = 2e-2
    # A singular value below this share of the largest is zero.
    zero: float = 1e-7


WILLIAMS_POLICY = WilliamsPolicy()


@dataclass(frozen=True)
class Mode:
    """An exponent, with the numbers (4,) of its displacement: real ones where it is real."""

    exponent: complex
    numbers: tuple[complex, ...]


def find_modes(
    angle: float,
    sides: tuple[Support, Support],
    kappa: float,
    largest: float,
    policy: WilliamsPolicy = WILLIAMS_POLICY,
) -> list[Mode]:
    """The modes with exponents up to `largest` whose displacements are not polynomials.

    Of a pair of conjugate exponents that with the positive imaginary part; exponents are sorted.
    """

    def matrix(exponents: AnyArray) -> AnyArray:
        return _matrix(exponents, angle, sides, kappa)

    found = []
    for root in _find_roots(lambda s: np.linalg.det(matrix(s)), largest, policy):
        is_real = abs(root.imag) < policy.same
        exponent = complex(root.real, 0.0) if is_real else root
        if is_real and abs(root.real - round(root.real)) < policy.same:
            continue
        _, values, vectors = np.linalg.svd(matrix(np.array([exponent]))[0])
        # The last one is zero by the root; of two modes with one exponent the one before as well.
        count = max(1, int((values < policy.zero * values[0]).sum()))
        for vector in vectors[4 - count :].conj():
            turned = vector / vector[np.abs(vector).argmax()]
            numbers = turned.real + 0j if is_real else turned
            found.append(Mode(exponent, tuple(complex(v) for v in numbers)))
    return found


def fields_of(theta: Any, exponent: Any, sine: Any, cosine: Any, kappa: float) -> Any:
    """The displacements (4 pairs) over r^lambda, of c = 1, i and d = 1, i.

    `sine` and `cosine` take an angle times a factor: they are those of NumPy or of SymPy.
    """
    s = exponent
    far, near = (cosine(s, theta), sine(s, theta)), (cosine(2 - s, theta), sine(2 - s, theta))
    return [
        (kappa * far[0] - s * near[0], kappa * far[1] - s * near[1]),
        (-kappa * far[1] - s * near[1], kappa * far[0] + s * near[0]),
        (-far[0], far[1]),
        (far[1], far[0]),
    ]


def _forces(theta: float, s: AnyArray) -> list[tuple[AnyArray, AnyArray]]:
    """i times the force between the tip and a point, over r^lambda, for the same four."""
    far, near = (
        (np.cos(s * theta), np.sin(s * theta)),
        (
            np.cos((2 - s) * theta),
            np.sin((2 - s) * theta),
        ),
    )
    return [
        (far[0] + s * near[0], far[1] + s * near[1]),
        (-far[1] + s * near[1], far[0] - s * near[0]),
        (far[0], -far[1]),
        (-far[1], -far[0]),
    ]


def _matrix(
    exponents: AnyArray, angle: float, sides: tuple[Support, Support], kappa: float
) -> AnyArray:
    """The conditions (N, 4, 4) on the four numbers."""
    rows: list[list[AnyArray]] = []
    for theta, support in zip((-angle / 2, angle / 2), sides, strict=True):
        moves = fields_of(
            theta, exponents, lambda f, t: np.sin(f * t), lambda f, t: np.cos(f * t), kappa
        )
        forces = _forces(theta, exponents)
        across = -np.sin(theta), np.cos(theta)
        if support is Support.ROLLER:
            # The force across the tip's ray, turned by i, is that along it.
            rows += [[across[0] * u + across[1] * v for u, v in each] for each in (moves, forces)]
        else:
            chosen = moves if support is Support.CLAMPED else forces
            rows += [[pair[k] for pair in chosen] for k in range(2)]
    return np.moveaxis(np.array(rows, complex), -1, 0)


def _find_roots(
    function: Callable[[AnyArray], AnyArray], largest: float, policy: WilliamsPolicy
) -> list[complex]:
    """The roots with positive real part up to `largest` and imaginary part from zero on."""
    real = np.arange(policy.first, largest + policy.step, policy.step)
    imaginary = np.linspace(0, policy.imaginary, 9)
    at = (real[:, None] + 1j * imaginary).ravel()
    step = 1e-4
    with np.errstate(all="ignore"):
        for _ in range(policy.iterations):
            # Newton's method for f / f', whose roots are all simple.
            low, here, high = function(at - step), function(at), function(at + step)
            slope, bend = (high - low) / (2 * step), (high - 2 * here + low) / step**2
            move = here * slope / (slope**2 - here * bend)
            at = at - np.where(np.abs(move) < 0.2, move, 0.2 * move / np.abs(move))
    kept = at[np.isfinite(at) & (np.abs(move) < policy.same)]
    kept = kept[(kept.real > policy.first / 2) & (kept.real <= largest)]
    kept = kept[(kept.imag > -policy.same) & (kept.imag < policy.imaginary)]
    found: list[complex] = []
    for root in sorted(kept.tolist(), key=lambda z: (round(z.real, 3), z.imag)):
        refined = _refine(function, root, policy)
        if refined is not None and all(abs(refined - z) > policy.same for z in found):
            found.append(refined)
    return found


def _refine(
    function: Callable[[AnyArray], AnyArray], root: complex, policy: WilliamsPolicy
) -> complex | None:
    """The mean of the roots in a circle, by its argument; None where there are none."""
    count = 64
    turn = np.exp(2j * np.pi * np.arange(count) / count)
    values = function(root + policy.circle * turn)
    powers = np.fft.fftfreq(count, 1 / count)
    slope = np.fft.ifft(np.fft.fft(values) * powers) / turn  # by the point on the unit circle
    quotient = slope / values
    number = np.mean(quotient * turn)
    if not abs(number - round(number.real)) < 1e-3 or round(number.real) < 1:
        return None
    return complex(root + policy.circle * np.mean(quotient * turn**2) / number)
