"""Solve partial differential equations with Kolmogorov-Arnold networks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from kanpde._version import __version__

_HOME = {
    "kanpde.basis": ("Chebyshev", "Fourier", "GaussianRBF", "Legendre"),
    "kanpde.dynamics.discover": ("discover",),
    "kanpde.dynamics.dynamics": ("Dynamics",),
    "kanpde.dynamics.fields": ("discover_field",),
    "kanpde.dynamics.kanode": ("train_kanode",),
    "kanpde.dynamics.lattice": ("train_field_kanode",),
    "kanpde.dynamics.source": ("discover_source",),
    "kanpde.errors": ("KanpdeError",),
    "kanpde.expression": (
        "arccos", "arcsin", "arctan", "cos", "cosh", "d", "erf", "exp", "log", "pi", "sin", "sinh",
        "sqrt", "tan", "tanh", "where",
    ),
    "kanpde.kan": ("KAN", "Coordinates"),
    "kanpde.plan": ("LBFGS", "Adam", "Broyden", "Extend", "LeastSquares", "Plan", "Sampling"),
    "kanpde.problem": ("Condition", "Observation", "Periodic", "Problem", "observe"),
    "kanpde.problem_file": ("load_problem",),
    "kanpde.reference": ("Reference", "exact"),
    "kanpde.region": ("Box",),
    "kanpde.run": ("load", "save"),
    "kanpde.solution": ("Outcome", "Solution"),
    "kanpde.solver": ("solve",),
    "kanpde.spline": ("BSpline",),
    "kanpde.symbolic.table": ("fit",),
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
