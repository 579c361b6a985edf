"""Settings that all tests share."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

# The same examples in every run; `--hypothesis-profile explore` looks for new ones.
settings.register_profile("kanpde", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("kanpde")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """For tests of many tiny operations: threads that wait for each other take most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
