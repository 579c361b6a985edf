"""Sums of many terms that stand for a law outside of the library are doubted."""

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from kanpde.dynamics.ode.doubts import doubt_series
from kanpde.dynamics.ode.library import polynomial_library
from kanpde.dynamics.ode.rhs import Sparse

# Right-hand sides, a start, the final time.
TRUE = {
    "fitzhugh-nagumo": (["1.1*x**2 - x**3 - 0.1*x - y + 0.1", "0.1*x - 0.05*y"], [0.5, 0.0], 60.0),
    "hindmarsh-rose": (
        ["y - x**3 + 3*x**2 - z + 3", "1 - 5*x**2 - y", "0.024*x + 0.0384 - 0.006*z"],
        [-1.0, 0.0, 3.0], 100.0,
    ),
    "double well": (["y", "x - x**3 - 0.2*y + 0.3*x**2 - 0.05"], [1.5, 0.0], 30.0),
    "competition": (
        [
            "x - x**2 - 0.5*x*y - 1.4*x*z",
            "y - y**2 - 0.5*y*z - 1.4*y*x",
            "z - z**2 - 0.5*z*x - 1.4*z*y",
        ],
        [0.2, 0.5, 0.3], 60.0,
    ),
    "pendulum with wind": (["y", "-sin(x) - 0.1*y - 0.02*y**2 + 0.1"], [2.0, 0.0], 30.0),
}  # fmt: skip
# What discover finds for x' = 0.6 - 1.5 x / (0.3 + x) with 1 % of noise, with and without waves.
SERIES = {
    "with cos": (["-15.1 - 2.9*x + 11.4*x**2 - 2.37*x**3 + 15.5*cos(x)"], [2.0], 5.0),
    "powers": (["0.403 - 2.39*x + 2.15*x**2 - 0.858*x**3 + 0.122*x**4"], [2.9], 8.0),
}


def doubt(sides: list[str], start: list[float], end: float, degree: int = 3) -> list[str]:
    """What is said of exact data of a law in a library of some degree with waves."""
    names = ["x", "y", "z"][: len(start)]
    symbols = {name: sympy.Symbol(name, real=True) for name in names}
    expressions = [sympy.expand(sympy.sympify(side, locals=symbols)) for side in sides]
    f = sympy.lambdify(list(symbols.values()), expressions, "numpy")
    run = solve_ivp(lambda t, s: f(*s), (0, end), start, t_eval=np.linspace(0, end, 300), rtol=1e-7)
    library = polynomial_library(names, degree, waves=names)
    pairs, c = [], []
    for i, side in enumerate(expressions):
        for term, value in side.as_coefficients_dict().items():
            pairs.append((i, library.terms.index(term)))
            c.append(float(value))
    return doubt_series(Sparse(library, tuple(pairs), len(names)), np.array(c), run.y.T, names)


@pytest.mark.parametrize("name", TRUE)
def test_laws_of_the_library_are_not_doubted(name: str) -> None:
    assert doubt(*TRUE[name]) == []


@pytest.mark.parametrize("name", SERIES)
def test_series_are(name: str) -> None:
    (sentence,) = doubt(*SERIES[name], degree=4)
    assert sentence.startswith("the equation of x needs")
