"""NPZ files that others wrote: arrays by name, which hold what they announce."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from kanpde.arrays import AnyArray
from kanpde.errors import KanpdeError
from kanpde.limits import require_memory

# How the names of NPZ files end.
NPZ = ".npz"


def read_npz(path: Path) -> dict[str, AnyArray]:
    """The arrays of an NPZ file by name; nothing in it is executed.

    Raises:
        KanpdeError: the file is damaged, or announces more than it holds or memory takes.
    """
    try:
        _check_sizes(path)
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (
        ValueError,
        OSError,
        EOFError,
        RuntimeError,
        NotImplementedError,
        SyntaxError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        if isinstance(error, KanpdeError):
            raise
        raise KanpdeError(f"{path} is damaged ({error})") from error


def _check_sizes(path: Path) -> None:
    """Raise KanpdeError where an NPZ announces other arrays than it holds, or too large ones."""
    with zipfile.ZipFile(path) as file:
        members = file.infolist()
        require_memory(str(path), float(sum(each.file_size for each in members)))
        for each in members:
            with file.open(each) as member:
                version = np.lib.format.read_magic(member)
                read = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape, _, kind = read(member)
                size = member.tell() + math.prod(shape) * kind.itemsize
            if size != each.file_size:
                raise KanpdeError(
                    f"{path} is damaged: {each.filename} announces {size} bytes and holds "
                    f"{each.file_size}"
                )
