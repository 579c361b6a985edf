"""KANRegressor and KANClassifier: tables by the interface of scikit-learn.

scikit-learn is not needed: where it is installed, the estimators inherit its base classes, so that
pipelines, cross validation and searches over settings take them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from kanpde.arrays import AnyArray, Array
from kanpde.checks import read_reals
from kanpde.errors import KanpdeError
from kanpde.symbolic.classifier import (
    ClassifierPolicy,
    choose_classifier,
    predict_probabilities,
)
from kanpde.symbolic.columns import Samples
from kanpde.symbolic.grow import GrowthPolicy, grow_network, split_rows
from kanpde.symbolic.options import FitOptions

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:

    class BaseEstimator:  # type: ignore[no-redef]
        """Parameters by name, as in scikit-learn."""

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            """The arguments that the estimator was made with."""
            return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

        def set_params(self, **params: Any) -> Any:
            """Change them; raises KanpdeError for a name that there is not."""
            for name, value in params.items():
                if name not in self.get_params():
                    raise KanpdeError(f"{type(self).__name__} has no parameter `{name}`")
                setattr(self, name, value)
            return self

    class ClassifierMixin:  # type: ignore[no-redef]
        """The mean accuracy as the score."""

        predict: Callable[[Any], AnyArray]

        def score(self, X: Any, y: Any) -> float:
            """The share of the rows of X whose class is y."""
            return float(np.mean(self.predict(X) == np.asarray(y)))

    class RegressorMixin:  # type: ignore[no-redef]
        """R^2 as the score."""

        predict: Callable[[Any], AnyArray]

        def score(self, X: Any, y: Any) -> float:
            """1 - the mean square error over the variance of y."""
            y = np.asarray(y, dtype=float)
            return float(1 - np.mean((self.predict(X) - y) ** 2) / np.var(y))

    def validate_data(estimator: Any, X: Any, y: Any = None, reset: bool = True, **_: Any) -> Any:
        """X as (N, V) finite numbers, with y (N,) if it is given."""
        points = read_reals("X", X)
        if points.ndim != 2 or not np.isfinite(points).all():
            raise KanpdeError("X has to be a table (N, V) of finite numbers")
        if reset:
            estimator.n_features_in_ = points.shape[1]
        elif points.shape[1] != estimator.n_features_in_:
            raise KanpdeError(
                f"X has {points.shape[1]} columns; the fit had {estimator.n_features_in_}"
            )
        return points if y is None else (points, np.asarray(y).ravel())

    def check_is_fitted(estimator: Any) -> None:
        """Raises KanpdeError before `fit`."""
        if not hasattr(estimator, "n_features_in_"):
            raise KanpdeError(f"call fit of this {type(estimator).__name__} first")

    def check_classification_targets(y: Any) -> None:
        """Any labels will do."""


_ENOUGH = {"ensure_min_samples": 5}


class KANRegressor(RegressorMixin, BaseEstimator):
    """A KAN for a table, whose grid and widths are chosen by samples that did not train it.

    Args:
        widths: hidden layers; by default none for one variable, (6, 6) for more, and smaller
            ones where these learn the samples by heart.
        steps: least-squares steps for each basis.
        held_out: the share of samples that choose.
        random_state: seed of the first coefficients and of that choice.
    """

    def __init__(
        self,
        widths: tuple[int, ...] | None = None,
        steps: int = 60,
        held_out: float = 0.2,
        random_state: int | None = 0,
    ) -> None:
        self.widths = widths
        self.steps = steps
        self.held_out = held_out
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> KANRegressor:
        """Train at X (N, V) with values y (N,)."""
        x, values = validate_data(
            self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=5
        )
        values = np.asarray(values, dtype=float)
        low, high = x.min(0), x.max(0)
        self.columns_ = np.flatnonzero(high > low)
        self.low_, self.high_ = low[self.columns_], high[self.columns_]
        self.constant_ = float(values.mean())
        self.network_ = None
        if len(self.columns_) and np.ptp(values) > 0:
            names = tuple(f"x{k}" for k in self.columns_)
            samples = Samples(names, "y", np.ascontiguousarray(x[:, self.columns_]), values)
            seed = _read_seed(self.random_state)
            order = np.random.default_rng(seed).permutation(len(values)).tolist()
            widths = None if self.widths is None else tuple(self.widths)
            split = split_rows(samples, order, max(self.held_out, 1.01 / len(values)))
            options = FitOptions(widths=widths, steps=self.steps, seed=seed)
            self.network_ = grow_network(samples, split, options, GrowthPolicy()).network
        return self

    def predict(self, X: Any) -> Array:
        """The values at X (M, V), (M,); points beyond the samples' box are moved to its edge."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=np.float64)
        if self.network_ is None:
            return np.full(len(x), self.constant_)
        inside = np.clip(x[:, self.columns_], self.low_, self.high_)
        with torch.no_grad():
            return np.asarray(self.network_(torch.from_numpy(inside))[:, 0].numpy())


class KANClassifier(ClassifierMixin, BaseEstimator):
    """A KAN for classes by cross entropy; samples that did not train it choose widths and penalty.

    Args:
        widths: hidden layers; by default none or (4,).
        steps: of L-BFGS for each penalty.
        random_state: seed of the first coefficients and of the choice of samples.
    """

    def __init__(
        self,
        widths: tuple[int, ...] | None = None,
        steps: int = 60,
        random_state: int | None = 0,
    ) -> None:
        self.widths = widths
        self.steps = steps
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> KANClassifier:
        """Train at X (N, V) with the classes y (N,)."""
        x, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_, index = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise KanpdeError(f"y has one class only, {self.classes_[0]}; give two or more")
        default = ClassifierPolicy()
        policy = ClassifierPolicy(
            widths=default.widths if self.widths is None else (tuple(self.widths),),
            steps=self.steps,
        )
        self.network_ = choose_classifier(
            x, index.astype(float), len(self.classes_),
            seed=_read_seed(self.random_state), policy=policy,
        )  # fmt: skip
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class at X (M, V), (M, K)."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=np.float64)
        return predict_probabilities(self.network_, x)

    def predict(self, X: Any) -> AnyArray:
        """The likeliest class at X (M, V), (M,)."""
        chances = self.predict_proba(X)
        return np.asarray(self.classes_[chances.argmax(1)])


def _read_seed(state: Any) -> int:
    """A seed of an integer, of NumPy's generators, or of the operating system for None."""
    if state is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(state, np.random.RandomState):
        return int(state.randint(2**31))
    return int(state)
