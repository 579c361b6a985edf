"""What enters from outside is answered with one sentence where it cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde import (
    Box,
    Chebyshev,
    Condition,
    KanpdeError,
    LeastSquares,
    Plan,
    Problem,
    Sampling,
    Solution,
    d,
    exact,
    observe,
)

BOX = Box(x=(0, 1), t=(0, 1))
x, t = BOX.axes
POINTS = BOX.points(x=[0.1, 0.2], t=[0.1, 0.2])
MASKED = np.ma.masked_array([0.1, 0.2], [True, False])
PLAN = Plan(
    widths=(3,), basis=Chebyshev(3), stages=(LeastSquares(steps=1),), sampling=Sampling(points=30)
)


def pose(**options: Any) -> Problem:
    return Problem(
        BOX,
        "u",
        [
            Condition("heat", BOX, lambda u: d(u, t) - d(u, x, x)),
            Condition("start", BOX.face(t=0), lambda u: u - x),
        ],
        **options,
    )


@cache
def solved() -> Solution:
    return kanpde.solve(pose(), PLAN, progress=False)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: kanpde.save(3, "never"), "give a Solution"),
        (lambda: kanpde.save(solved(), None), "save takes a path, not None"),
        (lambda: kanpde.save(solved(), "a\0b"), r"save takes a path, not 'a\\x00b'"),
        (lambda: kanpde.save(solved(), "/tmp/" + "a" * 300), "cannot be written"),
        (lambda: kanpde.load(None), "load takes a path, not None"),
        (lambda: kanpde.load(b"/tmp"), "load takes a path, not b'/tmp'"),
        (lambda: kanpde.load_problem(None), "load_problem takes a name or a path, not None"),
        (lambda: kanpde.solve(pose(), PLAN, seed=-1), "the seed of solve must be at least 0"),
        (lambda: kanpde.solve(pose(), PLAN, seed=1.5), "the seed of solve must be a whole number"),
        (lambda: kanpde.solve(pose(), PLAN, seed=10**30), "the seed of solve must be at most"),
        (lambda: kanpde.solve(pose(), PLAN, report=3), "report of solve is 3"),
        (lambda: kanpde.solve(pose(), PLAN, save="a"), "save of solve is 'a'"),
        (lambda: solved()(x=np.ones(3), t=np.ones(2)), r"do not broadcast: x \(3,\), t \(2,\)"),
        (lambda: kanpde.table(None, x), r"table\(\.\.\.\) is None"),
        (lambda: kanpde.fit(None, None), "maps names to columns"),
        (lambda: kanpde.fit(np.ones((12, 2)), "y"), "maps names to columns"),
        (lambda: kanpde.classify(3, "y"), "maps names to columns"),
        (lambda: kanpde.formulate(3), "formulate is 3"),
        (lambda: kanpde.Mesh(3), "Mesh takes a path, not 3"),
        (lambda: BOX.points(x=MASKED, t=[0.1, 0.2]), r"points\(\): x holds a value that is masked"),
        (lambda: observe("m", POINTS, u=MASKED), r'observe\("m"\): u holds a value that is masked'),
        (lambda: pose(title=3), "a Problem's title is 3; give a text"),
        (lambda: Box(self=(0, 1)), "'self' cannot name an axis"),
    ],
)
def test_wrong_values_are_answered_in_a_sentence(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(KanpdeError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert not Path("never").exists()


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: x, "is called with x, t: got an unexpected keyword argument 't'"),
        (lambda x, t: np.ones(3), r"returns the shape \(3,\) for coordinates of the shape"),
        (lambda x, t: "a", "holds a value that is not a real number"),
        (lambda x, t: 1j * x, "holds a value that is not a real number"),
        (lambda x, t: None, "returns None"),
    ],
)
def test_a_wrong_reference_is_answered_in_a_sentence(function: Any, says: str) -> None:
    with pytest.raises(KanpdeError, match=rf"the reference exact\(u=\.\.\.\) {says}"):
        exact(u=function).evaluate(x=np.zeros(5), t=np.ones(5))


def test_points_are_read_from_a_tensor_with_a_gradient() -> None:
    points = BOX.points(x=torch.tensor([0.1], requires_grad=True), t=[0.2])
    assert points.coordinates == pytest.approx(np.array([[0.1, 0.2]]))
