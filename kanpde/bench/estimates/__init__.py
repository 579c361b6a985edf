"""How good the estimate of the error is, on many small problems with known answers.

`python -m kanpde.bench.estimates` runs it. The problems stand in a fixed order (`cases`); those at
odd places are held out: no number of the estimate was chosen by looking at them.
"""
