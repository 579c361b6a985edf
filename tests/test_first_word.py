"""A command says something before what runs it is imported, which takes seconds."""

import os
import pty
import subprocess
import sys


def test_a_terminal_sees_a_word_before_torch_is_imported() -> None:
    """The word comes before the answer and is wiped away; nothing of it is in a pipe."""
    master, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "kanpde", "list"],
        stderr=terminal,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    os.close(terminal)
    shown = os.read(master, 1000).decode()
    os.close(master)
    assert shown.startswith("starting ...")
    assert shown.rstrip(" ").endswith("\r")
    assert "starting" not in done.stdout


def test_a_log_has_no_such_word() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kanpde", "list"], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
