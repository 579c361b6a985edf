"""Options of a verb with many keywords, as one frozen value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, TypeVar

from kanpde.errors import KanpdeError

# What a long task is doing goes to a function of one line of text.
Reporter = Callable[[str], None]
Options = TypeVar("Options")


def ignore(line: str) -> None:
    """The reporter of a quiet run."""


def fill_options(kind: type[Options], given: Mapping[str, Any], verb: str) -> Options:
    """The options `kind`, a frozen dataclass, from the keywords of a call of `verb`.

    Raises:
        KanpdeError: there is no such option; the message names those that are spelt alike.
    """
    names = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, n=3) or sorted(names)
            listed = ", ".join(f"`{each}`" for each in near)
            raise KanpdeError(f"{verb} has no option `{name}`; did you mean one of {listed}?")
    return kind(**given)
