"""KANRegressor and KANClassifier beside an MLP and gradient boosting, with their defaults.

python tests/benchmarks/estimators.py

Five-fold cross validation on data sets of scikit-learn, no setting tuned for any model; columns
are standardised for the MLP. R^2 for numbers, accuracy for classes: mean and standard deviation
of the five folds. Seconds are of CPU time for the five fits.
"""

import os
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from sklearn import datasets, ensemble, neural_network
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kanpde

NUMBERS = {
    "diabetes": datasets.load_diabetes(return_X_y=True),
    "friedman1": datasets.make_friedman1(500, noise=1.0, random_state=0),
}
CLASSES = {
    "breast cancer": datasets.load_breast_cancer(return_X_y=True),
    "wine": datasets.load_wine(return_X_y=True),
}


def main():
    warnings.simplefilter("ignore")
    boosting, net = ensemble, neural_network
    for sets, kan, trees, perceptron, folds in (
        (NUMBERS, kanpde.KANRegressor, boosting.HistGradientBoostingRegressor,
         net.MLPRegressor, KFold),
        (CLASSES, kanpde.KANClassifier, boosting.HistGradientBoostingClassifier,
         net.MLPClassifier, StratifiedKFold),
    ):  # fmt: skip
        models = {
            "KAN": kan(),
            "MLP": make_pipeline(StandardScaler(), perceptron(random_state=0, max_iter=1000)),
            "gradient boosting": trees(random_state=0),
        }
        for name, (x, y) in sets.items():
            for title, model in models.items():
                start = time.process_time()
                split = folds(5, shuffle=True, random_state=0)
                scores = cross_val_score(model, x, y, cv=split)
                seconds = time.process_time() - start
                print(f"{name:14} {title:18} {np.mean(scores):.3f} ± {np.std(scores):.3f} "
                      f"{seconds:6.1f} s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
