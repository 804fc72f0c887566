"""Fields of a simulation as snapshots show them."""

import jax.numpy as jnp
from jax import Array

from tissue.errors import InputError
from tissue.kernels.programs import program
from tissue.model.bone import bone_geometry
from tissue.model.context import Numerics, StepContext
from tissue.model.fields import ENERGY_DENSITY, Observed
from tissue.model.forcing import Forcing
from tissue.model.mechanostat import load_stimulus
from tissue.model.observables import fields_of
from tissue.model.state import HealthyReference, State
from tissue.scenario.config import RunConfig
from tissue.scenario.values import SHORTEST_STEP
from tissue.simulation.loaded_bone import LoadedBone


def shown_fields(
    state: State,
    references: tuple[HealthyReference, LoadedBone | None],
    config: RunConfig,
    n: Numerics,
    time: float,
) -> dict[str, Array]:
    """The tissue as snapshots show it, by field name; not touched by later steps.

    Args:
        state: the tissue.
        references: healthy ones, and the bone as finite elements solved it last.
        config: the run.
        n: numerics.
        time: of the state [day].
    """
    healthy, loaded = references
    # at a jump the forces of the step that led here
    force = config.load.factor.at(max(time - 0.5 * SHORTEST_STEP, 0.0))
    p, solved, energy = config.acting, None, jnp.zeros(())
    if loaded:
        solved, energy = loaded.load(n, p), loaded.energy_density
    context = StepContext(Forcing(load=force), p, n, healthy, solved)
    names = tuple(sorted({"bone_volume_fraction", *config.output.fields}))
    return _shown(state, energy, context, names)


@program(static_argnames="names")
def _shown(
    state: State, energy_density: Array, context: StepContext, names: tuple[str, ...]
) -> dict[str, Array]:
    p, n, bone = context.parameters, context.numerics, state.bone_volume_fraction
    geometry = bone_geometry(bone, n.spacing, p, n.periodic)
    load, energy = (
        jnp.broadcast_to(jnp.asarray(each, bone.dtype), bone.shape)
        for each in (load_stimulus(bone, context), energy_density)
    )
    every = fields_of(Observed(state, geometry, load, energy))
    # copies: their holder need not care whether a step reuses the memory of its state
    return {name: jnp.copy(every[name]) for name in names}


def refuse_unsolved_fields(config: RunConfig, loaded: LoadedBone | None) -> None:
    """Refuses a field of finite elements that a run does not solve.

    Raises:
        InputError: naming the field.
    """
    if loaded is None and ENERGY_DENSITY in config.output.fields:
        raise InputError(
            f"output.fields names {ENERGY_DENSITY}, which only finite elements have: give "
            "load.mechanics = 'fe', or leave it out"
        )
