"""What was discovered: equations with their uncertainty, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from scipy.integrate import solve_ivp
from scipy.stats import chi2

from kanpde.arrays import Array
from kanpde.dynamics.data import Trajectories
from kanpde.errors import KanpdeError

# Half the width of a 95 % interval, in standard errors.
INTERVAL = 1.96


@dataclass(frozen=True)
class Estimate:
    """One coefficient of one equation with its standard error."""

    state: str
    term: sympy.Expr
    value: float
    error: float


@dataclass(frozen=True)
class Forecast:
    """How a rollout over samples that were kept from the fit went.

    `error` is its root mean square error in units of each state's standard deviation,
    `persistence` that of the last known value.
    """

    samples: int
    error: float
    persistence: float


@dataclass(frozen=True)
class Candidate:
    """One route to the equations, for comparison."""

    route: str
    equations: Mapping[str, sympy.Expr]
    deviance: float
    terms: int
    forecast: Forecast | None


@dataclass(frozen=True)
class Dynamics:
    """dx/dt = f(x, u), discovered: a function, formulas, and how sure they are.

    `covariance` (p, p) belongs to `estimates` in their order; `noise` (n,) is the root mean
    square misfit of each state; `forecast` is None where nothing was held out.
    """

    equations: Mapping[str, sympy.Expr]
    estimates: tuple[Estimate, ...]
    covariance: Array
    data: Trajectories
    noise: Array
    forecast: Forecast | None = None
    route: str = "sparse"
    candidates: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()
    # For each run, and for the held-out part of the first one: columns t and the states.
    path: tuple[Array, ...] = field(default=(), repr=False)
    rollout: Array | None = field(default=None, repr=False)

    @property
    def states(self) -> tuple[str, ...]:
        return self.data.states

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.data.inputs

    @cached_property
    def _compiled(self) -> Any:
        names = [sympy.Symbol(n, real=True) for n in (*self.states, *self.inputs)]
        return sympy.lambdify(names, [self.equations[s] for s in self.states], "numpy", cse=True)

    def __call__(self, x: Array, u: Array | None = None) -> Array:
        """The right-hand side at states x (..., n) and inputs u (..., m), of the shape of x."""
        x = np.asarray(x, dtype=float)
        if x.shape[-1] != len(self.states):
            raise KanpdeError(f"x needs {len(self.states)} columns: {', '.join(self.states)}")
        if self.inputs and (u is None or np.shape(u)[-1] != len(self.inputs)):
            raise KanpdeError(f"u needs {len(self.inputs)} columns: {', '.join(self.inputs)}")
        driven = [] if u is None else list(np.moveaxis(np.asarray(u, dtype=float), -1, 0))
        parts = self._compiled(*np.moveaxis(x, -1, 0), *driven)
        return np.stack([np.broadcast_to(p, x.shape[:-1]) for p in parts], -1)

    def function(
        self, inputs: Callable[[float], Any] | None = None
    ) -> Callable[[float, Array], Array]:
        """f(t, x) as scipy's `solve_ivp` takes it; `inputs` gives u (m,) at a time."""
        if self.inputs and inputs is None:
            raise KanpdeError(f"give the inputs as a function of time: {', '.join(self.inputs)}")

        def f(t: float, x: Array) -> Array:
            return self(x, None if inputs is None else np.atleast_1d(inputs(t)))

        return f

    def simulate(
        self, start: Sequence[float], times: Array, inputs: Callable[[float], Any] | None = None
    ) -> Array:
        """x at `times` (N,) from `start` (n,) at the first of them; NaN after a divergence."""
        times = np.asarray(times, dtype=float)
        out = np.full((len(times), len(self.states)), np.nan)
        size = 1e8 * (np.abs(start).max() + self.data.scale.max())

        def escaped(t: float, x: Array) -> float:
            return float(size - np.abs(x).max())

        escaped.terminal = True  # type: ignore[attr-defined]
        with np.errstate(all="ignore"):
            run = solve_ivp(
                self.function(inputs), (times[0], times[-1]), list(start), t_eval=times,
                method="LSODA", rtol=1e-9, atol=1e-9 * float(self.data.scale.min()),
                events=escaped,
            )  # fmt: skip
        out[: run.y.shape[1]] = run.y.T
        return out

    def sympy(self) -> dict[str, sympy.Expr]:
        """The right-hand sides by state, of real symbols."""
        return dict(self.equations)

    def latex(self) -> str:
        """The equations as an `aligned` block."""
        lines = [
            rf"\dot{{{sympy.latex(sympy.Symbol(s))}}} &= {sympy.latex(_shortened(e))}"
            for s, e in self.equations.items()
        ]
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def text(self) -> str:
        """The equations with 95 % intervals, one for each line."""
        width = max(len(s) for s in self.states)
        return "\n".join(f"{s:>{width}}' = {self._side(s)}" for s in self.states)

    def _side(self, state: str) -> str:
        own = [e for e in self.estimates if e.state == state]
        if not own:
            return str(_shortened(self.equations[state]))
        parts = []
        for e in own:
            sign = "-" if e.value < 0 else "+"
            number = with_interval(abs(e.value), INTERVAL * e.error)
            parts.append(f"{sign} {number}" + ("" if e.term == 1 else f" {_product(e.term)}"))
        return " ".join(parts).removeprefix("+ ")

    def rounded(self) -> Dynamics | None:
        """The same equations with the shortest coefficients that the data cannot tell apart.

        Each is rounded within its 95 % interval; all of them together must stay within the
        joint 95 % region of the covariance. None where they do not, or nothing changes.
        """
        c = np.array([e.value for e in self.estimates])
        errors = np.array([e.error for e in self.estimates])
        if len(c) == 0 or not np.isfinite(errors).all():
            return None
        short = np.array([shortest(v, INTERVAL * s) for v, s in zip(c, errors, strict=True)])
        scale = np.maximum(errors, 1e-300)
        correlation = self.covariance / scale[:, None] / scale
        change = (short - c) / scale
        distance = float(change @ np.linalg.pinv(correlation, rcond=1e-10) @ change)
        if np.array_equal(short, c) or distance > chi2.ppf(0.95, len(c)):
            return None
        estimates = tuple(
            Estimate(e.state, e.term, float(v), e.error)
            for e, v in zip(self.estimates, short, strict=True)
        )
        equations = {
            s: sympy.Add(*(sympy.nsimplify(e.value) * e.term for e in estimates if e.state == s))
            for s in self.states
        }
        return Dynamics(
            equations, estimates, self.covariance, self.data, self.noise, None, "rounded"
        )


def shortest(value: float, width: float) -> float:
    """The number with the fewest digits within `width` of `value`."""
    for digits in range(17):
        candidate = float(f"{value:.{digits}e}")
        if abs(candidate - value) <= width:
            return candidate
        # 2.6667 is rather 8/3 than four digits.
        for denominator in (2, 3, 4, 6) if digits else ():
            near = round(value * denominator) / denominator
            if digits > 1 and near and abs(near - value) <= width:
                return near
    return value


def with_interval(value: float, width: float) -> str:
    """`1.4987 ± 0.0021`, in brackets; digits follow the interval."""
    if not np.isfinite(width):
        return f"({value:.4g} ± ?)"
    if width <= 1e-12 * value:
        return f"{value:.12g}"
    place = int(np.floor(np.log10(width)))
    if -7 < place < 5 and abs(value) < 1e6:
        decimals = max(0, 1 - place)
        return f"({value:.{decimals}f} ± {width:.{decimals}f})"
    digits = int(np.clip(np.floor(np.log10(max(value, width))) - place + 1, 1, 15))
    return f"({value:.{digits}e} ± {width:.1e})"


def _product(term: sympy.Expr) -> str:
    return str(term).replace("**", "^").replace("*", " ")


def _shortened(expression: sympy.Expr, digits: int = 6) -> sympy.Expr:
    """The expression with fewer digits, for people."""
    return expression.xreplace(
        {n: sympy.Float(f"{float(n):.{digits}g}", digits) for n in expression.atoms(sympy.Float)}
    )
