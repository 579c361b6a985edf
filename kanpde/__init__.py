"""Solve partial differential equations with Kolmogorov-Arnold networks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from kanpde._version import __version__

_HOME = {
    "kanpde.assembly.sampling": ("Sampling",),
    "kanpde.bounds.certificate": ("Certificate",),
    "kanpde.bounds.certify": ("certify",),
    "kanpde.dynamics.discover": ("discover",),
    "kanpde.dynamics.field.discover": ("discover_field", "discover_fields"),
    "kanpde.dynamics.field.snapshots": ("read_pysindy", "snapshots"),
    "kanpde.dynamics.field.source": ("discover_source",),
    "kanpde.dynamics.kanode.field_kanode": ("train_field_kanode",),
    "kanpde.dynamics.kanode.kanode": ("train_kanode",),
    "kanpde.dynamics.ode.result": ("Dynamics",),
    "kanpde.errors": ("KanpdeError",),
    "kanpde.geometry.box": ("Box", "Interval", "parameter"),
    "kanpde.geometry.solids.family": ("family",),
    "kanpde.geometry.solids.plane": (
        "Disk", "Ellipse", "HalfPlane", "Polygon", "Rectangle", "Sector",
    ),
    "kanpde.geometry.solids.space": ("Ball", "Cone", "Cuboid", "Cylinder", "HalfSpace", "Torus"),
    "kanpde.geometry.meshes.mesh": ("Mesh",),
    "kanpde.geometry.meshes.surface": ("Surface",),
    "kanpde.geometry.piecewise": ("piecewise",),
    "kanpde.network.bases": ("BSpline", "Chebyshev", "Fourier", "GaussianRBF", "Legendre"),
    "kanpde.network.coordinates": ("Coordinates",),
    "kanpde.network.kan": ("KAN",),
    "kanpde.network.perceptron": ("MLP",),
    "kanpde.network.separable": ("LowRank",),
    "kanpde.network.partition_of_unity": ("Subdomains",),
    "kanpde.output.describe": ("check",),
    "kanpde.output.results": ("save",),
    "kanpde.output.run_folder": ("load",),
    "kanpde.problem.averages": ("integral",),
    "kanpde.problem.conditions.condition": ("Condition",),
    "kanpde.problem.conditions.energy": ("Energy",),
    "kanpde.problem.conditions.observation": ("Observation", "observe"),
    "kanpde.problem.conditions.periodic": ("Periodic",),
    "kanpde.problem.conditions.smooth": ("Smooth",),
    "kanpde.problem.field_file": ("read_reference",),
    "kanpde.problem.integrals": ("Integral",),
    "kanpde.problem.loading": ("load_problem",),
    "kanpde.problem.observation_file": ("read_observation",),
    "kanpde.problem.problem": ("Problem",),
    "kanpde.problem.tables.table": ("table",),
    "kanpde.reference": ("Reference", "exact"),
    "kanpde.solution.ensemble": ("Ensemble",),
    "kanpde.solution.optimize": ("Optimum", "optimize"),
    "kanpde.solution.outcome": ("Outcome", "Status"),
    "kanpde.solution.solution": ("Solution",),
    "kanpde.symbolic.classify": ("classify",),
    "kanpde.symbolic.estimators": ("KANClassifier", "KANRegressor"),
    "kanpde.symbolic.fit": ("fit",),
    "kanpde.symbolic.formulate": ("formulate",),
    "kanpde.symbols.expression": ("Role",),
    "kanpde.symbols.functions": (
        "arccos", "arcsin", "arctan", "cos", "cosh", "d", "erf", "exp", "log", "pi", "sin", "sinh",
        "sqrt", "tan", "tanh", "where",
    ),
    "kanpde.symbols.law": ("law",),
    "kanpde.symbols.unknown": ("unknown",),
    "kanpde.training.ensemble": ("solve_ensemble",),
    "kanpde.training.plan": ("Plan",),
    "kanpde.training.sensors": ("rank_sensors",),
    "kanpde.training.session": ("STOP",),
    "kanpde.training.solve": ("solve",),
    "kanpde.training.stages.extend": ("Extend",),
    "kanpde.training.stages.gradient": ("LBFGS", "Adam", "Broyden"),
    "kanpde.training.stages.least_squares": ("LeastSquares",),
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
