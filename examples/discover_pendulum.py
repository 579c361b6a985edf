"""A pendulum with friction, measured with noise: its equations, and a forecast.

python examples/discover_pendulum.py
python examples/discover_pendulum.py --noise 0.05 --out pendulum
"""

import argparse

import numpy as np
from scipy.integrate import solve_ivp

import kanpde
from kanpde.dynamics.report import describe, save_report

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--noise", type=float, default=0.01, help="beside each state's deviation")
parser.add_argument("--samples", type=int, default=400)
parser.add_argument("--out", help="a folder for the report")
options = parser.parse_args()


def pendulum(t, s):
    angle, rate = s
    return [rate, -np.sin(angle) - 0.1 * rate]


t = np.linspace(0, 12, options.samples)
exact = solve_ivp(pendulum, (0, 12), [2.5, 0.0], t_eval=t, rtol=1e-10, atol=1e-10).y.T
noise = np.random.default_rng(0).standard_normal(exact.shape)
measured = exact + options.noise * exact.std(0) * noise

found = kanpde.discover({"t": t, "angle": measured[:, 0], "rate": measured[:, 1]})
print(describe(found))

# The equations are a function for scipy: here from a start that was not measured.
times = np.linspace(0, 10, 101)
ahead = solve_ivp(found.function(), (0, 10), [1.0, 0.5], t_eval=times, rtol=1e-9).y
truth = solve_ivp(pendulum, (0, 10), [1.0, 0.5], t_eval=times, rtol=1e-9).y
error = np.linalg.norm(ahead - truth) / np.linalg.norm(truth)
print(f"from another start, relative error {error:.1e}")
if options.out:
    save_report(found, options.out, lambda x: np.stack(pendulum(0, x.T), -1))
