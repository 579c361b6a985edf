"""Solve partial differential equations with Kolmogorov-Arnold networks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from kanpde._version import __version__

_HOME = {
    "kanpde.network.bases.polynomials": ("Chebyshev", "Fourier", "GaussianRBF", "Legendre"),
    "kanpde.dynamics.ode.discover": ("discover",),
    "kanpde.dynamics.ode.result": ("Dynamics",),
    "kanpde.dynamics.field.grid": ("discover_field",),
    "kanpde.dynamics.kanode.kanode": ("train_kanode",),
    "kanpde.dynamics.kanode.field_kanode": ("train_field_kanode",),
    "kanpde.dynamics.field.source": ("discover_source",),
    "kanpde.errors": ("KanpdeError",),
    "kanpde.symbols.functions": (
        "arccos", "arcsin", "arctan", "cos", "cosh", "d", "erf", "exp", "log", "pi", "sin", "sinh",
        "sqrt", "tan", "tanh", "where",
    ),
    "kanpde.network.kan": ("KAN", "Coordinates"),
    "kanpde.training.plan": (
        "LBFGS", "Adam", "Broyden", "Extend", "LeastSquares", "Plan", "Sampling",
    ),
    "kanpde.problem.problem": ("Condition", "Observation", "Periodic", "Problem", "observe"),
    "kanpde.problem.loading": ("load_problem",),
    "kanpde.reference": ("Reference", "exact"),
    "kanpde.geometry.box": ("Box",),
    "kanpde.output.results": ("save",),
    "kanpde.output.run_folder": ("load",),
    "kanpde.solution.solution": ("Outcome", "Solution"),
    "kanpde.training.solve": ("solve",),
    "kanpde.network.bases.splines": ("BSpline",),
    "kanpde.symbolic.fit": ("fit",),
}  # fmt: skip
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", *sorted(_WHERE)]


def __getattr__(name: str) -> Any:
    """Import on first use: `import kanpde` stays fast and loads neither torch nor sympy."""
    if name not in _WHERE:
        raise AttributeError(f"module 'kanpde' has no attribute '{name}'")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
