"""Networks with more parameters than rows, from start to end."""

import pytest
from test_quasi_newton import decay

import kanpde
from kanpde import LeastSquares, Plan, Sampling


@pytest.mark.usefixtures("one_thread")
def test_a_network_of_thirty_thousand_parameters_is_trained() -> None:
    """Adam and L-BFGS reach 7e-5 in 120 steps that take four times as long."""
    plan = Plan(
        widths=(60, 60, 60), stages=(LeastSquares(steps=12),), sampling=Sampling(points=200)
    )
    solution = kanpde.solve(decay(), plan)
    assert solution.network.parameter_count == 29_461
    assert solution.errors["u"].rel_l2 < 3e-6
    assert solution.estimate is not None
    assert solution.estimate < 1e-4
