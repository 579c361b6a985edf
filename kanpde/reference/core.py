"""The answer to a problem: exact, or computed by an independent method."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from kanpde.arrays import Array
from kanpde.checks import read_reals, require_number, require_one_of, require_sequence
from kanpde.errors import KanpdeError


@dataclass(frozen=True)
class Reference:
    """An exact or independently computed answer to a problem.

    Args:
        evaluate: called with one keyword per coordinate, `evaluate(x=X, t=T)`, arrays of one
            shape; returns {field: array of that shape}.
        fields: the names that `evaluate` returns.
        method: a sentence with its citation.
        error: relative L2 error of the reference itself; 0.0 stands for a closed form, which is
            right up to rounding.
        gauge: fields known only up to a constant, such as a pressure: they are compared after
            the mean difference is subtracted.
        files: that it was read from, as they were given -> where they were found.

    Raises KanpdeError where the parts contradict each other.
    """

    evaluate: Callable[..., Mapping[str, Array]]
    fields: tuple[str, ...]
    method: str
    error: float
    gauge: tuple[str, ...] = ()
    files: Mapping[Path, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not callable(self.evaluate):
            raise KanpdeError(f"Reference.evaluate is {self.evaluate!r}; give a function")
        for name in ("fields", "gauge"):
            require_sequence(f"Reference.{name}", getattr(self, name), '("u",)')
            for each in getattr(self, name):
                require_one_of(f"a name in Reference.{name}", each, str, "a text")
        if not self.fields:
            raise KanpdeError("Reference.fields is empty: name at least one field")
        if stray := set(self.gauge) - set(self.fields):
            raise KanpdeError(
                f"Reference.gauge names {sorted(stray)}, which are not among the fields "
                f"{list(self.fields)}"
            )
        require_number("Reference.error", self.error, least=0)

    def resolves(self, error: float) -> bool:
        """Whether a measured relative L2 error is above that of the reference itself."""
        return not (self.error > 0 and error <= self.error)

    def shown(self, error: float, digits: int = 2) -> str:
        """A measured relative L2 error as text: a bound if the reference is not better."""
        if self.resolves(error):
            return f"{error:.{digits}e}"
        return f"<= {self.error:.0e} (the reference's own error)"


def exact(
    method: str = "closed form",
    gauge: tuple[str, ...] = (),
    **fields: Callable[..., ArrayLike],
) -> Reference:
    """A closed-form reference: `exact(u=lambda x, y: np.sin(x) * y)`.

    Each keyword is a field; its function is called with every coordinate as a keyword and may
    return a constant, which is spread over the points.
    """

    def evaluate(**coordinates: ArrayLike) -> dict[str, Array]:
        arrays = {name: np.asarray(a, dtype=np.float64) for name, a in coordinates.items()}
        shape = np.broadcast_shapes(*(a.shape for a in arrays.values()))
        return {
            name: _spread(f"the reference exact({name}=...)", _call(name, f, arrays), shape)
            for name, f in fields.items()
        }

    for name, function in fields.items():
        if not callable(function):
            raise KanpdeError(f"exact({name}=...): give a function of the coordinates")
    return Reference(evaluate, tuple(fields), method, 0.0, gauge)


def _call(name: str, function: Callable[..., ArrayLike], arrays: Mapping[str, Array]) -> ArrayLike:
    """The value of a function of the user's, which has to take every coordinate."""
    try:
        inspect.signature(function).bind(**arrays)
    except TypeError as error:
        raise KanpdeError(
            f"the reference exact({name}=...) is called with {', '.join(arrays)}: {error}"
        ) from None
    except ValueError:  # a function that does not say what it takes
        pass
    return function(**arrays)


def _spread(place: str, values: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Values of a function of the user's at points, a constant spread over them."""
    if values is None:
        raise KanpdeError(f"{place} returns None (is a `return` missing?)")
    found = read_reals(place, values)
    try:
        return np.array(np.broadcast_to(found, shape))
    except ValueError:
        raise KanpdeError(
            f"{place} returns the shape {found.shape} for coordinates of the shape {shape}"
        ) from None


def coordinate(name: str, values: ArrayLike, low: float, high: float) -> Array:
    """Values as float64, held to [low, high].

    Single precision may put a boundary point slightly outside: up to 1e-6 (relative to the
    larger of 1 and the bound) is moved onto the boundary. Raises KanpdeError beyond that.
    """
    array = np.asarray(values, dtype=np.float64)
    slack = 1e-6
    below = low - slack * max(1.0, abs(low))
    above = high + slack * max(1.0, abs(high))
    if not np.all((array >= below) & (array <= above)):
        raise KanpdeError(
            f"The reference holds for {low:g} <= {name} <= {high:g}, but it was asked at "
            f"{name} from {np.min(array):g} to {np.max(array):g}: stay inside"
        )
    return np.clip(array, low, high)
