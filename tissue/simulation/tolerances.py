"""Tolerances of the linear solves of a run."""

from tissue.scenario.config import RunConfig

TOLERANCE = {"float32": 1e-4, "float64": 1e-6}
"""Relative error of the solves of a step of fixed length, and the smallest of any [1]."""

SOLVER_SHARE = 2.5e-3
"""Relative error of the solves of an adaptive step over the accuracy asked of the run [1/point]: at
0.2 points 5e-4, which costs 0.004 points of 24 in a human year at +3 pM."""

MAX_TOLERANCE = 3e-3

HEALTHY_TOLERANCE = {"float32": 5e-6, "float64": 1e-11}
"""Relative error of the healthy state, which stands still to this [1]."""


def solver_tolerance(config: RunConfig) -> float:
    """Relative error that the solves of a step may leave."""
    least = TOLERANCE[config.run.precision]
    if config.allowed_error is None:
        return least
    return min(max(SOLVER_SHARE * config.allowed_error, least), MAX_TOLERANCE)
