"""A Gauss-Newton step by orthogonal transformations of J, for directions that J^T J does not see.

J^T J holds nothing below 1e-8 of its largest singular value. A steady front of Burgers's equation
is held in place by a residual of e^-20 of its own size: a step from J^T J with the damping 1e-11
moved it by 1e-3 where it was off by 0.67.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import qr, solve_triangular
from torch import Tensor

from kanpde.arrays import Array
from kanpde.optim.normal import NormalEquations


def orthogonal_step(normal: NormalEquations, damping: float) -> tuple[Tensor, float] | None:
    """The step x (P,) that minimises |J x + r|^2 + damping |x|_D^2, and the share of |r|^2 left.

    D is the diagonal of J^T J, as in `gauss_newton`; dampings down to 1e-24 make sense. It takes
    2 n P^2 operations, four times those of J^T J. None where J is not finite.
    """
    residual, scale = normal.residual, normal.scale.sqrt()
    columns = torch.cat([normal.jacobian / scale[:, None], residual[None]]).T.cpu().numpy()
    if not np.isfinite(columns).all() or not residual.any():
        return None
    count = normal.size
    upper = _triangle(columns)[: count + 1]
    floor = np.sqrt(damping) * np.eye(count, count + 1)
    damped = _triangle(np.vstack([upper, floor]))
    step = -solve_triangular(damped[:count, :count], damped[:count, count], check_finite=False)
    found = torch.from_numpy(step).to(scale) / scale
    left = residual + normal.push(found)
    return found, min(float(left @ left) / float(residual @ residual), 1.0)


def _triangle(columns: Array) -> Array:
    """R of Q R, (min(n, k), k)."""
    (found,) = qr(columns, mode="r", overwrite_a=True, check_finite=False)
    return np.asarray(found)[: columns.shape[1]]
