"""How steep is the shock? Derivatives of a Burgers run, by their names.

kanpde solve burgers --out runs/shock
python examples/look_at_derivatives.py runs/shock
"""

import argparse
import json
from pathlib import Path

import numpy as np

import kanpde
from kanpde.reference import cole_hopf

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("run", type=Path, help="the folder of a Burgers run")
options = parser.parse_args()

solution = kanpde.load(options.run)
nu = json.loads((options.run / "run.json").read_text())["parameters"]["nu"]

# Points are rows, their columns in the order of the box's axes: x, t.
times = np.linspace(0, 1, 401)
points = np.stack([np.zeros_like(times), times], axis=1)
found = solution.evaluate(points, derivatives=["u_x", "u_xx", "u_t"])

# The equation, put together again from its parts.
residual = found["u_t"] + found["u"] * found["u_x"] - nu * found["u_xx"]
print(f"largest |u_t + u u_x - nu u_xx| at x = 0: {np.abs(residual).max():.1e}")

# Basdevant et al. (1986) give 152.00516 at t = 0.5105 for nu = 0.01 / pi.
steepest = np.abs(found["u_x"]).argmax()
small = 1e-5
right, left = (cole_hopf(nu).evaluate(x=side, t=times)["u"] for side in (small, -small))
exact = np.abs(right - left).max() / (2 * small)
slope = abs(found["u_x"][steepest])
print(f"steepest slope {slope:.5f} at t = {times[steepest]:.4f}, exact {exact:.5f}")
print(f"relative error {abs(slope / exact - 1):.2e}")
