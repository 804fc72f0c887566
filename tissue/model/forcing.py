"""What disease and therapy do to the tissue during one step.

Concentrations of drugs change within a step, and no response is linear in them: a step takes the
mean of the response over the concentrations that it holds, never the response to their mean.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tissue.kernels.stencil import Field

Values = TypeVar("Values", Array, float, Array | float)

PM_PER_MM3 = 1e18 / 6.02214076e23
"""One molecule per mm^3 [pM]."""


def quantiles(number: int) -> np.ndarray:
    """Shares of a step whose drug concentrations stand for all: Gauss-Legendre nodes in [0, 1]."""
    nodes: np.ndarray = 0.5 * (1 + np.polynomial.legendre.leggauss(number)[0])
    return nodes


def averaged(response: Callable[[Array], Values], concentrations: Array) -> Values:
    """Mean of a response over a step.

    Args:
        response: to one concentration.
        concentrations: exceeded in all but `quantiles` of the step.
    """
    weights = np.polynomial.legendre.leggauss(concentrations.shape[0])[1]
    return sum(  # type: ignore[return-value]
        0.5 * weight * response(concentrations[i]) for i, weight in enumerate(weights.tolist())
    )


def _none() -> Array:
    # weakly typed, as a plain 0.0: it neither rounds float64 nor widens float32
    return jnp.broadcast_to(jnp.asarray(0.0), (1,))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Wall:
    """How a solute meets the walls of the box.

    Attributes:
        rate: of exchange with what lies beyond, zero in voxels away from an open wall [1/day].
        beyond: concentration there [pM].
    """

    rate: Field
    beyond: Field


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LocalForcing:
    """What acts in some places only.

    Attributes:
        inflammatory_cells: [cells/mm^3 marrow].
        walls: of the solutes il1, tnf, rankl and opg that have an open one.
    """

    inflammatory_cells: Field
    walls: dict[str, Wall]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Forcing:
    """All that acts on the tissue during a step; the default is health.

    Attributes:
        il1_excess, il1ra_excess: uniform IL-1 and IL-1Ra above the healthy level [pM].
        tnf: uniform TNF [pM].
        estrogen_loss: 0 before, 1 after ovariectomy or menopause.
        relaxation: how much of the IL-1 and TNF of estrogen loss is still made [1].
        il1, rankl, opg, osteocyte_rankl: factors on production [1].
        il1_receptor, il1ra: factors on the IL-1 signal and on endogenous IL-1Ra [1].
        anabolic: factor on formation per resorption [1].
        il1ra_drug, denosumab, tnf_blocker, il4: concentrations of the step, see `averaged` [pM].
        local: what acts in some places only.
    """

    il1_excess: Array | float = 0.0
    il1ra_excess: Array | float = 0.0
    tnf: Array | float = 0.0
    estrogen_loss: Array | float = 0.0
    relaxation: Array | float = 1.0
    il1: Array | float = 1.0
    rankl: Array | float = 1.0
    opg: Array | float = 1.0
    osteocyte_rankl: Array | float = 1.0
    il1_receptor: Array | float = 1.0
    il1ra: Array | float = 1.0
    anabolic: Array | float = 1.0
    il1ra_drug: Array = field(default_factory=_none)
    denosumab: Array = field(default_factory=_none)
    tnf_blocker: Array = field(default_factory=_none)
    il4: Array = field(default_factory=_none)
    local: LocalForcing | None = None

    @property
    def inflammatory_cells(self) -> Field | float:
        """[cells/mm^3 marrow]."""
        return self.local.inflammatory_cells if self.local else 0.0

    def wall(self, solute: str) -> Wall | None:
        """The open walls of a solute, if it has any."""
        return self.local.walls.get(solute) if self.local else None
