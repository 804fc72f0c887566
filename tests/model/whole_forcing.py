"""A forcing that names every solute and target, so that all of them share compiled programs."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from tissue.model.forcing import Forcing
from tissue.model.species import SOLUTES, UNCOUPLED
from tissue.model.targets import TARGETS, Concentration

NO_EXCESS = {solute.name: 0.0 for solute in UNCOUPLED}
NO_DRUG: dict[str, Any] = {
    name: np.zeros(1)
    for name, target in TARGETS.items()
    if isinstance(target.action, Concentration)
}


def whole(forcing: Forcing, precision: DTypeLike) -> Forcing:
    """The same forcing, with what it does not name as in health.

    What is named decides the structure of a forcing, and each structure compiles every stage of a
    step anew. test_periodic_box.py has health under a forcing that names little.
    """
    named = replace(
        forcing,
        excess=NO_EXCESS | dict(forcing.excess),
        production=dict.fromkeys(SOLUTES, 1.0) | dict(forcing.production),
        exposure=NO_DRUG | dict(forcing.exposure),
    )
    return jax.tree.map(partial(jnp.asarray, dtype=precision), named)
