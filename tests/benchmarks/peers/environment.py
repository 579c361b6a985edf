"""Makes the peers' own environment in a folder: `python environment.py FOLDER`.

It is outside of the project, whose environment is left as it is. A second call finishes what is
missing.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def interpreter(folder: Path) -> Path:
    """The environment's Python."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def make(folder: Path) -> Path:
    """Make the environment, or complete it; its Python."""
    python = interpreter(folder)
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-r", REQUIREMENTS], check=True)
    subprocess.run([python, "-c", "import deepxde, jaxkan, kan"], cwd=folder, check=True)
    return python


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python environment.py FOLDER")
    print(make(Path(sys.argv[1])))
