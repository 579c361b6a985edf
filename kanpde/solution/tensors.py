"""Safetensors files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from kanpde.files.whole import write_whole


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors by name, and texts beside them. Raises OSError for a full disk."""
    try:
        write_whole(path, lambda part: save_file(dict(tensors), part, dict(metadata)))
    except SafetensorError as error:
        # A full disk is not an OSError to safetensors.
        raise OSError(0, f"it cannot be written ({error})", str(path)) from error
