"""Exact and independently computed solutions of the shipped problems."""

from kanpde.reference.burgers import cole_hopf, cole_hopf_over
from kanpde.reference.cavity import cavity
from kanpde.reference.conduction import nonlinear_heat
from kanpde.reference.core import Reference, exact
from kanpde.reference.diffusion import steady_diffusion, transient_diffusion
from kanpde.reference.evolution import allen_cahn, kdv
from kanpde.reference.fourier import Evolution, evolve
from kanpde.reference.harmonic import harmonic
from kanpde.reference.ring import cooled_ring

__all__ = [
    "Evolution",
    "Reference",
    "allen_cahn",
    "cavity",
    "cole_hopf",
    "cole_hopf_over",
    "cooled_ring",
    "evolve",
    "exact",
    "harmonic",
    "kdv",
    "nonlinear_heat",
    "steady_diffusion",
    "transient_diffusion",
]
