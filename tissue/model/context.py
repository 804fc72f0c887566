"""Values that all stages of a step share."""

from dataclasses import dataclass, field
from typing import NamedTuple

import jax

from tissue.kernels.stencil import Axes, Field
from tissue.model.forcing import Forcing
from tissue.model.parameters import Parameters, Scalar
from tissue.model.state import HealthyReference


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Numerics:
    """Resolution of a step.

    Attributes:
        spacing: edge of a voxel [um].
        tolerance: relative error of every solve.
        periodic: axes along which the box repeats itself, -3 to -1: tissue continues at the other
            end.
    """

    spacing: Scalar
    tolerance: Scalar
    periodic: Axes = field(default=(), metadata={"static": True})


class SolvedLoad(NamedTuple):
    """Load as finite elements found it last.

    Attributes:
        log_energy_ratio: logarithm of the strain energy that osteocytes feel under usual forces
            over that in health [1].
        local_density: bone volume fraction near by of the bone that was solved.
    """

    log_energy_ratio: Field
    local_density: Field


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class StepContext:
    """Everything a step needs besides the state and its length.

    Attributes:
        forcing: disease and therapy.
        parameters: of the model.
        numerics: resolution.
        reference: the healthy tissue; None while that is being found.
        solved: load by finite elements; None where these are not solved.
    """

    forcing: Forcing
    parameters: Parameters
    numerics: Numerics
    reference: HealthyReference | None = None
    solved: SolvedLoad | None = None

    @property
    def healthy(self) -> HealthyReference:
        """The healthy reference, where there is one."""
        assert self.reference is not None
        return self.reference
