"""Findings on bone that bears less: mice whose hind limbs hang free, and people in bed."""

from typing import Any

from tissue.validation.simulations import ONE, Estimate, Estimates, SimulationCache

HANGING, WALKING = 21.0, 42.0
"""End of three weeks without load on the hind limbs, and of three weeks of walking [day]."""

IN_BED = 119.0
"""Seventeen weeks [day]."""

UNLOADED = 0.3
"""Forces over the usual ones: muscles still pull (assumption)."""


def hind_limbs(cache: SimulationCache) -> Estimates:
    """V73: loss without load, and change of what is left under load again."""
    hanging = {"from": "0 day", "to": f"{HANGING:g} day", "value": UNLOADED}
    load: dict[str, Any] = {"mechanics": "fe", "factor": [hanging]}
    run = cache.run("mouse", WALKING, every=7, load=load)
    changes = [run.change(time) for time in (HANGING, WALKING)]
    left, after = (Estimate(100 + change.value, change.error) for change in changes)
    return [changes[0], after.over(left).minus(ONE).times(100)]


def bed_rest(cache: SimulationCache) -> Estimates:
    """V74: loss in bed."""
    return [cache.run("human", IN_BED, every=7, load={"factor": UNLOADED}).change(IN_BED)]
