"""Silent false answers: jumps that derivatives lose, contradictions, solutions that are not unique.

The cases are those that were once solved as other problems, or "converged" to one answer of many.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from kanpde import Box, Condition, Energy, KanpdeError, Problem, cos, d, exp, sin, tanh, where
from kanpde.symbols.expression import Expression

BOX = Box(x=(0, 1), t=(0, 2))
x, t = BOX.axes


def problem(*residuals: Callable[..., Any], fields: str = "u", **options: Any) -> Problem:
    """Equations in the interior of BOX."""
    conditions = [Condition(f"law {k}", BOX, r) for k, r in enumerate(residuals)]
    return Problem(BOX, fields, conditions, **options)


# --- jumps ----------------------------------------------------------------------------------

K = where(x < 0.5, 1, 10)


@pytest.mark.parametrize(
    ("residual", "place"),
    [
        (lambda u: d(K * d(u, x), x) + 1, "where(x < 0.5, 1, 10) jumps where x - 0.5 = 0"),
        (lambda u: d(u, t) - d(u, x, x) - d(abs(x - 0.5), x, x), "jumps where x - 0.5 = 0"),
        (lambda u: d(u, t) - d(where(x < 0.5, 0, 1), x), "where(x < 0.5, 0, 1)"),
        (lambda u: d(where(u < 0.3, 1, 10) * d(u, x), x), "jumps where u - 0.3 = 0"),
        (lambda u: d(abs(u), x, x), "sign(u) jumps where u = 0"),
        (lambda u: d(where(x**2 + t**2 < 0.25, 1, 2) * d(u, x), x), "x**2"),
        (lambda u: d(u, t) - d(where(x < t, sin(x), 1 + sin(x)), t), "jumps where t - x"),
        (lambda u: d(u, t) - d(where(x < 0.2, 0, where(x < 0.7, 1, 1 + x)), x), "x"),
        (lambda u: u - d(where(x < 0.5, 0.5 - x, x - 0.5), x, x), "x - 0.5"),
        (lambda u: d(where(u > 1000, 3, 4) * u, t), "u - 1000"),
    ],
)
def test_a_derivative_of_a_jump_is_refused(residual: Callable[..., Any], place: str) -> None:
    with pytest.raises(KanpdeError, match='condition "law 0"') as caught:
        problem(residual)
    assert place in str(caught.value)
    assert "a field of its own" in str(caught.value)


@pytest.mark.parametrize(
    "residual",
    [
        lambda u: d(abs(x - 0.5) * u, x) - u,
        lambda u: d(u, x, x) - where(x < 0.5, 1, 10),
        lambda u: d(where(x < 0.5, x, 0.5) * d(u, x), x),  # a kink in the coefficient
        lambda u: d(abs(x - 0.5) ** 3 * u, x, x),
        lambda u: d(u * abs(u), x, x) + u,  # u |u| has a continuous slope
        lambda u: d(where(x < 5, 1, 2) * d(u, x), x),  # outside of the box
        lambda u: d(where(t < 1, 1, 2) * d(u, x), x),  # x does not cross it
        lambda u: d(where(u > 0, u**2, -(u**2)) + exp(u), x),
        lambda u: d(tanh((x - 0.5) / 1e-3) * d(u, x), x),  # steep is not a jump
        lambda u: d(where(x < 0.5, (x - 0.5) ** 2, 0) * d(u, x), x),
    ],
)
def test_what_is_continuous_may_be_differentiated(residual: Callable[..., Any]) -> None:
    problem(residual)


def test_derivatives_of_kinks_to_the_second_power_hold_no_dirac() -> None:
    assert "Dirac" not in str(d(abs(x - 0.5) ** 3, x, x).sympy)


def test_jumps_in_derived_outputs_energies_and_lifts_are_refused() -> None:
    law = lambda u: d(u, t) - d(u, x, x)  # noqa: E731
    with pytest.raises(KanpdeError, match=r'derived "flux".*jumps where x - 0.5'):
        problem(law, derived={"flux": lambda u: d(K * d(u, x), x)})
    with pytest.raises(KanpdeError, match=r'"strain": its Euler-Lagrange equation.*jumps'):
        Problem(BOX, "u", [Energy("strain", BOX, lambda u: K * d(u, x) ** 2 / 2 - u)])
    with pytest.raises(KanpdeError, match=r'lift "u": the equations hold u_xx; sign.*jumps'):
        problem(law, lift={"u": abs(x - 0.5)})
    problem(lambda u: d(u, t) - d(u, x), lift={"u": abs(x - 0.5)})


def test_a_mended_flux_is_taken() -> None:
    mended = problem(lambda u, q: (q - K * d(u, x), d(q, x) + 1), fields="u q")
    assert len(mended.equations) == 2


def test_jumps_are_decided_quickly() -> None:
    """By numbers: where sin(5 x) exp(t) meets cos(x t) is nothing that SymPy can solve."""
    value = where(sin(5 * x) * exp(t) > cos(x * t), sin(3 * x), abs(sin(7 * x) * exp(t) - 0.3))
    began = time.process_time()
    with pytest.raises(KanpdeError, match="jumps where"):
        d(value, x)
    assert time.process_time() - began < 1
