"""From a random medium to the pressure in it: learn the solution operator of Darcy's equation.

A classical solver makes the samples; a Fourier operator with KAN maps learns from them on a grid
of 16 x 16 points, and answers on one of 32 x 32 that it has never seen.

python examples/learn_operator.py --budget 60
"""

import argparse
import time

from kanpde.operator import FNO, Darcy, Training, evaluate, learn_operator

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--samples", type=int, default=500, help="training samples")
parser.add_argument("--width", type=int, default=16, help="channels of the network")
parser.add_argument("--budget", type=float, default=60.0, help="seconds of training")
options = parser.parse_args()


def samples(split, count, resolution):
    return Darcy().generate(split, count, resolution, seed=0, report=lambda done: None)


operator = learn_operator(
    samples("train", options.samples, 16),
    FNO(width=options.width),
    Training(budget=options.budget),
    report=lambda look: print(f"epoch {look.epoch}: held-out error {look.validation:.2e}"),
)

for resolution in (16, 32):
    test = samples("test", 40, resolution)
    start = time.perf_counter()
    operator(test)
    each = 1e3 * (time.perf_counter() - start) / len(test)
    error = evaluate(operator, test)["u"]["rel_l2"]
    print(f"{resolution} x {resolution}: relative error {error:.2e}, {each:.1f} ms for each sample")
