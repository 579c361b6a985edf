"""Signals and kill -9 at random moments, full disks and odd folders: nothing half is left.

The short version of tests/benchmarks/interrupts.py, which interrupts as often as one likes.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kanpde.cli.interrupt import interruptible
from tests.benchmarks import interrupts
from tests.fuzz.folder import make_run

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(os.name != "posix", reason="forks"),
    # A forked child does not use the threads of its parent.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signals")
    make_run(folder)
    return folder / "R"


@pytest.mark.parametrize("number", interrupts.SIGNALS, ids=lambda number: number.name)
def test_an_interrupted_export_leaves_a_whole_folder(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    shutil.copytree(run, tmp_path / "R")
    monkeypatch.chdir(tmp_path)
    kind = next(kind for kind in interrupts.KINDS if kind.name == "export")
    found = interrupts.interrupt(kind, number, 0.05, resume=False)
    assert found.faults == ()
    assert found.folder == "whole"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP], ids=lambda number: number.name)
def test_an_interrupted_solve_leaves_a_folder_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.py").write_text(interrupts.WINDOWS)
    kind = next(kind for kind in interrupts.KINDS if kind.name == "windows")
    found = interrupts.interrupt(kind, number, 1.5, resume=number == signal.SIGKILL)
    assert found.faults == ()


def _within(size: int, *arguments: str) -> tuple[int | None, str]:
    """Run a command whose files cannot grow beyond `size` bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # The child takes the limit over, and this process writes nothing meanwhile.
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        child = interrupts.start(arguments, Path("log"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    code = interrupts.wait(child, interrupts.PATIENCE)
    return code, Path("log").read_text(encoding="utf-8")


@pytest.mark.parametrize("size", [1_000, 4_000])
@pytest.mark.parametrize("form", ["vtkhdf", "xdmf", "csv", "vtu"])
def test_a_full_disk_ends_an_export_in_a_sentence(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, size: int
) -> None:
    shutil.copytree(run, tmp_path / "R")
    before = sorted(os.listdir(tmp_path / "R"))
    monkeypatch.chdir(tmp_path)
    code, said = _within(size, "export", "R", "--format", form)
    assert code == 1
    assert said.startswith("kanpde: ")
    assert said.count("\n") == 1
    assert sorted(os.listdir("R")) == before


def _link(folder: Path) -> None:
    (folder / "R").symlink_to("nowhere")


def _loop(folder: Path) -> None:
    (folder / "R").symlink_to("R")


def _file(folder: Path) -> None:
    (folder / "R").write_text("")


PLACES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a dangling link": (_link, "R"),
    "a link to itself": (_loop, "R"),
    "a file": (_file, "R"),
    "below a file": (_file, "R/S"),
    "a long name": (lambda _: None, "x" * 300),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_folder_that_cannot_be_made_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare, out = PLACES[name]
    prepare(tmp_path)
    before = sorted(os.listdir(tmp_path))
    log = tmp_path.parent / f"log of {tmp_path.name}"
    code = interrupts.wait(interrupts.start(("solve", "poisson", "--out", out), log), 60.0)
    said = log.read_text(encoding="utf-8")
    assert code in (1, 2)
    assert said.startswith("kanpde: ")
    assert said.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupt_that_python_drops_comes_again(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    class Late:
        def __del__(self) -> None:
            signal.raise_signal(number)

    def work() -> None:
        Late()  # what its destructor raises is dropped
        for _ in range(600):
            time.sleep(0.05)

    with pytest.raises(SystemExit) as ended, interruptible():
        work()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "kanpde: interrupted\n"


# Interrupts at random moments of work on two threads. With an executor of the standard library this
# hung after 15 to 57 of them: its threads wait by conditions.
STORM = """
import random, signal
from kanpde.assembly.threads import Threads

def stop(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, stop)
draw, hit = random.Random(0), 0
while hit < 500:
    pool = Threads(2)
    try:
        signal.setitimer(signal.ITIMER_REAL, draw.uniform(1e-5, 1e-3))
        while True:
            assert pool.map(str, range(4)) == ["0", "1", "2", "3"]
    except KeyboardInterrupt:
        hit += 1
    pool.close()
"""


def test_interrupts_do_not_block_work_on_threads() -> None:
    subprocess.run([sys.executable, "-c", STORM], check=True, timeout=300)
