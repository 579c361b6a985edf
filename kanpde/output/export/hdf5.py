"""HDF5 files that appear whole or not at all, on a full disk as well."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager

import h5py

from kanpde.files.whole import replacing


@contextmanager
def new_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """An empty HDF5 file to fill; it takes the name `path` when the block ends without an error.

    It is made in memory. The HDF5 library keeps what a full disk has refused, tries to write it
    again when Python ends, and then falls with a segmentation fault; an ordinary write says
    OSError instead.
    """
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        yield file
    with replacing(path) as part:
        part.write_bytes(memory.getbuffer())
