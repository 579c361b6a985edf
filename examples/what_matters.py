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
parser.add_argument("--points", type=int, default=3000, help="collocation points")
parser.add_argument("--budget", type=float, default=300.0, help="seconds for each")
parser.add_argument("--seeds", type=int, default=1, help="the worst of so many is shown")
options = parser.parse_args()

problem = kanpde.load_problem(options.problem)
sampling = Sampling(points=options.points)
default = Plan(
    stages=(LeastSquares(steps=options.steps, patience=options.steps),),
    sampling=sampling,
    budget=options.budget,
    tolerance=0,
)
plans = {
    "the default": default,
    "trained walls": replace(default, enforce=False),
    "trained, unbalanced walls": replace(default, enforce=False, balance=False),
    "even points": replace(default, sampling=replace(sampling, focus=inf)),
    "the same points in all steps": replace(
        default, sampling=replace(sampling, every=options.steps)
    ),
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
    row = f"{name:28}  {solution.parameters:5} parameters  {solution.steps:4} steps"
    print(f"{row}  relative L2 error {worst:.1e}", flush=True)
