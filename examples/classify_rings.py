"""Classes of points by their distance from a centre: a network, its accuracy, and a formula.

python examples/classify_rings.py
python examples/classify_rings.py --rows 1000 --noise 0.1
"""

import argparse

import numpy as np

import kanpde

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--rows", type=int, default=400)
parser.add_argument("--noise", type=float, default=0.05, help="of the squared distance")
options = parser.parse_args()

rng = np.random.default_rng(0)
x, y = rng.uniform(-1, 1, (2, options.rows))
distance = x**2 + y**2 + options.noise * rng.standard_normal(options.rows)
kinds = np.where(distance < 0.5, "inner", "outer")

found = kanpde.classify({"x": x, "y": y, "kind": kinds}, "kind")
print(found.text())
print("the centre is", found.predict(x=0.0, y=0.0)[0])
