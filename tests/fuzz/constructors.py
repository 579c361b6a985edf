"""Public constructors with right arguments, of which one is replaced by something else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

import kanpde
from kanpde.network.coordinates import Coordinates

_BOX = kanpde.Box(x=(0, 1), t=(0, 1))
_X, _T = _BOX.axes


def _heat(u: Any) -> Any:
    return kanpde.d(u, _T) - kanpde.d(u, _X, _X)


_CONDITIONS = (kanpde.Condition("heat", _BOX, _heat), kanpde.Periodic(_X))
_POINTS = _BOX.points(x=[0.2, 0.5], t=[0.1, 0.2])

# Too few samples: what is right is refused as well, before it takes time.
_LINE = np.linspace(0, 1, 5)
_U = np.sin(_LINE[:, None] + _LINE)
_RUN = {"t": _LINE, "a": np.ones(5)}

RIGHT: tuple[tuple[Callable[..., Any], Mapping[str, Any]], ...] = (
    (kanpde.Box, {"x": (0, 1), "t": kanpde.Interval(0, 2)}),
    (kanpde.Condition, {"name": "heat", "region": _BOX, "residual": _heat, "weight": 1.0}),
    (kanpde.Energy, {"name": "e", "region": _BOX, "density": lambda u: u * u, "weight": 1.0}),
    (kanpde.Periodic, {"axis": _X, "name": "p"}),
    (kanpde.observe, {"name": "data", "points": _POINTS, "weight": 1.0, "u": [1.0, 2.0]}),
    (
        kanpde.Problem,
        {
            "domain": _BOX,
            "fields": "u",
            "conditions": list(_CONDITIONS),
            "reference": kanpde.exact(u=lambda x, t: x),
            "derived": {"w": lambda u: u * u},
            "vectors": {"v": ("u", "w")},
            "units": {"x": "m"},
            "title": "heat",
            "lift": {"u": _X},
        },
    ),
    (kanpde.exact, {"method": "closed form", "gauge": (), "u": lambda x, t: x}),
    (
        kanpde.Reference,
        {"evaluate": lambda x: {"u": x}, "fields": ("u",), "method": "m", "error": 0.0},
    ),
    (
        kanpde.Plan,
        {
            "widths": (4, 4),
            "basis": kanpde.Chebyshev(4),
            "stages": (kanpde.LeastSquares(steps=3),),
            "sampling": kanpde.Sampling(),
            "budget": 1.0,
            "tolerance": 1e-3,
            "enforce": True,
            "balance": True,
            "windows": 1,
        },
    ),
    (kanpde.Sampling, {"points": 100, "every": 10, "focus": 8.0}),
    (kanpde.Adam, {"steps": 10, "rate": 1e-3}),
    (kanpde.LBFGS, {"steps": 10, "history": 5}),
    (kanpde.Broyden, {"steps": 10}),
    (kanpde.LeastSquares, {"steps": 10, "patience": 5, "gain": 0.3}),
    (kanpde.Extend, {"basis": kanpde.Chebyshev(6)}),
    (kanpde.Chebyshev, {"degree": 4}),
    (kanpde.Legendre, {"degree": 4}),
    (kanpde.Fourier, {"modes": 3}),
    (kanpde.BSpline, {"grid_size": 4, "order": 3, "base": True}),
    (kanpde.GaussianRBF, {"centres": 5}),
    (kanpde.MLP, {"widths": (4, 4)}),
    (Coordinates, {"lower": (0.0,), "upper": (1.0,), "periodic": (False,)}),
    (
        kanpde.discover_field,
        {"u": _U, "x": _LINE, "t": _LINE, "order": 1, "powers": 2, "derivatives": 2, "known": {}},
    ),
    (
        kanpde.discover_fields,
        {
            "fields": _U,
            "axes": _LINE,
            "t": _LINE,
            "inputs": (),
            "varying": (),
            "order": 1,
            "powers": 2,
            "derivatives": 2,
            "known": {},
        },
    ),
    (
        kanpde.discover_source,
        {
            "u": _U,
            "x": _LINE,
            "t": _LINE,
            "known": {(1, 2): 0.1},
            "order": 1,
            "powers": 2,
            "degree": 3,
        },
    ),
    (kanpde.train_kanode, {"data": _RUN, "widths": (), "steps": 1, "seed": 0, "basis": None}),
    (_BOX.face, {"t": 0}),
    (_BOX.point, {"x": 0.5, "t": 0.5}),
    (_BOX.points, {"x": [0.1, 0.2], "t": [0.1, 0.2]}),
    (kanpde.Interval, {"lower": 0.0, "upper": 1.0, "role": kanpde.Role.TIME}),
)
WEIRD: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2.5, -0.5, 1e308, 1e-308, 10**400, math.nan, math.inf, "", "a", "u", b"x",
    (), [], {}, set(), (0,), [1, 2, 3], ("a",), {"a": 1}, {3: 3}, 1j, object(), object, len,
    lambda: 0, lambda u: u, np.ones(3), np.ones((2, 2)), np.float64(2), np.array("x"), ..., _X,
    _BOX, kanpde.Chebyshev, kanpde.Chebyshev(2), kanpde.Adam, slice(3), range(3), "x" * 10_000,
)  # fmt: skip


@st.composite
def calls(draw: st.DrawFn) -> tuple[Callable[..., Any], dict[str, Any]]:
    """A constructor and its keywords, one or two of them replaced."""
    make, right = draw(st.sampled_from([pair for pair in RIGHT if pair[1]]))
    given = dict(right)
    for _ in range(draw(st.integers(1, 2))):
        given[draw(st.sampled_from(sorted(given)))] = draw(st.sampled_from(WEIRD))
    return make, given
