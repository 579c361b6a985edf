"""Polynomials on the square that match a value and a slope on every wall.

The coordinates here are xi, eta in [-1, 1]; arrays of coefficients belong to Legendre products
L_k(xi) L_l(eta), shape (degree + 1, degree + 1).
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre

from kanpde.arrays import Array


def clamped_basis(degree: int) -> Array:
    """Legendre coefficients (degree - 3, degree + 1) of polynomials with p = p' = 0 at -1 and 1.

    Shen (1994), equations 3.2-3.4: the second derivatives are orthonormal.
    """
    n = degree - 3
    k = np.arange(n)
    basis = np.zeros((n, degree + 1))
    scale = 1.0 / np.sqrt(2.0 * (2 * k + 3) ** 2 * (2 * k + 5))
    basis[k, k] = scale
    basis[k, k + 2] = -scale * 2.0 * (2 * k + 5) / (2 * k + 7)
    basis[k, k + 4] = scale * (2 * k + 3) / (2 * k + 7)
    return basis


@dataclass(frozen=True)
class Walls:
    """Value and slope on opposite walls: rows p(-1), p(1), p'(-1), p'(1).

    along_eta: (4, nodes) on xi = -1 and xi = 1, slopes by xi, at Gauss nodes in eta.
    along_xi: (4, nodes) on eta = -1 and eta = 1, slopes by eta, at Gauss nodes in xi.
    """

    along_eta: Array
    along_xi: Array


def lift(walls: Walls) -> Array:
    """A polynomial with the given data on the walls (Gordon and Hall 1973, with cubic Hermite).

    The data, sampled at the degree + 1 Gauss-Legendre nodes, must agree at the corners.
    """
    degree = walls.along_eta.shape[1] - 1
    nodes, _ = legendre.leggauss(degree + 1)
    to_coefficients = np.linalg.inv(legendre.legvander(nodes, degree)).T
    across_xi = walls.along_eta @ to_coefficients
    across_eta = walls.along_xi @ to_coefficients
    ends = _end_values(degree)
    cubics = np.zeros((4, degree + 1))
    cubics[:, :4] = np.linalg.inv(ends[:, :4]).T
    corners = across_xi @ ends.T
    sides = cubics.T @ across_xi + across_eta.T @ cubics
    return np.asarray(sides - cubics.T @ corners @ cubics)


def _end_values(degree: int) -> Array:
    """The rows p(-1), p(1), p'(-1), p'(1) for p = L_0 ... L_degree, shape (4, degree + 1)."""
    k = np.arange(degree + 1)
    sign = np.where(k % 2, -1.0, 1.0)
    slope = k * (k + 1) / 2.0
    return np.array([sign, np.ones(degree + 1), -sign * slope, slope])
