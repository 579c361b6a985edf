"""fit: a KAN, and if there is one a formula, for a table of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from kanpde.errors import KanpdeError
from kanpde.symbolic.columns import Samples, select_columns
from kanpde.symbolic.compose import ComposeOptions, compose
from kanpde.symbolic.find import FindOptions, find_formulas
from kanpde.symbolic.fitted import Fitted, Verdict
from kanpde.symbolic.found import Found, make_symbols
from kanpde.symbolic.grow import Grown, GrowthPolicy, grow_network, split_rows
from kanpde.symbolic.noisy_search import add_structure
from kanpde.symbolic.options import FitKeywords, FitOptions, read_options
from kanpde.symbolic.units import Dimension, read_unit


@dataclass(frozen=True)
class FormulaPolicy:
    """Which formulas count as found, by errors beside the spread of y."""

    # Without noise, where nothing but rounding errors of the data is left: beyond `rounding` a
    # smooth function must not predict it. Of x y / (1 + x^2 / 2) a sum of others left 2e-7.
    exact: float = 1e-6
    rounding: float = 1e-9
    # Rows that the search looks at, and formulas that are kept.
    rows: int = 500
    kept: int = 5
    # Where the network is no nearer, its edges say little.
    clear: float = 0.05
    # A network this near shows that there is no noise to look through.
    clean: float = 1e-5
    # A formula may leave as much as the network does on held-out samples, and this many standard
    # errors of that (1 / sqrt(2 N) of it) more; but at most half of the spread.
    errors: float = 3.0
    largest_noise: float = 0.5
    # The share of what is left that a smooth function may predict. Of pure noise, 0.02 at most.
    structure: float = 0.05

    def allow(self, grown: Grown, samples: Samples) -> float:
        """The relative error up to which a formula may leave noise."""
        doubt = 1 + self.errors / float(np.sqrt(2 * grown.judges))
        noise = doubt * grown.held_out / samples.spread
        return max(self.exact, min(noise, self.largest_noise))

    def judge(self, found: Found, tolerance: float, given: bool) -> Verdict:
        """Whether a formula is exact, leaves noise, or is only the nearest."""
        white = found.structure is not None and found.structure < self.structure
        if found.error < (tolerance if given else self.exact if white else self.rounding):
            return Verdict.EXACT
        if not given and white and found.error < tolerance:
            return Verdict.WITHIN_NOISE
        return Verdict.NEAREST


def fit(table: Mapping[str, Any], target: str, **keywords: Unpack[FitKeywords]) -> Fitted:
    """Fit a KAN to a table, with grid extension while held-out samples gain, and find a formula.

    Args:
        table: columns (N,) by name.
        target: the column to explain.
        **keywords: as the fields of `FitOptions`: variables, widths, basis, steps, formula,
            tolerance, seconds, units, seed, report.

    Raises:
        KanpdeError: for columns that are missing, not finite or constant, too few samples, or an
            option that there is not.
    """
    options = read_options(keywords)
    samples = select_columns(table, target, options.variables)
    count = len(np.ravel(table[target]))
    if len(samples.y) < count:
        options.report(f"{count - len(samples.y)} of {count} rows have gaps and are left out")
    order = np.random.default_rng(options.seed).permutation(len(samples.y)).tolist()
    growth, policy = GrowthPolicy(), FormulaPolicy()
    grown = grow_network(samples, split_rows(samples, order, growth.held_out), options, growth)
    given = options.tolerance is not None
    tolerance = policy.allow(grown, samples) if options.tolerance is None else options.tolerance
    found: list[Found] = []
    if options.formula:
        found = _find_formulas(samples, order[: policy.rows], grown, options, policy)
    verdict = policy.judge(found[0], tolerance, given) if found else Verdict.NONE
    return Fitted(
        samples.names, target, grown.network, grown.held_out, grown.training, samples.spread,
        tuple(found[: policy.kept]), tolerance, verdict, tuple(found),
    )  # fmt: skip


def _find_formulas(
    samples: Samples, rows: Sequence[int], grown: Grown, options: FitOptions, policy: FormulaPolicy
) -> list[Found]:
    """Formulas, the best first: sparse sums and expression trees, then a sparse network."""
    x, y, names = samples.x[rows], samples.y[rows], samples.names
    given = options.tolerance is not None
    exact = policy.exact if options.tolerance is None else options.tolerance
    misfit = grown.held_out / samples.spread
    noisy = not given and misfit > policy.clean
    options.report("looking for a formula" + (" in noise" if noisy else ""))
    how = FindOptions(
        seconds=options.seconds, noisy=noisy, exact=min(exact, FindOptions.exact),
        units=_read_units(samples, options.units), report=options.report,
    )  # fmt: skip
    found = find_formulas(x, y, names, how)
    if not found and options.units:
        options.report(f"no formula of pure numbers has the units of {samples.target}")
    if found and found[0].error < exact:
        if not given and found[0].error > policy.rounding:
            found[0] = add_structure(found[0], x, y, make_symbols(names))
        if policy.judge(found[0], exact, given) is Verdict.EXACT:
            return found
    if noisy:
        limit = policy.allow(grown, samples)
        good = [f for f in found if policy.judge(f, limit, given) is not Verdict.NEAREST]
        if good:
            return [*good, *(f for f in found if f not in good)]
    if misfit < policy.clear and len(names) > 1 and not options.units:
        options.report("looking for a formula in a sparse network")
        other = compose(x, y, names, ComposeOptions(exact=0.1 * exact), report=options.report)
        if other is not None and (not found or other.error < found[0].error):
            found.insert(0, add_structure(other, x, y, make_symbols(names)))
    return found


def _read_units(samples: Samples, units: Sequence[tuple[str, str]]) -> tuple[Dimension, ...] | None:
    """The units of the variables and then of the target; None where none are given.

    Raises:
        KanpdeError: for a column without units, or a name that is not one of the columns.
    """
    if not units:
        return None
    given = dict(units)
    columns = (*samples.names, samples.target)
    for name in given:
        if name not in columns:
            raise KanpdeError(
                f"units of `{name}`: there is no such column; there are {', '.join(columns)}"
            )
    missing = [name for name in columns if name not in given]
    if missing:
        raise KanpdeError(f"there are no units of {', '.join(missing)}; `1` is a pure number")
    return tuple(read_unit(given[name]) for name in columns)
