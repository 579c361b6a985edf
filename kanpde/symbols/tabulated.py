"""Functions of the coordinates that are known by a table of numbers, inside of expressions.

In an expression it is a function of its axes, which is evaluated for many points in one call. Its
derivatives are functions of the same kind, as far as the table carries them.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.errors import KanpdeError

Index = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Tabulated(ABC):
    """Numbers that stand for a function of some axes; a kind of table is a class of these.

    `axes` are the names of what it depends on, `given` how the file was named and `file` where it
    was found; both are empty for arrays. `beside` are other files that belong to it. Those of
    `axes` that are no coordinates but fields stand in `fields` too: there the table goes on beyond
    its ends with its last value, since a solution in training goes anywhere.
    """

    name: str
    axes: tuple[str, ...]
    given: Path | None = None
    file: Path | None = None
    fields: tuple[str, ...] = ()
    beside: tuple[Path, ...] = ()

    @property
    def files(self) -> dict[Path, Path]:
        """What it was read from: as it was given -> where it was found."""
        if self.given is None or self.file is None:
            return {}
        return {self.given: self.file, **{self.given.parent / p.name: p for p in self.beside}}

    @abstractmethod
    def evaluate(self, points: Array, index: Index) -> Array:
        """The derivative of this index at points (N, axes), (N,); NaN outside of the table."""

    @abstractmethod
    def differentiate(self, index: Index, along: int) -> Index:
        """The index of one more derivative along an axis; JumpError where it has no values."""

    def slope(self, index: Index, along: int) -> Index | None:
        """The index of the slope along a field, by which a step is linearised; None for zero.

        Unlike `differentiate` it also exists where the values jump, between two neighbours.
        """
        return self.differentiate(index, along)

    @abstractmethod
    def carries(self, order: int) -> bool:
        """Whether the derivatives of this order are continuous along every axis."""

    @abstractmethod
    def covers(self) -> str:
        """Where it has values, in words."""

    @abstractmethod
    def describe(self) -> str:
        """What it is made of, in words."""

    @abstractmethod
    def to_data(self) -> dict[str, Any]:
        """Its numbers as JSON data."""

    @abstractmethod
    def _content(self) -> list[Array]:
        """The arrays that tell it from other tables."""

    @cached_property
    def digest(self) -> str:
        """A hash of the numbers: tables with the same numbers are the same."""
        found = hashlib.sha256(repr((self.name, self.axes, self.describe())).encode())
        for array in self._content():
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    @property
    def place(self) -> str:
        """How messages name it."""
        return f"the table {self.name}" + (f" ({self.given})" if self.given else "")


class TableLabel(sympy.AtomicExpr):
    """Which table stands in a TableValue, and which derivative of it."""

    is_real = True
    table: Tabulated
    index: Index

    def __new__(cls, table: Tabulated, index: Index) -> TableLabel:
        label = super().__new__(cls)
        label.table, label.index = table, index
        return label  # type: ignore[no-any-return]

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.table.name, self.table.digest, self.index)

    def __str__(self) -> str:
        pairs = zip(self.table.axes, self.index, strict=True)
        suffix = "".join(axis * order for axis, order in pairs)
        return f"{self.table.name}_{suffix}" if suffix else self.table.name

    __repr__ = __str__

    def _sympystr(self, printer: Any) -> str:
        return str(self)

    def raised(self, along: int) -> TableLabel:
        """The label of one more derivative along an axis; raises JumpError where there is none."""
        return TableLabel(self.table, self.table.differentiate(self.index, along))

    def slope(self, along: int) -> TableLabel | None:
        """The label of the slope along an axis or a field, None where it is zero."""
        if self.table.axes[along] not in self.table.fields:
            return self.raised(along)
        index = self.table.slope(self.index, along)
        return None if index is None else TableLabel(self.table, index)

    def read(self, points: Array) -> Array:
        """Its values (N,) at points (N, axes)."""
        return self.table.evaluate(points, self.index)


class TableValue(sympy.Function):
    """A table at a place: `TableValue(label, x, y)`."""

    is_real = True

    @classmethod
    def eval(cls, label: TableLabel, *at: Any) -> Any:
        if not all(a.is_number and a.is_real for a in at):
            return None
        place = [float(a) for a in at]
        value = float(label.read(np.array([place]))[0])
        if not np.isfinite(value):
            raise KanpdeError(_describe_miss(label.table, place))
        return sympy.Float(value, 17)

    def _eval_derivative(self, symbol: Any) -> Any:
        label, *at = self.args
        total: Any = sympy.Integer(0)
        for k, each in enumerate(at):
            slope = each.diff(symbol)
            raised = None if slope == 0 else label.slope(k)
            if raised is not None:
                total += slope * TableValue(raised, *at)
        return total

    def _sympystr(self, printer: Any) -> str:
        label, *at = self.args
        if tuple(map(str, at)) == label.table.axes and not label.table.fields:
            return str(label)
        return f"{label}({', '.join(printer.doprint(a) for a in at)})"


def require_slopes(expression: Any, moving: Set[Any]) -> None:
    """Raise JumpError where a table of a field lacks the slope that a derivative holds.

    `moving` are the symbols that change along the axis of the derivative. Steps of training take
    slopes by fields as well, and take them across jumps; a term of an equation must not.
    """
    for value in sorted(expression.atoms(TableValue), key=str):
        label, *at = value.args
        for k, (name, each) in enumerate(zip(label.table.axes, at, strict=True)):
            if name in label.table.fields and each.free_symbols & moving:
                label.raised(k)


def tables_in(*expressions: Any) -> dict[str, Tabulated]:
    """The tables of some SymPy expressions by name; raises KanpdeError for two of one name."""
    found: dict[str, Tabulated] = {}
    for label in sorted({s for e in expressions for s in e.atoms(TableLabel)}, key=str):
        other = found.setdefault(label.table.name, label.table)
        if other.digest != label.table.digest:
            raise KanpdeError(
                f"two tables are called {other.name}, {other.describe()} and "
                f'{label.table.describe()}; give one another name: table(..., name="...")'
            )
    return found


def require_covered(expression: Any, names: Sequence[str], points: Array) -> None:
    """Raise KanpdeError where a table in an expression has no value at a point (N, dimension)."""
    symbols = [sympy.Symbol(name, real=True) for name in names]
    for value in sorted(expression.atoms(TableValue), key=str):
        label, *at = value.args
        # A field goes beyond the ends: any value will do.
        zero, fields = sympy.Integer(0), label.table.fields
        at = [zero if n in fields else a for n, a in zip(label.table.axes, at, strict=True)]
        if not set().union(*(a.free_symbols for a in at)) <= set(symbols):
            continue
        columns = lambdify_numbers(symbols, at)(*points.T)
        places = np.stack([np.broadcast_to(c, len(points)).astype(float) for c in columns], 1)
        missed = np.flatnonzero(~np.isfinite(label.table.evaluate(places, (0,) * len(at))))
        if len(missed):
            raise KanpdeError(_describe_miss(label.table, places[missed[0]].tolist()))


def _describe_miss(table: Tabulated, place: Sequence[float]) -> str:
    where = ", ".join(f"{n} = {v:g}" for n, v in zip(table.axes, place, strict=True))
    return (
        f"{table.place} has no value at {where}; it covers {table.covers()}: "
        "extend the table, or let the domain end where the table ends"
    )


def name_tables(expressions: Sequence[Any]) -> tuple[list[Any], Mapping[str, TableLabel]]:
    """Expressions in which each table is a function with a name, and the tables by these names."""
    labels = sorted({s for e in expressions for s in e.atoms(TableLabel)}, key=str)
    names = {label: f"table{k}" for k, label in enumerate(labels)}
    if not names:
        return list(expressions), {}

    def name(label: TableLabel, *at: Any) -> Any:
        return sympy.Function(names[label])(*at)

    return (
        [e.replace(TableValue, name) for e in expressions],
        {each: label for label, each in names.items()},
    )


def lambdify_numbers(symbols: Sequence[Any], expressions: Any) -> Callable[..., Any]:
    """An expression, or a list of them, as a function of NumPy columns (N,)."""
    several = isinstance(expressions, (list, tuple))
    wanted, tables = name_tables(list(expressions) if several else [expressions])

    functions = {name: _reader(label) for name, label in tables.items()}
    found: Callable[..., Any] = sympy.lambdify(
        list(symbols),
        wanted if several else wanted[0],
        modules=[functions, "scipy", "numpy"],
        cse=True,
    )
    return found


def _reader(label: TableLabel) -> Callable[..., Array]:
    def read(*at: Any) -> Array:
        columns = np.broadcast_arrays(*(np.asarray(a, float) for a in at))
        points = np.stack([np.ravel(c) for c in columns], 1)
        return label.read(points).reshape(columns[0].shape)

    return read
