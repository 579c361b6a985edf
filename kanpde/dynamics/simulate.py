"""Trajectories of a right-hand side, by SciPy's adaptive integrators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from kanpde.arrays import Array


@dataclass(frozen=True)
class Integrator:
    """How to integrate, and when to give up.

    Args:
        method: a method of `scipy.integrate.solve_ivp`.
        rtol: the relative tolerance of a step.
        atol: the absolute tolerance of a step, in units of the state.
        bound: the trajectory ends where a state exceeds this.
        evaluations: the most calls of the right-hand side. A network may be stiff without bound
            off its data, where an explicit method would creep forward for ever.
    """

    method: str
    rtol: float
    atol: float
    bound: float
    evaluations: int | None = None


def simulate(
    rates: Callable[[float, Array], Array], start: Array, times: Array, by: Integrator
) -> Array:
    """The trajectory at given times.

    Args:
        rates: f(t, x) -> dx/dt, (n,).
        start: the state at the first time, (n,).
        times: where the trajectory is wanted, (N,), increasing.
        by: the integrator.

    Returns:
        The states (N, n); NaN from where the trajectory leaves the bound or cannot be followed.
    """
    times = np.asarray(times, dtype=float)
    start = np.asarray(start, dtype=float)
    out = np.full((len(times), len(start)), np.nan)
    out[:1] = start
    calls = 0

    def limit_calls(t: float, x: Array) -> Array:
        nonlocal calls
        calls += 1
        if by.evaluations is not None and calls > by.evaluations:
            # SciPy's methods end where a rate is not a number.
            return np.full_like(x, np.nan)
        return rates(t, x)

    def room(t: float, x: Array) -> float:
        return by.bound - float(np.abs(x).max())

    room.terminal = True  # type: ignore[attr-defined]
    if len(times) > 1:
        with np.errstate(all="ignore"):
            run = solve_ivp(
                limit_calls, (times[0], times[-1]), start, method=by.method, t_eval=times,
                events=room, rtol=by.rtol, atol=by.atol,
            )  # fmt: skip
        out[: run.y.shape[1]] = run.y.T
    return out
