"""KANRegressor and KANClassifier by the rules of scikit-learn, and without it."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import kanpde
from kanpde import KANClassifier, KanpdeError, KANRegressor

pytestmark = pytest.mark.usefixtures("one_thread")
sklearn = pytest.importorskip("sklearn")


def sample(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth function of two of three columns."""
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 3))
    return x, np.sin(3 * x[:, 0]) + x[:, 1] ** 2


@pytest.mark.parametrize("estimator", [KANRegressor(widths=(), steps=3), KANClassifier((), 3)])
def test_the_checks_of_scikit_learn(estimator: object) -> None:
    from sklearn.utils.estimator_checks import check_estimator

    with warnings.catch_warnings():
        # Checks that need pandas or array API modules say that they are skipped.
        warnings.simplefilter("ignore")
        check_estimator(estimator)


def test_a_regressor_predicts_new_rows() -> None:
    fitted = KANRegressor(widths=(), steps=10).fit(*sample(150))
    # Measured: 1 - R^2 of 1e-5.
    assert 1 - fitted.score(*sample(500, 1)) < 1e-3


def test_pipelines_and_searches() -> None:
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = sample(120)
    labels = np.where(y > 0.3, "high", "low")
    pipe = make_pipeline(StandardScaler(), KANClassifier(widths=(), steps=5))
    assert cross_val_score(pipe, x, labels, cv=3).mean() > 0.8
    search = GridSearchCV(pipe, {"kanclassifier__steps": [1, 5]}, cv=2).fit(x, labels)
    assert set(search.predict(x)) == {"high", "low"}
    other = clone(search.best_estimator_)
    assert other[-1].get_params() == search.best_estimator_[-1].get_params()


def test_probabilities_sum_to_one_and_are_told_where_data_end() -> None:
    x, y = sample(200)
    fitted = KANClassifier(widths=(), steps=20).fit(x, np.digitize(y, [0.0, 0.8]))
    chances = fitted.predict_proba(x)
    np.testing.assert_allclose(chances.sum(1), 1)
    assert fitted.classes_.tolist() == [0, 1, 2]
    # Polynomials would grow without bounds beyond the samples.
    edge = np.clip(10 * x, x.min(0), x.max(0))
    np.testing.assert_allclose(fitted.predict_proba(10 * x), fitted.predict_proba(edge))


def test_one_class_is_refused() -> None:
    with pytest.raises(KanpdeError, match="one class only"):
        KANClassifier().fit(np.eye(6), np.zeros(6))


def test_without_scikit_learn() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None; sys.modules['sklearn.base'] = None\n"
        "import numpy as np, kanpde\n"
        "x = np.random.default_rng(0).uniform(-1, 1, (80, 2)); y = x[:, 0] * x[:, 1]\n"
        "fitted = kanpde.KANRegressor(steps=10).set_params(random_state=1).fit(x, y)\n"
        "assert fitted.score(x, y) > 0.9 and fitted.get_params()['steps'] == 10\n"
        "assert kanpde.KANClassifier(steps=10).fit(x, y > 0).score(x, y > 0) > 0.8\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_names_are_public() -> None:
    assert {"KANClassifier", "KANRegressor", "classify"} <= set(kanpde.__all__)
