"""PySINDy as its documentation advises, on the trajectories of discovery.py.

Three ways: smoothed finite differences; those with an ensemble of bootstraps and the median of
their coefficients; the weak form. Each is run over a scan of STLSQ's threshold and ridge. One
setting is chosen by the Bayesian information criterion of its own regression; beside it stands
whether any setting had given the exact terms, which nobody can know without the answer.
"""

import warnings
from itertools import product

import numpy as np

THRESHOLDS = np.geomspace(0.01, 1, 13)
RIDGES = (0.05, 1e-6)
# PySINDy prints three digits: what rounds to 0.000 is not counted as a term.
PRINTED = 5e-4


def models(way, t, x, seed):
    """(criterion, right-hand sides as {term: coefficient}) for every setting."""
    warnings.simplefilter("ignore")
    import pysindy

    features, rows, rates = _regression(way, t, x, seed)
    for threshold, ridge in product(THRESHOLDS, RIDGES):
        optimizer = pysindy.STLSQ(threshold=threshold, alpha=ridge)
        if way == "ensemble":
            optimizer = pysindy.EnsembleOptimizer(optimizer, bagging=True, n_models=20)
        np.random.seed(seed)  # noqa: NPY002 - all that PySINDy takes
        c = np.array(optimizer.fit(rows, rates).coef_)
        c[np.abs(c) < PRINTED] = 0
        left = np.mean((rates - rows @ c.T) ** 2, axis=0)
        criterion = len(rows) * np.log(left + 1e-300).sum() + np.log(len(rows)) * np.sum(c != 0)
        sides = [{f: float(v) for f, v in zip(features, row, strict=True) if v} for row in c]
        yield float(criterion), sides


def _regression(way, t, x, seed):
    """The names of the features, their values (K, P) and the rates (K, n)."""
    import pysindy

    library = pysindy.PolynomialLibrary(3) + pysindy.FourierLibrary(1)
    if way == "weak":
        np.random.seed(seed)  # noqa: NPY002 - all that PySINDy takes
        library = pysindy.WeakPDELibrary(function_library=library, spatiotemporal_grid=t, K=400)
    difference = pysindy.SmoothedFiniteDifference()
    model = pysindy.SINDy(feature_library=library, differentiation_method=difference)
    model.fit(x, t=t, feature_names=["x", "y", "z"][: x.shape[1]])
    names = [f.replace("^", "**").replace("(1 ", "(") for f in model.get_feature_names()]
    if way == "weak":
        field = pysindy.AxesArray(x, {"ax_time": 0, "ax_coord": 1})
        rates = model.feature_library.convert_u_dot_integral(field)
        rows = model.feature_library.transform(field)
    else:
        rates, rows = difference(x, t), model.feature_library.transform(x)
    return [n.replace(" ", "*") for n in names], np.asarray(rows), np.asarray(rates)
