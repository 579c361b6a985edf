"""A stage gives way to the extension behind it when its network has given what it can."""

from types import SimpleNamespace
from typing import Any

import pytest

from kanpde.training.growth import either, leaves_room
from kanpde.training.plan import Plan
from kanpde.training.stages.extend import Extend
from kanpde.training.stages.least_squares import LeastSquares

FALLING = [1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5]


def trainer(**changes: Any) -> Any:
    """What `leaves_room` reads of a trainer, with a clock on which a step takes a second."""
    session = SimpleNamespace(
        plan=Plan(), looks=[], step=0, left=1000.0, clock=SimpleNamespace(pace=1.0)
    )
    for name, value in changes.items():
        setattr(session, name, value)
    equations = [SimpleNamespace(condition="sensors", observed=[1.0])]
    return SimpleNamespace(
        session=session,
        network=SimpleNamespace(extensible=True),
        problem=SimpleNamespace(equations=equations),
    )


def run(losses: list[float], read: float = 0.0, **changes: Any) -> int | None:
    """The step at which the stage ends with these losses, one each ten steps; None: it goes on."""
    held = trainer(**changes)
    ended = leaves_room(held, 0)
    assert ended is not None
    for k, loss in enumerate(losses):
        held.session.step = 10 * k
        parts = {"sensors": read * loss, "equation": (1 - read) * loss}
        held.session.looks.append(SimpleNamespace(step=10 * k, loss=loss, losses=parts))
        if ended():
            return 10 * k
    return None


@pytest.mark.parametrize(
    ("losses", "end"),
    [
        (FALLING, None),  # still quick
        ([*FALLING, 8e-6], 60),
        ([*FALLING, 4e-6, 3e-6], 70),
        ([1.0, 0.1, 0.07, 0.06, 0.05, 0.045], None),  # a plateau on the way
        ([1.0, 1e-5, 0.9e-5, 1e-5, 1e-5], 30),  # a stage has thirty steps
    ],
)
def test_a_slow_descent_ends_the_stage(losses: list[float], end: int | None) -> None:
    assert run(losses) == end


def test_without_time_for_steps_of_the_larger_network_it_goes_on() -> None:
    assert run([*FALLING, 8e-6], left=49.0) is None
    assert run([*FALLING, 8e-6], left=51.0) == 60


def test_a_loss_that_is_noise_of_readings_asks_for_no_larger_network() -> None:
    assert run([*FALLING, 8e-6], read=0.5) == 60
    assert run([*FALLING, 8e-6], read=0.95) is None


def test_only_an_extension_that_follows_counts() -> None:
    assert leaves_room(trainer(), 4) is None  # the last stage
    alone = Plan(stages=(LeastSquares(), LeastSquares(), Extend()))
    assert leaves_room(trainer(plan=alone), 0) is None
    assert leaves_room(trainer(plan=alone), 1) is not None
    fixed = trainer()
    fixed.network.extensible = False
    assert leaves_room(fixed, 0) is None


def test_either() -> None:
    assert either(None, None) is None
    both = either(None, lambda: False, lambda: True)
    assert both is not None
    assert both()
