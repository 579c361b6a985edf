"""Checks that several commands share: numbers, devices, folders, and choices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from kanpde.checks import count_cuda_devices, require_device
from kanpde.errors import KanpdeError

Choice = TypeVar("Choice")


def check_budget(budget: float | None) -> None:
    """Raise KanpdeError for seconds that are not positive and finite."""
    if budget is not None and not 0 < budget < math.inf:
        raise KanpdeError(f"--budget {budget:g}: give a positive number of seconds")


def check_tolerance(tolerance: float | None) -> None:
    """Raise KanpdeError for a relative error that is negative or not finite."""
    if tolerance is not None and not 0 <= tolerance < math.inf:
        raise KanpdeError(f"--tolerance {tolerance:g}: give a relative error, such as 1e-4")


def choose_device(device: str) -> str:
    """The device that is meant; `auto` takes a CUDA device where there is one.

    Raises KanpdeError for a device that torch does not know, kanpde cannot use, or this machine
    does not have.
    """
    if device == "auto":
        return "cuda" if count_cuda_devices() else "cpu"
    place = f"--device {device}"
    require_device(place, device, "auto, cpu or cuda", "leave out --device for the CPU")
    return device


def check_folder(out: Path | None, use: str = "") -> None:
    """Raise KanpdeError where `out` is a file; `use` says what the folder is for."""
    if out is not None and out.exists() and not out.is_dir():
        raise KanpdeError(f"{out} is a file; --out names a folder{f' for {use}' if use else ''}")


def check_file(out: Path, data: Path) -> None:
    """Raise KanpdeError where the file `out` is a folder, or the data that it is made from."""
    if out.is_dir():
        raise KanpdeError(f"--out {out} is a folder; name the file to write")
    if out.resolve() == data.resolve():
        raise KanpdeError(f"--out {out} is the file of the data; take another name")


def choose(option: str, value: str, choices: Mapping[str, Choice]) -> Choice:
    """The value of that name. Raises KanpdeError, naming the option, for another name."""
    if value not in choices:
        raise KanpdeError(f"{option} {value}: take one of {', '.join(choices)}")
    return choices[value]


def drop_missing(**values: Any) -> dict[str, Any]:
    """The values that were given: those that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def split_names(text: str) -> list[str]:
    """The names of a list such as "x, y"."""
    return [name.strip() for name in text.split(",") if name.strip()]


def parse_counts(text: str) -> dict[str, int]:
    """Points by axis of `--resolution x=201,t=50`. Raises KanpdeError for another form."""
    counts = {}
    for part in split_names(text):
        name, equals, number = (each.strip() for each in part.partition("="))
        if not equals or not name or not number.isdecimal() or int(number) < 2:
            raise KanpdeError(
                f"--resolution {part}: write it as --resolution x=201,t=50, 2 points at least"
            )
        counts[name] = int(number)
    return counts


def parse_times(text: str) -> tuple[float, ...]:
    """Times of `--times 0,0.1,0.5`. Raises KanpdeError for another form."""
    try:
        times = tuple(float(part) for part in split_names(text))
    except ValueError:
        raise KanpdeError(f"--times {text}: write it as --times 0,0.1,0.5") from None
    if not all(map(math.isfinite, times)):
        raise KanpdeError(f"--times {text}: the times must be finite")
    return times


def parse_settings(pairs: Sequence[str] | None) -> dict[str, str]:
    """Values by name of `--set NAME=VALUE`. Raises KanpdeError for another form."""
    values = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise KanpdeError(f"--set {pair}: write it as --set NAME=VALUE, such as --set nu=0.02")
        values[name.strip()] = value.strip()
    return values


def parse_subdomains(text: str) -> tuple[int, ...] | None:
    """The numbers of a text such as "4,4"; None of an empty one. Raises KanpdeError for another."""
    if not text:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise KanpdeError(
            f"--subdomains {text}: write a whole number for each axis of space, such as "
            "--subdomains 4,4"
        ) from None


def parse_values(option: str, text: str) -> dict[str, float]:
    """Numbers by name of a text such as "nu=0.3,radius=0.5". Raises KanpdeError for another."""
    values = {}
    for pair in text.split(","):
        name, _, number = pair.partition("=")
        try:
            values[name.strip()] = float(number)
        except ValueError:
            raise KanpdeError(f"{option} {text}: write it as {option} NAME=VALUE") from None
    return values
