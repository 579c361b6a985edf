"""fit: a KAN, and if there is one a formula, for a table of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
import torch

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.network.bases.polynomials import Basis, Chebyshev
from kanpde.network.kan import KAN, Coordinates
from kanpde.optim.minimise import Quiet, minimise
from kanpde.symbolic.compose import compose
from kanpde.symbolic.misfit import Misfit
from kanpde.symbolic.search import Found, search

# The share of samples that only judge, and the degrees that grid extension stops at.
_JUDGES = 0.2
_LARGEST_DEGREE = {1: 160, 2: 24}
# Beside the spread of y: where the network is no nearer, its edges say little.
_CLEAR = 0.05


@dataclass(frozen=True)
class Fitted:
    """y = f(x) from samples.

    `rmse` is on the samples that were held out, in the units of y; `formulas` are ranked, and
    the first is `formula` where its relative error is below `tolerance`.
    """

    variables: tuple[str, ...]
    target: str
    network: KAN
    rmse: float
    spread: float
    formulas: tuple[Found, ...]
    tolerance: float

    @property
    def parameters(self) -> int:
        return self.network.parameter_count

    @property
    def formula(self) -> sympy.Expr | None:
        """The formula, if one fits as well as the tolerance asks."""
        best = self.formulas[0] if self.formulas else None
        return best.formula if best is not None and best.error < self.tolerance else None

    def __call__(self, **columns: Any) -> Array:
        """The network at named values, of their common shape."""
        parts = np.broadcast_arrays(*(np.asarray(columns[n], dtype=float) for n in self.variables))
        points = torch.from_numpy(np.stack([p.ravel() for p in parts], 1))
        with torch.no_grad():
            return np.asarray(self.network(points)[:, 0].numpy().reshape(parts[0].shape))

    def text(self) -> str:
        """What was found, for the terminal."""
        lines = [
            f"KAN: {self.parameters} parameters, error {self.rmse:.2g} on held-out samples "
            f"({self.rmse / self.spread:.1e} of the spread of {self.target})"
        ]
        if self.formula is not None:
            best = self.formulas[0]
            lines.append(
                f"{self.target} = {best.formula.evalf(8)}   (relative error {best.error:.1e})"
            )
        elif self.formulas:
            best = self.formulas[0]
            lines.append(
                f"no closed form was found; the nearest is off by {best.error:.1e}: "
                f"{best.formula.evalf(5)}"
            )
        return "\n".join(lines)


def fit(
    table: Mapping[str, Any],
    target: str,
    *,
    variables: Sequence[str] = (),
    widths: Sequence[int] | None = None,
    basis: Basis | None = None,
    steps: int = 60,
    formula: bool = True,
    tolerance: float = 1e-6,
    seed: int = 0,
    report: Callable[[str], None] | None = None,
) -> Fitted:
    """Fit a KAN to a table, with grid extension while held-out samples gain, and find a formula.

    Args:
        table: columns (N,) by name.
        target: the column to explain.
        variables: the columns that explain it; all others by default.
        widths: hidden layers; none for one variable, (6, 6) for more.
        basis: the first basis; Chebyshev(4) by default, degree 12 for one variable.
        steps: least-squares steps for each basis.
        formula: whether to look for a closed form.
        tolerance: the relative error up to which a formula counts as found.
        seed: of the first coefficients and of the choice of held-out samples.
        report: is told what is being done.

    Raises:
        KanpdeError: for columns that are missing, not finite or constant, or too few samples.
    """
    tell = report or (lambda _: None)
    names = list(variables) or [n for n in table if n != target]
    x, y = _checked(table, target, names)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    judges, own = np.sort(order[: int(_JUDGES * len(y))]), np.sort(order[int(_JUDGES * len(y)) :])
    one = len(names) == 1
    box = Coordinates(tuple(x.min(0)), tuple(x.max(0)), (False,) * len(names))
    network = KAN(
        box, (() if one else (6, 6)) if widths is None else widths, 1,
        basis or Chebyshev(12 if one else 4), generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    points, values = torch.from_numpy(x), torch.from_numpy(y)
    best, error, failed = network, float("inf"), 0
    while True:
        misfit = Misfit(network, points[own], values[own], float(y.std()))
        stop = Quiet(steps, gain=1e-3, patience=4)
        network.load_flat(minimise(misfit, network.flat(), stop).theta)
        with torch.no_grad():
            now = float((network(points[judges])[:, 0] - values[judges]).square().mean().sqrt())
        tell(f"{network.parameter_count} parameters, held-out error {now:.2e}")
        # One extension may gain nothing, such as an even degree for an odd function.
        failed = 0 if now < 0.9 * error else failed + 1
        if failed > 2:
            break
        if now < error:
            best, error = network, now
        larger = network.extended()
        limit = _LARGEST_DEGREE[1 if one else 2]
        if larger.parameter_count > 0.6 * len(own) or larger.basis.size > limit:
            break
        if error < 1e-13 * float(y.std()):
            break
        network = larger
    found: list[Found] = []
    if formula:
        tell("looking for a formula")
        rows = order[:500]
        found = search(x[rows], y[rows], names)
        clear = error < _CLEAR * float(y.std())
        if clear and not one and (not found or found[0].error >= tolerance):
            tell("looking for a formula in a sparse network")
            other = compose(x[rows], y[rows], names, exact=0.1 * tolerance, report=tell)
            if other is not None and (not found or other.error < found[0].error):
                found.insert(0, other)
    return Fitted(tuple(names), target, best, error, float(y.std()), tuple(found[:5]), tolerance)


def _checked(table: Mapping[str, Any], target: str, names: Sequence[str]) -> tuple[Array, Array]:
    for name in (target, *names):
        if name not in table:
            raise KanpdeError(f"there is no column `{name}`; there are {', '.join(table)}")
    if not names:
        raise KanpdeError(f"there is no column beside `{target}` that could explain it")
    columns = {}
    for name in (target, *names):
        try:
            columns[name] = np.asarray(table[name], dtype=float).ravel()
        except (TypeError, ValueError):
            raise KanpdeError(f"column `{name}` holds something else than numbers") from None
    if len({len(c) for c in columns.values()}) > 1:
        raise KanpdeError("the columns have different lengths")
    whole = np.all([np.isfinite(c) for c in columns.values()], axis=0)
    columns = {n: c[whole] for n, c in columns.items()}
    if whole.sum() < 10:
        raise KanpdeError(f"{whole.sum()} complete rows are too few to fit; give at least 10")
    for name, column in columns.items():
        if np.ptp(column) <= 1e-13 * np.abs(column).max():
            raise KanpdeError(f"column `{name}` is constant ({column[0]:g}): leave it out")
    return np.stack([columns[n] for n in names], 1), columns[target]
