"""Findings on prednisolone, in human bone without other disease."""

from tissue.validation.simulations import Estimate, Estimates, SimulationCache, Trajectory

TRIAL, MARKER = 140.0, 4.0
"""Twenty weeks, and the time at which osteocalcin is lowest [day]."""


def _prednisolone(cache: SimulationCache, dose: str, days: float, every: float) -> Trajectory:
    therapy = [{"drug": "prednisolone", "dose": dose, "every": "1 day"}]
    return cache.run("human", days, every=every, therapy=therapy)


def spine(cache: SimulationCache) -> Estimates:
    """V71: loss in twenty weeks of 10 mg a day."""
    return [_prednisolone(cache, "10 mg", TRIAL, 28).change(TRIAL)]


def osteocalcin(cache: SimulationCache) -> Estimates:
    """V72: formation after four days of 10 and of 20 mg a day, over before."""
    return [_formed(cache, "10 mg"), _formed(cache, "20 mg")]


def _formed(cache: SimulationCache, dose: str) -> Estimate:
    return _prednisolone(cache, dose, MARKER, 1).formation_ratio(MARKER)
