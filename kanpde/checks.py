"""Checks of the values that people give: type and range, answered with one sentence."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np

from kanpde.errors import KanpdeError


def require_whole(
    place: str, value: Any, least: int | None = None, most: int | None = None
) -> None:
    """Raise KanpdeError unless `value` is a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise KanpdeError(f"{place} must be a whole number, not {value!r}")
    if least is not None and value < least:
        raise KanpdeError(f"{place} must be at least {least}, not {value}")
    if most is not None and value > most:
        raise KanpdeError(f"{place} must be at most {most}, not {value}")


def require_number(
    place: str, value: Any, *, above: float | None = None, least: float | None = None
) -> None:
    """Raise KanpdeError unless `value` is a finite number, > `above` and >= `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise KanpdeError(f"{place} must be a number, not {value!r}")
    if not math.isfinite(value):
        raise KanpdeError(f"{place} must be finite, not {value}")
    if above is not None and not value > above:
        raise KanpdeError(f"{place} must be larger than {above:g}, not {value:g}")
    if least is not None and not value >= least:
        raise KanpdeError(f"{place} must be at least {least:g}, not {value:g}")


def require_one_of(place: str, value: Any, kinds: type | tuple[type, ...], example: str) -> None:
    """Raise KanpdeError unless `value` is of one of these types; a class is told from its value."""
    if isinstance(value, kinds):
        return
    if isinstance(value, type):
        raise KanpdeError(f"{place} is the class {value.__name__}; give a value, {example}")
    raise KanpdeError(f"{place} is {value!r}; give {example}")


def require_bool(place: str, value: Any) -> None:
    """Raise KanpdeError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise KanpdeError(f"{place} must be True or False, not {value!r}")


def require_module(name: str, extra: str) -> Any:
    """A module that is optional; raises KanpdeError with what to install where it is absent."""
    try:
        return import_module(name)
    except ImportError as error:
        raise KanpdeError(f"this needs {name}: pip install 'kanpde[{extra}]'") from error
