"""Solution operators: learnt from data once, then applied to new inputs in milliseconds."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "kanpde.operator.networks.branch": ("BranchTrunk",),
    "kanpde.operator.data": ("GridAxis", "Pairs", "PointPairs", "time_steps"),
    "kanpde.operator.evaluation": ("evaluate",),
    "kanpde.operator.files": ("read_pairs", "write_pairs"),
    "kanpde.operator.networks.fno": ("FNO",),
    "kanpde.operator.generators": ("AllenCahn", "Burgers", "Darcy", "NavierStokes"),
    "kanpde.operator.learn": ("learn_operator",),
    "kanpde.operator.losses": ("H1", "L2"),
    "kanpde.operator.networks.maps": ("KANMaps", "MLPMaps"),
    "kanpde.operator.model": ("Operator", "Prediction"),
    "kanpde.operator.physics": ("Physics",),
    "kanpde.operator.rollout": ("rollout",),
    "kanpde.operator.model_files": ("load_operator", "save_operator"),
    "kanpde.operator.training": ("Training",),
}
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    """Import on first use: the command line's options need neither torch nor scipy."""
    if name not in _WHERE:
        raise AttributeError(f"module 'kanpde.operator' has no attribute '{name}'")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
