"""The equations of fields solved from the first samples on: what they forecast, beside the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline

from kanpde.arrays import Array
from kanpde.dynamics.field.equation import FieldSystem
from kanpde.dynamics.field.noise import denoise
from kanpde.dynamics.field.policy import RolloutPolicy
from kanpde.dynamics.field.snapshots import Snapshots
from kanpde.dynamics.field.spaces import Space, Spectral, choose_space
from kanpde.dynamics.field.term import Factor, Piece, Term
from kanpde.errors import KanpdeError
from kanpde.reference.etdrk4 import march

POLICY = RolloutPolicy()


@dataclass(frozen=True)
class Rollout:
    """Fields (Nt, Nx, ...) by name, solved from the first samples without their noise.

    `errors` are the rms of samples less fields at the last time, `still` of samples less those of
    the first time, both in units of the samples' deviation, as is `noise`.
    """

    times: Array
    axes: Mapping[str, Array]
    fields: Mapping[str, Array]
    samples: Mapping[str, Array]
    errors: Mapping[str, float]
    still: Mapping[str, float]
    noise: Mapping[str, float]


def roll_out(found: FieldSystem, data: Snapshots) -> Rollout:
    """The equations solved over the times of the samples.

    On rings by Fourier modes and exponential time differencing; else by the method of lines, with
    the samples without their noise at the ends.

    Args:
        found: the equations.
        data: the samples.

    Raises:
        KanpdeError: the solution grows without bound, or takes too many steps.
    """
    smooth = {name: denoise(u) for name, u in data.fields.items()}
    space = choose_space([each.values for each in smooth.values()], data.axes, _find_highest(found))
    given = {name: space.cut(each.values) for name, each in smooth.items()}
    motion = _Motion(found, space, data, given)
    with np.errstate(all="ignore"):
        first = all(each.order == 1 for each in found.equations)
        fields = (
            motion.march_modes(space)
            if isinstance(space, Spectral) and first
            else motion.march_lines()
        )
    for name, u in fields.items():
        if not np.isfinite(u).all():
            raise KanpdeError(f"solved from the first samples on, {name} grows without bound")
    samples = {name: space.cut(data.fields[name]) for name in found.names}
    deviation = {name: float(np.std(u)) for name, u in samples.items()}

    def compare(u: Array, name: str) -> float:
        return float(np.sqrt(np.mean((samples[name][-1] - u) ** 2))) / deviation[name]

    return Rollout(
        data.times, space.rows, fields, samples,
        {name: compare(fields[name][-1], name) for name in found.names},
        {name: compare(given[name][0], name) for name in found.names},
        {name: smooth[name].noise / deviation[name] for name in found.names},
    )  # fmt: skip


def _find_highest(found: FieldSystem) -> int:
    return max(each.order_in_space for each in found.equations)


@dataclass(frozen=True)
class _Motion:
    """The rates of change of the fields that have equations; others are `given` at all times."""

    found: FieldSystem
    space: Space
    data: Snapshots
    given: Mapping[str, Array]

    @cached_property
    def _curves(self) -> dict[str, CubicSpline]:
        """The given fields as functions of the time."""
        times = self.data.times
        return {name: CubicSpline(times, values) for name, values in self.given.items()}

    def _read_fields(self, s: float, values: Sequence[Array]) -> list[Array]:
        """Every field of the notation at a time, those with equations from `values`."""
        names = self.found.equations[0].notation.fields
        own = dict(zip(self.found.names, values, strict=True))
        out = []
        for name in names:
            if name in own:
                out.append(own[name])
            elif name in self.given:
                out.append(np.asarray(self._curves[name](s)))
            else:
                # Where it is not an axis of space it is the time.
                rows = self.space.rows
                shape = [-1 if axis == name else 1 for axis in rows]
                row = rows[name].reshape(shape) if name in rows else np.array(s)
                out.append(np.broadcast_to(row, values[0].shape))
        return out

    def measure_rates(
        self, s: float, values: Sequence[Array], leave: Sequence[Piece] = ()
    ) -> list[Array]:
        """The right-hand sides, without the pieces to `leave`."""
        fields = self._read_fields(s, values)
        derived: dict[Factor, Array] = {}
        out = []
        for equation in self.found.equations:
            sums: dict[tuple[int, ...], Array] = {}
            for term, c in equation.values_by_term().items():
                for piece in term.pieces:
                    if piece in leave and _is_own(piece, equation.own):
                        continue
                    value = np.full(values[0].shape, c * piece.weight)
                    for factor in piece.factors:
                        if factor not in derived:
                            u = fields[factor.field]
                            derived[factor] = self.space.derive(u, factor.derivative)
                        value = value * derived[factor]
                    sums[piece.outer] = sums.get(piece.outer, 0.0) + value
            parts = [self.space.derive(value, outer) for outer, value in sums.items()]
            out.append(np.asarray(sum(parts, np.zeros(values[0].shape))))
        return out

    def march_modes(self, space: Spectral) -> dict[str, Array]:
        """By exponential time differencing, with more steps until they do not matter."""
        names, times = self.found.names, self.data.times
        shape = self.given[names[0]].shape[1:]
        linear, taken = [], []
        for equation in self.found.equations:
            symbol = np.zeros(shape, complex)
            for piece, c in _list_pieces(equation.values_by_term()):
                if _is_own(piece, equation.own):
                    symbol += c * piece.weight * space.symbol(piece.outer)
                    taken.append(piece)
            linear.append(symbol.ravel())

        def split(modes: Array) -> list[Array]:
            parts = np.split(modes, len(names))
            return [np.fft.ifftn(part.reshape(shape)).real for part in parts]

        def rest(s: float, modes: Array) -> Array:
            rates = self.measure_rates(s, split(modes), taken)
            return np.concatenate([(space.keep * np.fft.fftn(rate)).ravel() for rate in rates])

        start = np.concatenate([np.fft.fftn(self.given[name][0]).ravel() for name in names])
        most = POLICY.work / (start.size * 4 * (len(times) - 1))
        before, steps = None, 1
        while steps <= max(most, 1):
            path = march(
                np.concatenate(linear), rest, start, (float(times[0]), float(times[-1])),
                steps * (len(times) - 1), steps,
            )  # fmt: skip
            try:
                now = np.array([split(modes) for modes in path])
            except KanpdeError:
                now = None
            if before is not None and now is not None:
                change = np.abs(now[-1] - before[-1]).max()
                if change < POLICY.settled * np.std(now[-1]):
                    return dict(zip(names, np.moveaxis(now, 1, 0), strict=True))
            before, steps = now, 2 * steps
        raise KanpdeError(
            "solved from the first samples on, the fields grow without bound or change too fast"
        )

    def march_lines(self) -> dict[str, Array]:
        """By the method of lines; at ends that are no rings the samples hold."""
        names, times = self.found.names, self.data.times
        orders = [equation.order for equation in self.found.equations]
        inner = self.space.inner(self.given[names[0]].shape[1:])
        starts = [self.given[name][0] for name in names]
        starts += [
            self._curves[n](times[0], 1)
            for n, order in zip(names, orders, strict=True)
            if order > 1
        ]
        calls = 0

        def change(s: float, flat: Array) -> Array:
            nonlocal calls
            calls += 1
            if calls * flat.size > POLICY.work:
                raise KanpdeError("solving them from the first samples on takes too many steps")
            parts = flat.reshape(-1, *inner.shape)
            values = [
                np.where(inner, u, self._curves[name](s)) if not inner.all() else u
                for u, name in zip(parts, names, strict=False)
            ]
            rates = self.measure_rates(s, values)
            speeds = iter(parts[len(names) :])
            first = [next(speeds) if k > 1 else r for k, r in zip(orders, rates, strict=True)]
            second = [rate for k, rate in zip(orders, rates, strict=True) if k > 1]
            return np.concatenate([np.where(inner, r, 0.0).ravel() for r in (*first, *second)])

        start = np.concatenate([u.ravel() for u in starts])
        found = solve_ivp(
            change, (times[0], times[-1]), start, "LSODA" if start.size < POLICY.dense else "RK45",
            t_eval=times, rtol=1e-4, atol=1e-5 * float(np.std(start)),
        )  # fmt: skip
        if not found.success:
            raise KanpdeError("solved from the first samples on, the fields grow without bound")
        path = found.y.T.reshape(len(times), -1, *inner.shape)
        return {name: np.where(inner, path[:, k], self.given[name]) for k, name in enumerate(names)}


def _list_pieces(values: Mapping[Term, float]) -> list[tuple[Piece, float]]:
    return [(piece, c) for term, c in values.items() for piece in term.pieces]


def _is_own(piece: Piece, own: int) -> bool:
    """Whether a piece is a derivative of the field itself."""
    return piece.plain and [factor.field for factor in piece.factors] == [own]
