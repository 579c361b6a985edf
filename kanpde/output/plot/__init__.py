"""Pictures: sampled solutions, residuals, convergence and collocation points, as PNG files.

Each `plot_..` writes one file, whole or not at all, and returns its path; each `.._figure`
builds the matplotlib Figure alone, to change it or to save it elsewhere. Figures are made
without pyplot, and matplotlib's settings are left as they are.
"""

from kanpde.output.plot.canvas import Picture
from kanpde.output.plot.convergence import convergence_figure, plot_convergence
from kanpde.output.plot.domain import domain_figure, plot_domain
from kanpde.output.plot.laws import laws_figure, plot_laws
from kanpde.output.plot.movie import Movie
from kanpde.output.plot.parameters import parameters_figure, plot_parameters
from kanpde.output.plot.points import plot_points, points_figure
from kanpde.output.plot.residual import plot_residual, residual_figure
from kanpde.output.plot.solution import plot_solution, solution_figure

__all__ = [
    "Movie",
    "Picture",
    "convergence_figure",
    "domain_figure",
    "laws_figure",
    "parameters_figure",
    "plot_convergence",
    "plot_domain",
    "plot_laws",
    "plot_parameters",
    "plot_points",
    "plot_residual",
    "plot_solution",
    "points_figure",
    "residual_figure",
    "solution_figure",
]
