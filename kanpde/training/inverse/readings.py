"""The readings of a problem: where, what, how noisy, and by which condition."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.build_terms import group_by_region
from kanpde.assembly.noise_weights import KNEE, MEDIAN
from kanpde.assembly.rows import EquationSet, bind
from kanpde.assembly.terms import BoundTerm
from kanpde.network.network import Network
from kanpde.problem.equations import Equation
from kanpde.problem.problem import Problem

# The least sigma that is estimated, relative to the largest reading: rounding.
_LEAST = 1e-15


class Readings:
    """All measured values of a problem, compiled once; group after group.

    A group is what one condition says of one field or derivative; `groups` are the equations.
    """

    def __init__(self, problem: Problem, ansatz: Ansatz, planned: Sequence[Equation] = ()) -> None:
        """`planned` are readings that the problem does not have yet; they come last."""
        own = [e for e in problem.equations if e.observed is not None and not e.inherited]
        own += planned
        self.groups: list[Equation] = []
        self._terms: list[EquationSet] = []
        for group in group_by_region(own):
            self.groups += group
            self._terms.append(EquationSet(problem, ansatz, group))

    @cached_property
    def values(self) -> Array:
        """What was read, (n,)."""
        return np.concatenate([np.asarray(e.observed, float) for e in self.groups])

    @cached_property
    def labels(self) -> Array:
        """The number of the group of each reading, (n,)."""
        return np.repeat(np.arange(len(self.groups)), [len(self._points(e)) for e in self.groups])

    @cached_property
    def places(self) -> Array:
        """The points of the readings, (n, dimension)."""
        return np.concatenate([self._points(e) for e in self.groups])

    @staticmethod
    def _points(equation: Equation) -> Array:
        return equation.region.sample(0, 0).points

    def linearise(self, network: Network) -> tuple[Array, Array]:
        """What the fields are minus what was read, (n,), and its Jacobian (n, P)."""
        misfits, jacobians = [], []
        for term in self._terms:
            points = torch.from_numpy(self._points(term.equations[0])).to(network.like)
            rows = bind(term, network, points)
            found = rows.linearized(network, slice(0, len(points)))
            for residual, cotangent in zip(found.residuals, found.cotangents, strict=True):
                jacobian = residual.new_empty(network.parameter_count, len(residual))
                found.jet.jacobian(cotangent, jacobian)
                misfits.append(residual.cpu().numpy())
                jacobians.append(jacobian.T.cpu().numpy())
        return np.concatenate(misfits), np.concatenate(jacobians)

    def rows(self, network: Network, deviations: Array) -> list[BoundTerm]:
        """The readings as rows in units of their standard deviations (n,)."""
        parts = np.split(1 / deviations, np.cumsum([len(self._points(e)) for e in self.groups]))
        found: list[BoundTerm] = []
        for term in self._terms:
            points = torch.from_numpy(self._points(term.equations[0])).to(network.like)
            weights = [torch.from_numpy(parts.pop(0)).to(network.like) for _ in term.equations]
            found.append(term.at(network, points, weights))
        return found

    def first_deviations(self, misfit: Array) -> Array:
        """Standard deviations (n,) to begin with: those stated, or the misfit's."""
        return self.deviations(misfit, np.zeros_like(misfit))

    def deviations(self, misfit: Array, hat: Array) -> Array:
        """Standard deviations (n,) by groups, outliers of robust groups with larger ones.

        `hat` is the part of each reading that the fit takes up: what is left of the noise of n
        readings is that of n - sum(hat).
        """
        found = np.empty_like(misfit)
        for k, equation in enumerate(self.groups):
            at = self.labels == k
            own = misfit[at]
            sigma = self._sigma(equation, own, float(hat[at].sum()))
            if equation.robust:
                size = np.abs(own) / sigma
                sigma = sigma * np.sqrt(np.maximum(size / KNEE, 1.0))
            found[at] = sigma
        return found

    def _sigma(self, equation: Equation, misfit: Array, taken: float) -> Array:
        if equation.sigma is not None:
            return np.asarray(equation.sigma, float)
        free = max(len(misfit) - taken, 1.0)
        if equation.robust:
            share = np.sqrt(len(misfit) / free)
            size = float(np.median(np.abs(misfit))) / MEDIAN * share
        else:
            size = float(np.sqrt(np.square(misfit).sum() / free))
        least = _LEAST * float(np.abs(self.values).max(initial=0.0)) + 1e-300
        return np.full(len(misfit), max(size, least))
