"""Disease and therapy as they act on the tissue during one step.

Concentrations of drugs change within a step, and no response is linear in them: a step takes the
mean of the response over the concentrations that it holds, never the response to their mean.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tissue.kernels.stencil import Field

Values = TypeVar("Values", Array, float, Array | float)
Value = Array | float

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
        concentrations: at the `quantiles` of the step: the k-th is exceeded during the share
            1 - quantiles[k] of it.
    """
    weights = np.polynomial.legendre.leggauss(concentrations.shape[0])[1]
    return sum(  # type: ignore[return-value]
        0.5 * weight * response(concentrations[i]) for i, weight in enumerate(weights.tolist())
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Wall:
    """Exchange of a solute with the outside through open walls of the box.

    Attributes:
        rate: of exchange with what lies beyond, zero in voxels away from an open wall [1/day].
        beyond: concentration there [pM].
    """

    rate: Field
    beyond: Field


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LocalForcing:
    """Disease that acts in a part of the box only.

    Attributes:
        inflammatory_cells: [cells/mm^3 marrow].
        walls: of the solutes that have an open one, by solute.
    """

    inflammatory_cells: Field
    walls: dict[str, Wall]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Forcing:
    """All that acts on the tissue during a step; the default is health.

    A solute or target that a dictionary does not name is as in health.

    Attributes:
        excess: uniform concentration above the healthy level, by solute [pM].
        production: factor on all production, by solute [1].
        source: further production, a number or a field [z, y, x], by solute [pM/day].
        osteocyte_rankl: factor on the RANKL of osteocytes [1].
        il1_receptor: factor on the IL-1 signal [1].
        il1ra: factor on endogenous IL-1Ra [1].
        il1ra_excess: uniform IL-1Ra above the healthy level [pM].
        estrogen_loss: 0 before, 1 after ovariectomy or menopause.
        estrogen_relaxation: share of the TNF, IL-1, RANKL and OPG of estrogen loss that is still
            made [1].
        anabolic: factor on osteoblasts per resorption [1].
        lining_activation: rate at which drugs activate lining cells [1/day].
        osteoblast_rankl: RANKL that a drug makes osteoblasts express, over all RANKL in health [1].
        load: factor on the forces that bone bears from day to day [1].
        exposure: drug concentrations of the step, by target, see `averaged` [pM].
        local: what acts in a part of the box only.
    """

    excess: Mapping[str, Value] = field(default_factory=dict)
    production: Mapping[str, Value] = field(default_factory=dict)
    source: Mapping[str, Value] = field(default_factory=dict)
    osteocyte_rankl: Value = 1.0
    il1_receptor: Value = 1.0
    il1ra: Value = 1.0
    il1ra_excess: Value = 0.0
    estrogen_loss: Value = 0.0
    estrogen_relaxation: Value = 1.0
    anabolic: Value = 1.0
    lining_activation: Value = 0.0
    osteoblast_rankl: Value = 0.0
    load: Value = 1.0
    exposure: Mapping[str, Array] = field(default_factory=dict)
    local: LocalForcing | None = None

    @property
    def inflammatory_cells(self) -> Field | float:
        """Density of inflammatory cells [cells/mm^3 marrow]."""
        return self.local.inflammatory_cells if self.local else 0.0

    def drug(self, target: str) -> Array:
        """Concentrations of all drugs of a target [pM], see `averaged`."""
        # weakly typed where there is none, as a plain 0.0: no float64 rounds, no float32 widens
        none = jnp.broadcast_to(jnp.asarray(0.0), (1,))
        return self.exposure.get(target, none)

    def wall(self, solute: str) -> Wall | None:
        """Open walls of a solute, if it has any."""
        return self.local.walls.get(solute) if self.local else None

    def is_uniform(self, solutes: Iterable[str]) -> bool:
        """Whether nothing makes or takes any of the solutes in a part of the box only."""
        return self.local is None and all(
            jnp.ndim(self.source.get(name, 0.0)) == 0 for name in solutes
        )

    def with_source(self, solute: str, production: Value | np.ndarray) -> "Forcing":
        """The same with further production of a solute, a number or a field [pM/day]."""
        source: dict[str, Any] = {**self.source, solute: production}
        return replace(self, source=source)

    def __repr__(self) -> str:
        """All that differs from health, in one line, and of arrays only their axes."""
        parts = []
        for each in fields(self):
            value, named = getattr(self, each.name), each.name in NAMED_HEALTH
            health = NAMED_HEALTH[each.name] if named else each.default
            if named and isinstance(value, Mapping):
                texts = {name: _text(given, health) for name, given in value.items()}
                inside = ", ".join(f"{name}: {text}" for name, text in texts.items() if text)
                parts += [f"{each.name}={{{inside}}}"] if inside else []
            elif text := _text(value, health):
                parts.append(f"{each.name}={text}")
        return f"Forcing({', '.join(parts) or 'health'})"


NAMED_HEALTH = {"excess": 0.0, "production": 1.0, "source": 0.0, "exposure": 0.0}
"""Values in health of what `Forcing` has by solute or target."""


def _text(value: Any, health: Any) -> str:
    """A value in a few characters; nothing where it is that of health."""
    if value is None:
        return ""
    if isinstance(value, LocalForcing):
        return "fields [z, y, x]"
    if getattr(value, "ndim", 0) == 3:
        return "field [z, y, x]"
    try:
        low, high = float(np.min(value)), float(np.max(value))
    except (TypeError, ValueError):  # traced by JAX, or not a number
        return type(value).__name__
    if low == high == health:
        return ""
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
