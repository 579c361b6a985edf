"""Least squares of readings on the solutions of equations: sought parameters and their covariance.

The parameters are those of the state (the network of the fields) and those that are sought (unknown
numbers). With the equations A s + B q = -r and the readings D s + E q = -d + noise, linearised, a
change q of what is sought carries the state along the solutions of the equations:

    s = s0 + Z q,    s0 = -A^+ r,    Z = -A^+ B,    A^+ = (A^T A + mu diag)^-1 A^T.

So the readings see q by S = E + D Z, the sensitivities of the solution, and the covariance of q is
(S^T C^-1 S)^-1 (nonlinear regression: Seber & Wild, 1989, ch. 2; with equations as constraints:
Bock, 1987). Neither the weight of the equations nor what A^+ leaves of B stands in it: a covariance
from J^T J of all rows has both, and is too small where the network cannot follow B and too large
where it bends away from the equations. C = 1 + K is the noise and what the equations leave free:

    K = D (w A^T A)^-1 D^T,

w being the number of equations over the square of their residuals. It is zero where the state
follows from the equations, and large along a state that only the readings determine, such as an
initial value that is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, solve_triangular

from kanpde.arrays import AnyArray, Array
from kanpde.optim.evidence import Prior, choose_strengths


@dataclass(frozen=True)
class ConstrainedPolicy:
    """The arithmetic of a constrained step."""

    # Of the diagonal of A^T A. From 1e-14 to 1e-8 the standard error of a conductivity is the same
    # to six digits; with less than 1e-9 the state follows single points.
    damping: tuple[float, ...] = (1e-9, 1e-8, 1e-7)
    # The floor of that diagonal, relative to its largest entry.
    floor: float = 1e-8
    # A change of what is sought, by its own size, that the readings see less than the best seen
    # one by this factor is not seen: S has about six digits.
    unseen: float = 1e-5
    # With priors all directions are seen, down to rounding.
    rounding: float = 1e-14
    # The least information of the readings, beside that of the equations, for a direction of the
    # state to count as free.
    free: float = 0.1


CONSTRAINED_POLICY = ConstrainedPolicy()


@dataclass(frozen=True)
class Rows:
    """Equations and readings, linearised.

    Attributes:
        gram: A^T A of all parameters, (P, P).
        gradient: A^T r, (P,).
        square: r^T r.
        count: the number of equations.
        jacobian: of the readings, (n, P).
        misfit: what the fields are minus what was read, (n,).
        sought: whether a parameter is sought, (P,), bool.
        sizes: by which a sought parameter counts as changed, (q,).
        numbers: whether a sought parameter is a number by itself, (q,), bool.
        priors: what is likely of the sought parameters beforehand.
    """

    gram: Array
    gradient: Array
    square: float
    count: int
    jacobian: Array
    misfit: Array
    sought: AnyArray
    sizes: Array
    numbers: AnyArray
    priors: Sequence[Prior] = ()


@dataclass(frozen=True)
class Fit:
    """A step of least squares on the solutions, with what the readings say.

    Attributes:
        step: of all parameters, (P,).
        misfit: of the readings after it, (n,).
        hat: the part of each reading that the fit takes up, (n,).
        covariance: of the sought parameters, (q, q).
        flat: directions of the sought parameters that no reading sees, (k, q), of unit length by
            `sizes`.
        spread: changes of all parameters, (P, c), whose sum of squares is the covariance.
        shift: the step of the sought parameters, (q,).
        penalty: what the priors add to the sum of squares after the step.
        resolved: the part of each sought parameter that readings determine, (q,).
    """

    step: Array
    misfit: Array
    hat: Array
    covariance: Array
    flat: Array
    spread: Array
    shift: Array
    penalty: float
    resolved: Array


@dataclass(frozen=True)
class Whitened:
    """What the readings say of the sought parameters, in sigmas.

    C = 1 + K by the singular values `sizes` (n,) and the axes (n, n) of a root of K; the
    sensitivities and the same by C^-1, (n, q); the misfit without a change, (n,).
    """

    scale: Array
    axes: Array
    sizes: Array
    sensitivity: Array
    weighted: Array
    offset: Array

    @property
    def inverse_noise(self) -> Array:
        """C^-1, (n, n)."""
        return np.asarray((self.axes.T / (1 + self.sizes**2)) @ self.axes)

    @property
    def information(self) -> Array:
        """S^T C^-1 S, (q, q)."""
        return np.asarray(self.sensitivity.T @ self.weighted)

    @property
    def slope(self) -> Array:
        """S^T C^-1 times the misfit, (q,)."""
        return np.asarray(self.weighted.T @ self.offset)


class Manifold:
    """The solutions of linearised equations, and what readings see of them."""

    def __init__(self, rows: Rows, policy: ConstrainedPolicy = CONSTRAINED_POLICY) -> None:
        """Raises LinAlgError where the equations cannot be factorised."""
        self.rows, self.policy = rows, policy
        state, sought = ~rows.sought, rows.sought
        gram = rows.gram[np.ix_(state, state)]
        factor = _factorise(gram, policy)
        coupling = rows.gram[np.ix_(state, sought)]
        self.start = -cho_solve((factor, True), rows.gradient[state])
        self.follow = -cho_solve((factor, True), coupling)
        seen = rows.jacobian[:, state]
        self.sensitivity = rows.jacobian[:, sought] + seen @ self.follow
        self.offset = rows.misfit + seen @ self.start
        self._factor = factor
        self._free = solve_triangular(factor, seen.T, lower=True)
        # Its root is as large as the readings are many.
        self._root = np.asarray(np.linalg.qr(self._free, mode="r"))
        self._known: tuple[Array, Array, Array] | None = None
        self.weight = rows.count / max(rows.square, 1e-300)

    @property
    def remainder(self) -> Array:
        """What the state cannot follow of a change of each sought parameter, relative, (q,)."""
        state, sought = ~self.rows.sought, self.rows.sought
        coupling = self.rows.gram[np.ix_(state, sought)]
        own = np.diag(self.rows.gram[np.ix_(sought, sought)])
        left = own + (coupling * self.follow).sum(0)
        return np.asarray(np.sqrt(np.clip(left, 0.0, None) / np.maximum(own, 1e-300)))

    def whiten(self, deviations: Array) -> Whitened:
        """The readings in units of these standard deviations, (n,)."""
        scale = 1 / deviations
        # C = 1 + free^T free by singular values: along a state that only the readings determine
        # these are up to 1e7, and a factor of C, whose entries are their squares, would not exist.
        relative = scale / scale[0]
        if self._known is None or not np.array_equal(self._known[0], relative):
            self._known = relative, *_decompose(self._root * relative / np.sqrt(self.weight))
        _, axes, sizes = self._known
        sizes = sizes * scale[0]
        sensitivity = self.sensitivity * scale[:, None]
        weighted = (axes.T / (1 + sizes**2)) @ (axes @ sensitivity)
        return Whitened(scale, axes, sizes, sensitivity, weighted, self.offset * scale)

    def strengths(self, deviations: Array, before: Sequence[float] = ()) -> tuple[float, ...]:
        """The strengths of the priors by their evidence, for these standard deviations (n,)."""
        if not self.rows.priors:
            return ()
        seen = self.whiten(deviations)
        return choose_strengths(seen.information, seen.slope, self.rows.priors, before)

    def fit(self, deviations: Array, strengths: Sequence[float] = ()) -> Fit:
        """The step for readings with these standard deviations, (n,), and priors so strong."""
        seen, priors = self.whiten(deviations), list(zip(self.rows.priors, strengths, strict=True))
        axes, sizes = seen.axes, seen.sizes
        information = seen.information
        inverse, flat = self.invert(information + sum(s * p.matrix for p, s in priors))
        shift = -inverse @ (seen.slope + sum(s * p.slope for p, s in priors))
        left = seen.offset + seen.sensitivity @ shift
        weighted = seen.inverse_noise @ left
        moved = self.start + self.follow @ shift - self._bend(seen.scale * weighted)
        taken = (axes.T * (sizes**2 / (1 + sizes**2))) @ axes
        gain = seen.sensitivity @ inverse @ seen.weighted.T
        loose = (axes.T * sizes**2) @ axes
        penalty = sum(
            s * (p.value + 2 * shift @ p.slope + shift @ p.matrix @ shift) for p, s in priors
        )
        return Fit(
            self._join(moved, shift),
            weighted * deviations,
            np.diag(gain + taken - taken @ gain).copy(),
            inverse,
            flat,
            self._spread(inverse, seen.scale, loose, seen.weighted),
            shift,
            float(penalty),
            np.diag(inverse @ information).copy(),
        )

    def invert(self, information: Array) -> tuple[Array, Array]:
        """The covariance (q, q) on what is seen, and the directions that are not, (k, q)."""
        sizes = self.rows.sizes
        values, vectors = np.linalg.eigh(information * np.outer(sizes, sizes))
        largest = values[-1] if len(values) else 0.0
        if self.rows.priors:
            seen = values > self.policy.rounding * largest
            part = vectors[:, seen] * sizes[:, None]
            inverse = part / values[seen] @ part.T
            # A number whose error is of its own size is not seen.
            wide = self.rows.numbers & (np.diag(inverse) > sizes**2)
            return inverse, np.eye(len(sizes))[wide]
        seen = values > max(self.policy.unseen**2 * largest, 1.0)
        part = vectors[:, seen] * sizes[:, None]
        return part / values[seen] @ part.T, vectors[:, ~seen].T

    def _bend(self, rows: Array) -> Array:
        """(w A^T A)^-1 D^T rows: the change of the state by which it follows readings."""
        moved = solve_triangular(self._factor, self._free @ rows, lower=True, trans=1)
        return np.asarray(moved / self.weight)

    def _spread(self, covariance: Array, scale: Array, loose: Array, whitened: Array) -> Array:
        """Columns (P, c) of a root of the covariance, of what is sought and of a free state."""
        values, vectors = np.linalg.eigh(covariance)
        roots = vectors[:, values > 0] * np.sqrt(values[values > 0])
        follow = self.follow - self._bend(scale[:, None] * whitened)
        columns = [self._join(follow @ root, root) for root in roots.T]
        none = np.zeros(covariance.shape[0])
        for value, vector in zip(*_leading(loose, self.policy.free), strict=True):
            state = self._bend(scale * vector) / np.sqrt(value * (1 + value))
            columns.append(self._join(state, none))
        return np.stack(columns, 1) if columns else np.zeros((len(self.rows.sought), 0))

    def _join(self, state: Array, sought: Array) -> Array:
        whole = np.zeros(len(self.rows.sought))
        whole[~self.rows.sought], whole[self.rows.sought] = state, sought
        return whole


def _leading(matrix: Array, least: float) -> tuple[Array, Array]:
    """The eigenvalues above `least`, and their vectors as rows."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > least
    return values[kept], vectors[:, kept].T


def _decompose(matrix: Array) -> tuple[Array, Array]:
    """All right singular vectors of a matrix (m, n) as rows (n, n); its singular values (n,)."""
    lacking = max(matrix.shape[1] - matrix.shape[0], 0)
    padded = np.pad(matrix, [(0, lacking), (0, 0)])
    _, sizes, axes = np.linalg.svd(padded, full_matrices=False)
    return axes, sizes


def _factorise(gram: Array, policy: ConstrainedPolicy) -> Array:
    """The lower Cholesky factor with the least damping that rounding allows."""
    diagonal = np.diag(gram)
    scale = diagonal + policy.floor * diagonal.max(initial=0.0) + 1e-300
    for damping in policy.damping:
        try:
            return np.asarray(np.linalg.cholesky(gram + np.diag(damping * scale)))
        except LinAlgError:
            continue
    raise LinAlgError("the equations have no positive pivots")
