"""The options of `fit`, as keywords and as one frozen value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from kanpde.network.bases.basis import Basis
from kanpde.options import fill_options, ignore


class FitKeywords(TypedDict, total=False):
    """What `fit` takes by name; `FitOptions` says what each is."""

    variables: Sequence[str]
    widths: Sequence[int] | None
    basis: Basis | None
    steps: int
    formula: bool
    tolerance: float | None
    seconds: float
    units: Mapping[str, str] | None
    seed: int
    report: Callable[[str], None] | None


@dataclass(frozen=True)
class FitOptions:
    """How a table is fitted.

    Args:
        variables: the columns that explain the target; all others if there are none.
        widths: hidden layers; by default none for one variable, (6, 6) for more, and smaller
            ones where these learn the samples by heart.
        basis: the first basis; by default Chebyshev(4), of degree 12 for one variable.
        steps: least-squares steps for each basis.
        formula: whether to look for a closed form.
        tolerance: the relative error up to which a formula counts as found; by default what
            the noise of the data allows, and 1e-6 without noise.
        seconds: how long expression trees are looked for at most, where sparse sums explain
            too little.
        units: of the variables and the target by name, such as `{"v": "m/s"}`: formulas that
            add unlike units are left out.
        seed: of the first coefficients and of the choice of held-out samples.
        report: is told what is being done.
    """

    variables: tuple[str, ...] = ()
    widths: tuple[int, ...] | None = None
    basis: Basis | None = None
    steps: int = 60
    formula: bool = True
    tolerance: float | None = None
    seconds: float = 60.0
    units: tuple[tuple[str, str], ...] = ()
    seed: int = 0
    report: Callable[[str], None] = ignore


def read_options(keywords: Mapping[str, Any]) -> FitOptions:
    """The frozen value of keywords.

    Raises:
        KanpdeError: for a keyword that `fit` does not have.
    """
    given = dict(keywords)
    given["variables"] = tuple(given.get("variables") or ())
    if given.get("widths") is not None:
        given["widths"] = tuple(given["widths"])
    given["units"] = tuple(dict(given.get("units") or {}).items())
    if given.get("report", ignore) is None:
        del given["report"]
    return fill_options(FitOptions, given, "fit")
