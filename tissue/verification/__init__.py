"""Checks of the numerics: closed forms, convergence, and trajectories of other models."""
