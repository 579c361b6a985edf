"""How often intervals of 95 % hold the truth, over many simulated sets of readings."""
