"""The lowest tone of a square drum, in plain PyTorch.

Rayleigh's principle: of all shapes u that are zero on the rim, the lowest tone has the one with
the smallest R(u) = int |grad u|^2 / int u^2, and R is the square of its frequency: 2 pi^2 on the
unit square. The KAN is an ordinary module in an ordinary loop; its jets give the gradient of u.

python examples/own_training_loop.py
"""

import argparse
import time

import numpy as np
import torch

from kanpde import KAN, Chebyshev
from kanpde.network.jet import JetSet

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--budget", type=float, default=20.0, help="seconds of training")
options = parser.parse_args()

# Gauss-Legendre points on [-1, 1]^2, where u_x is half of that on the unit square.
nodes, weights = (torch.from_numpy(each) for each in np.polynomial.legendre.leggauss(20))
points = torch.cartesian_prod(nodes, nodes)
weight = torch.outer(weights, weights).flatten()

network = KAN(
    2, widths=(6,), outputs=1, basis=Chebyshev(6), generator=torch.Generator().manual_seed(0)
)
jets = JetSet.closing([(1, 0), (0, 1)], dimension=2)  # n, n_x and n_y

# u = rim * n is zero on the rim for every network.
x, y = points.T
rim, rim_x, rim_y = (1 - x**2) * (1 - y**2), -2 * x * (1 - y**2), -2 * y * (1 - x**2)


def rayleigh():
    n, n_x, n_y = network.jet(points, jets)[:, :, 0]
    u, u_x, u_y = rim * n, rim_x * n + rim * n_x, rim_y * n + rim * n_y
    return 4 * (weight @ (u_x**2 + u_y**2)) / (weight @ u**2)


def closure():
    optimizer.zero_grad()
    value = rayleigh()
    value.backward()
    return value


optimizer = torch.optim.LBFGS(network.parameters(), line_search_fn="strong_wolfe")
start = time.perf_counter()
for step in range(12):
    value = optimizer.step(closure)
    print(f"step {step:2}: R = {float(value.detach()):.10f}")
    if time.perf_counter() - start > options.budget:
        break

tone = float(rayleigh().detach())
print(f"relative error {abs(tone / (2 * np.pi**2) - 1):.2e}")
