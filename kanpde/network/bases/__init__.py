"""Univariate bases; a new one is a file here and its line in BASES."""

from __future__ import annotations

from kanpde.network.bases.basis import Basis
from kanpde.network.bases.fourier import Fourier
from kanpde.network.bases.gaussians import GaussianRBF
from kanpde.network.bases.polynomials import Chebyshev, Legendre
from kanpde.network.bases.splines import BSpline

__all__ = [
    "BASES",
    "BSpline",
    "Basis",
    "Chebyshev",
    "Fourier",
    "GaussianRBF",
    "Legendre",
]

# What a model file may name.
BASES: tuple[type[Basis], ...] = (Chebyshev, Legendre, Fourier, GaussianRBF, BSpline)
