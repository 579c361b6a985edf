"""Settings that all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Two workers with two threads each wait for each other on two cores. This has to stand before
# the first import of numpy and torch, which read it once; processes that tests start inherit it.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# Training frees and asks for the same megabytes in each step. Kept, they are not cleared by the
# kernel each time: 0.1 instead of 0.45 s of its time for 6 steps of Burgers. The workers and the
# processes that tests start read it.
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", "2000000000")
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", "33554432")

# The same examples in every run; `--hypothesis-profile explore` looks for new ones.
settings.register_profile("kanpde", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("kanpde")


# Tests that take more than some seconds of CPU each, one in a line: they run before a release.
LONG = Path(__file__).with_name("long_tests.txt")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also the tests in long_tests.txt")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out, unless they are asked for or called by name."""
    if config.option.long or config.option.keyword or any("::" in each for each in config.args):
        return
    long = set(LONG.read_text(encoding="utf-8").splitlines())
    left_out = [item for item in items if item.nodeid in long]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item.nodeid not in long]


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


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    """Let pictures of solutions be files of one pixel.

    Three pictures take 1.2 s, five times as long as a small solve. tests/test_plot.py draws them,
    and the commands of the README do.
    """
    from PIL import Image

    import kanpde.operator.results
    import kanpde.output.plot

    def blank(*arguments: Any, **options: Any) -> Path:
        (path,) = (Path(a) for a in arguments if str(a).endswith(".png"))
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (1, 1)).save(path)
        return path

    for name in ("plot_solution", "plot_residual", "plot_convergence"):
        patch.setattr(kanpde.output.plot, name, blank)
    for name in ("plot_predictions", "plot_convergence"):
        patch.setattr(kanpde.operator.results, name, blank)


@pytest.fixture(scope="module")
def blank_pictures() -> Iterator[None]:
    """For modules that solve often and do not look at pictures."""
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        yield
