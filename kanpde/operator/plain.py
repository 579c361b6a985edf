"""Frozen dataclasses as plain data for JSON, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from kanpde._version import __version__
from kanpde.errors import KanpdeError

Kinds = Mapping[str, type[Any]]


def build_kinds(types: Iterable[type[Any]]) -> Kinds:
    """The table of kinds for `from_data`: each dataclass under its name."""
    return {kind.__name__: kind for kind in types}


def to_data(value: Any) -> Any:
    """A frozen value as plain data; `from_data` gives it back.

    A dataclass becomes a dictionary of its `kind`, the name of its class, and of its fields; a
    tuple becomes a list.
    """
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: to_data(getattr(value, f.name)) for f in fields(value) if f.init}
        return {"kind": type(value).__name__, **parts}
    return list(map(to_data, value)) if isinstance(value, tuple | list) else value


def from_data(data: Any, kinds: Kinds) -> Any:
    """The value that `to_data` was given, of dataclasses in the table `kinds`.

    Raises KanpdeError for a kind that is not in the table, or that does not take its fields.
    """
    if isinstance(data, dict):
        kind = data.get("kind")
        if not isinstance(kind, str) or kind not in kinds:
            raise KanpdeError(f"the kind {kind!r} is unknown to kanpde {__version__}")
        parts = {k: from_data(v, kinds) for k, v in data.items() if k != "kind"}
        try:
            value = kinds[kind](**parts)
        except (TypeError, ArithmeticError, AttributeError) as error:
            raise KanpdeError(f"the kind {kind} cannot be made of its fields ({error})") from error
        check_fields(value)
        return value
    return tuple(from_data(v, kinds) for v in data) if isinstance(data, list) else data


def check_fields(value: Any) -> None:
    """Raise KanpdeError for a field of a dataclass that is not of its type.

    Numbers, texts, truth values, None, tuples and other dataclasses are looked at; a whole number
    is a float too.
    """
    hints = get_type_hints(type(value))
    for field in fields(value):
        content = getattr(value, field.name)
        if not _fits(content, hints[field.name]):
            wanted = getattr(hints[field.name], "__name__", str(hints[field.name]))
            raise KanpdeError(f"{field.name} is {content!r:.60}, which is not of the type {wanted}")


def _fits(value: Any, hint: Any) -> bool:
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, each) for each in get_args(hint))
    if get_origin(hint) is tuple:
        kind, *more = get_args(hint)
        whole = isinstance(value, tuple)
        return whole and (more != [...] or all(_fits(each, kind) for each in value))
    return not isinstance(hint, type) or isinstance(value, hint)
