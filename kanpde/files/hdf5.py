"""HDF5 files that others wrote, opened for reading."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import h5py

from kanpde.errors import KanpdeError


@contextmanager
def read_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """An HDF5 file, open while the block reads it.

    Raises:
        KanpdeError: the file cannot be read. Of a damaged one, h5py raises OSError, RuntimeError,
            KeyError and ValueError, here or at any access below it.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except KanpdeError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise KanpdeError(
            f"{os.fspath(path)} is not an HDF5 file, or it is damaged ({error})"
        ) from error
