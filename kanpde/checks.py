"""Checks of the values that people give: type and range, answered with one sentence."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kanpde.errors import KanpdeError

if TYPE_CHECKING:
    from kanpde.arrays import Array


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
    if not _is_finite(value):
        raise KanpdeError(f"{place} must be finite, not {str(value)[:20]}")
    if above is not None and not value > above:
        raise KanpdeError(f"{place} must be larger than {above:g}, not {value:g}")
    if least is not None and not value >= least:
        raise KanpdeError(f"{place} must be at least {least:g}, not {value:g}")


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def require_sequence(place: str, values: Any, example: str) -> None:
    """Raise KanpdeError unless `values` is a tuple, a list or another sequence, but not a text."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
        raise KanpdeError(f"{place} is {values!r:.60}; give a tuple or a list, such as {example}")


def read_reals(place: str, values: Any) -> Array:
    """Real numbers as an array; raises KanpdeError for anything else."""
    if np.ma.is_masked(values):
        raise KanpdeError(f"{place} holds a value that is masked; leave those out")
    try:
        given = np.asarray(values.detach() if hasattr(values, "detach") else values)
        if given.dtype.kind not in "fiubO":
            raise TypeError
        return np.asarray(given, float)
    except (TypeError, ValueError, OverflowError):
        raise KanpdeError(f"{place} holds a value that is not a real number") from None


def read_path(place: str, given: Any) -> Path:
    """A path; raises KanpdeError for what cannot be one."""
    if not isinstance(given, (str, os.PathLike)) or "\0" in os.fspath(given):
        raise KanpdeError(f"{place} takes a path, not {given!r}")
    return Path(given)


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


# Sizes whose squares, and sums of many of them, are numbers.
_SMALLEST, _LARGEST = 1e-100, 1e100


def require_scale(place: str, values: Any) -> None:
    """Raise KanpdeError where the largest of some numbers has a square that is none."""
    sizes = np.abs(np.asarray(values, dtype=float))
    largest = np.max(sizes, initial=0.0, where=np.isfinite(sizes))
    if largest > 0 and not _SMALLEST < largest < _LARGEST:
        raise KanpdeError(
            f"{place} is up to {largest:.0e} in size, and numbers from {_SMALLEST:g} to "
            f"{_LARGEST:g} can be squared; give it in another unit"
        )


def require_device(place: str, device: Any, choices: str, mend: str) -> None:
    """Raise KanpdeError for a device that kanpde cannot use or this machine does not have.

    `choices` are those that the message names, `mend` what to do where there is no such device.
    """
    import torch  # the command line asks for no device before it needs torch

    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError, ValueError):
        chosen = None
    if chosen is None or chosen.type not in ("cpu", "cuda"):
        raise KanpdeError(f"{place}: take {choices}")
    count = count_cuda_devices()
    if chosen.type == "cuda" and (chosen.index or 0) >= count:
        raise KanpdeError(f"{place}: there are {count} CUDA devices here; {mend}")


def count_cuda_devices() -> int:
    """How many of them torch can use here."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
