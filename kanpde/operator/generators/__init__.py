"""Data sets by classical solvers, one file for each problem."""

from kanpde.operator.generators.allen_cahn import AllenCahn
from kanpde.operator.generators.base import Generator
from kanpde.operator.generators.burgers import Burgers
from kanpde.operator.generators.darcy import Darcy
from kanpde.operator.generators.navier_stokes import NavierStokes

__all__ = ["AllenCahn", "Burgers", "Darcy", "Generator", "NavierStokes"]
