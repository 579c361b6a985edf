"""Equations from measured trajectories and fields."""
