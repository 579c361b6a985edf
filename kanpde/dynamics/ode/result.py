"""What was discovered: equations with their uncertainty, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from scipy.stats import chi2

from kanpde.arrays import Array
from kanpde.dynamics.agreement import UNTESTED, Judgement
from kanpde.dynamics.data import Trajectories
from kanpde.dynamics.intervals import INTERVAL, shortest, signed_interval
from kanpde.dynamics.simulate import Integrator, simulate
from kanpde.errors import KanpdeError
from kanpde.symbols.expression import rounded


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
    square misfit of each state; `forecast` is None where nothing was held out. `judgement` says
    whether what the equations leave is noise; `conserved` are quantities that stay constant along
    their solutions.
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
    # Why the equations may not be the law, though they explain the data.
    warnings: tuple[str, ...] = ()
    # For each run, and for the held-out part of the first one: columns t and the states.
    path: tuple[Array, ...] = field(default=(), repr=False)
    rollout: Array | None = field(default=None, repr=False)
    judgement: Judgement = UNTESTED
    conserved: tuple[sympy.Expr, ...] = ()

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
        """The states at given times.

        Args:
            start: the state at the first time, (n,).
            times: increasing, (N,).
            inputs: gives the inputs (m,) at a time.

        Returns:
            The states (N, n); NaN from where they diverge.

        Raises:
            KanpdeError: the system has inputs, and they are not given.
        """
        scale = self.data.scale
        by = Integrator(
            "LSODA", rtol=1e-9, atol=1e-9 * float(scale.min()),
            bound=1e8 * (np.abs(start).max() + scale.max()),
        )  # fmt: skip
        return simulate(self.function(inputs), np.asarray(start, dtype=float), times, by)

    def sympy(self) -> dict[str, sympy.Expr]:
        """The right-hand sides by state, of real symbols."""
        return dict(self.equations)

    def latex(self) -> str:
        """The equations as an `aligned` block."""
        lines = [
            rf"\dot{{{sympy.latex(sympy.Symbol(s))}}} &= {sympy.latex(rounded(e))}"
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
            return str(rounded(self.equations[state]))
        parts = []
        for e in own:
            number = signed_interval(e.value, e.error)
            parts.append(number + ("" if e.term == 1 else f" {write_product(e.term)}"))
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


def write_product(term: sympy.Expr) -> str:
    """A term as it is printed: x^2 y, with six digits of the numbers inside."""
    return str(rounded(term)).replace("**", "^").replace("*", " ")
