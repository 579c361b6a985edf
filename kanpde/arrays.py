"""The type of every array of numbers in the house: float64 unless a docstring says otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
# Of any type of number: files hold integers and single precision as well.
AnyArray = np.ndarray[Any, np.dtype[Any]]
