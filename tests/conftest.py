"""Settings that all tests share."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Two workers with two threads each wait for each other on two cores. This has to stand before
# the first import of numpy and torch, which read it once; processes that tests start inherit it.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# The same examples in every run; `--hypothesis-profile explore` looks for new ones.
settings.register_profile("kanpde", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("kanpde")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """`-n auto` is one worker for each core, and none for a few tests that are called by name.

    Workers of their own would import torch first, which takes longer than most tests.
    """
    named = config.option.keyword or any("::" in each for each in config.args)
    return 0 if named else None


@pytest.fixture
def one_thread() -> Iterator[None]:
    """For tests of many tiny operations: threads that wait for each other take most of the time."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
