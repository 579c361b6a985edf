"""Damped steps by Q R: those of the normal equations, and those that rounding hides from these."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kanpde.optim.least_squares import LevenbergMarquardt
from kanpde.optim.normal import NormalEquations
from kanpde.optim.triangular import TriangularEquations, sharpen


def form_equations(rows: int, size: int, smallest: float) -> tuple[NormalEquations, torch.Tensor]:
    """Rows with singular values from 1 down, and the step that makes their residual zero."""
    rng = np.random.default_rng(3)
    left, right = (np.linalg.qr(rng.normal(size=(n, size)))[0] for n in (rows, size))
    jacobian = torch.from_numpy(left * np.geomspace(1, smallest, size) @ right.T)
    step = torch.from_numpy(rng.normal(size=size))
    normal = NormalEquations(size, torch.device("cpu"))
    for part in (slice(0, 7), slice(7, None)):
        normal.add(jacobian[part].T.contiguous(), -(jacobian[part] @ step))
    return normal, step


@pytest.mark.parametrize("rows", [60, 14])
def test_the_damped_steps_are_those_of_normal_equations(rows):
    normal, _ = form_equations(60, 20, 1e-2)
    if rows < 20:
        normal, full = NormalEquations(20, torch.device("cpu")), normal
        normal.add(full.jacobian[:, :rows].contiguous(), full.residual[:rows])
    triangular = TriangularEquations(normal)
    moves = []
    for equations in (normal, triangular):
        damped = equations.damped(1e-3)
        assert damped is not None
        first = damped.correct(normal.residual, damped.start())
        second = damped.correct(0.5 * normal.residual, first.step)
        moves.append((first.step, second.step, first.size, second.gain))
    for found, expected in zip(*moves, strict=True):
        assert torch.allclose(torch.as_tensor(found), torch.as_tensor(expected), rtol=1e-9)


def test_small_singular_values_are_not_lost():
    normal, step = form_equations(60, 20, 1e-11)
    damped = TriangularEquations(normal).damped(1e-28)
    found = damped.correct(normal.residual, damped.start()).step
    # Measured 1e-6; J^T J knows nothing of the directions below 1e-8.
    assert float((found - step).norm() / step.norm()) < 1e-3


def test_rows_are_factorised_for_small_dampings_only():
    normal, _ = form_equations(60, 20, 1e-2)
    assert sharpen(normal, 1e-3) is normal
    assert isinstance(sharpen(normal, 1e-15), TriangularEquations)


class Linear:
    """J theta + residual."""

    def __init__(self, normal: NormalEquations) -> None:
        self._normal = normal

    def residual(self, theta: torch.Tensor) -> torch.Tensor:
        return self._normal.residual + self._normal.push(theta)

    def normal(self, theta: torch.Tensor) -> NormalEquations:
        moved = NormalEquations(self._normal.size, torch.device("cpu"))
        moved.add(self._normal.jacobian, self.residual(theta))
        return moved


def test_least_squares_go_on_where_normal_equations_end():
    system = Linear(form_equations(60, 20, 1e-9)[0])
    theta, search = torch.zeros(20, dtype=torch.float64), LevenbergMarquardt(orthogonal=True)
    for _ in range(30):
        theta = search.step(system, theta).theta
    # Measured 2e-32; by normal equations alone 4e-19.
    assert 0.5 * float(system.residual(theta).square().sum()) < 1e-27
