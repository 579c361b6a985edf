"""Which choices matter? One problem, one number of steps, one choice changed at a time.

python examples/what_matters.py poisson
python examples/what_matters.py burgers --steps 150
"""

import argparse
from dataclasses import replace
from math import inf

import kanpde
from kanpde import BSpline, Chebyshev, Fourier, GaussianRBF, LeastSquares, Legendre, Plan, Sampling

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("problem", nargs="?", default="poisson", help="a shipped problem or a file")
parser.add_argument("--steps", type=int, default=80, help="Levenberg-Marquardt steps for each")
parser.add_argument("--budget", type=float, default=120.0, help="seconds for each")
parser.add_argument("--seeds", type=int, default=1, help="the worst of so many is shown")
options = parser.parse_args()

problem = kanpde.load_problem(options.problem)
default = Plan(
    stages=(LeastSquares(steps=options.steps, patience=options.steps),),
    sampling=Sampling(points=3000),
    budget=options.budget,
)
plans = {
    "the default": default,
    "trained walls": replace(default, enforce=False),
    "trained, unbalanced walls": replace(default, enforce=False, balance=False),
    "even points": replace(default, sampling=Sampling(points=3000, focus=inf)),
    "the same points in all steps": replace(default, sampling=Sampling(3000, options.steps)),
    "two layers, degree 8": replace(default, widths=(8, 8), basis=Chebyshev(8)),
    "Legendre": replace(default, basis=Legendre(4)),
    "Fourier": replace(default, basis=Fourier(2)),
    "Gaussians": replace(default, basis=GaussianRBF(4)),
    "B-splines, 2 intervals": replace(default, basis=BSpline(grid_size=2, order=3)),
}
for name, plan in plans.items():
    worst = 0.0
    for seed in range(options.seeds):
        solution = kanpde.solve(problem, plan, seed=seed)
        worst = max(worst, *(error.rel_l2 for error in solution.errors.values()))
    size, steps = solution.parameters, solution.steps
    print(f"{name:28}  {size:5} parameters  {steps:4} steps  relative L2 error {worst:.1e}", flush=True)
