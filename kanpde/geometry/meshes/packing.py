"""Arrays as text in JSON: compressed, with their shape, and read back without trust."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import Cells, IntArray

# Numbers of one array at most: what a file claims must not ask for the memory of the world.
_MOST = 60_000_000


def pack(values: Array | IntArray) -> dict[str, Any]:
    """Numbers as text: floats of eight bytes, or whole numbers of four."""
    kind = "f8" if values.dtype.kind == "f" else "i4"
    raw = np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()
    text = base64.b64encode(zlib.compress(raw, 6)).decode("ascii")
    return {"shape": list(values.shape), "type": kind, "data": text}


def unpack(data: Mapping[str, Any]) -> Any:
    """The numbers of `pack`; raises KanpdeError for data that are not of this form."""
    shape = tuple(int(n) for n in data["shape"])
    if any(n < 0 for n in shape) or math.prod(shape) > _MOST or data["type"] not in ("f8", "i4"):
        raise KanpdeError("an array of a mesh has a shape or a type that cannot be")
    kind = np.dtype(f"<{data['type']}")
    wanted = math.prod(shape) * kind.itemsize
    try:
        raw = zlib.decompressobj().decompress(base64.b64decode(data["data"]), wanted + 1)
    except (ValueError, zlib.error) as error:
        raise KanpdeError(f"an array of a mesh is damaged ({error})") from error
    if len(raw) != wanted:
        raise KanpdeError("an array of a mesh has another size than it says")
    values = np.frombuffer(raw, kind).reshape(shape)
    return values.astype(np.float64 if data["type"] == "f8" else np.int64)


def pack_cells(cells: Cells) -> dict[str, Any]:
    """Cells without times as JSON data."""
    return {
        "names": list(cells.names),
        "nodes": pack(cells.nodes),
        "cells": _pack_kinds(cells.cells),
        "parts": {name: _pack_kinds(kinds) for name, kinds in cells.parts.items()},
        "materials": _pack_kinds(cells.materials),
        "regions": list(cells.regions),
    }


def unpack_cells(data: Mapping[str, Any]) -> Cells:
    """The cells of `pack_cells`."""
    return Cells(
        tuple(str(n) for n in data["names"]),
        unpack(data["nodes"]),
        _unpack_kinds(data["cells"]),
        {str(name): _unpack_kinds(kinds) for name, kinds in data["parts"].items()},
        _unpack_kinds(data["materials"]),
        tuple(str(n) for n in data["regions"]),
    )


def _pack_kinds(kinds: Mapping[str, IntArray]) -> dict[str, Any]:
    return {kind: pack(numbers) for kind, numbers in kinds.items()}


def _unpack_kinds(data: Mapping[str, Any]) -> dict[str, IntArray]:
    return {str(kind): unpack(numbers) for kind, numbers in data.items()}
