"""The health check sees one bad voxel among many; jnp.max would not."""

from dataclasses import fields, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tissue.kernels.elliptic import SolverStats
from tissue.model.species import SOLUTES
from tissue.model.state import State
from tissue.simulation.state_checks import bad_voxels, diagnosis, unconverged

SHAPE = (60, 61, 62)
VOXEL = (41, 7, 59)
FIELDS = (*(field.name for field in fields(State) if field.name != "solutes"), *SOLUTES)


@pytest.fixture(scope="module")
def healthy() -> State:
    return State.of_fields(dict.fromkeys(FIELDS, jnp.ones(SHAPE, jnp.float32)))


def examined(state: State) -> str | None:
    return diagnosis(state, jax.device_get(bad_voxels(state)))


def test_a_healthy_state_has_no_diagnosis(healthy: State) -> None:
    assert examined(healthy) is None


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1e-30])
def test_one_bad_voxel_is_found(healthy: State, name: str, value: float) -> None:
    spoiled = healthy.fields[name].at[VOXEL].set(value)
    state = State.of_fields({**healthy.fields, name: spoiled})
    found = examined(state)
    assert found is not None
    assert found.startswith(f"{name} is {np.float32(value):g} in voxel [41, 7, 59] (1 of ")


def test_more_bone_than_room_is_found(healthy: State) -> None:
    bone = healthy.bone_volume_fraction.at[VOXEL].set(np.nextafter(np.float32(1), np.float32(2)))
    assert "bone_volume_fraction is 1 in voxel [41, 7, 59]" in str(
        examined(replace(healthy, bone_volume_fraction=bone))
    )
    much = {**healthy.solutes, "il1": healthy.solutes["il1"] * 5}
    assert examined(replace(healthy, solutes=much)) is None


def test_the_first_wrong_field_is_reported_with_its_extent(healthy: State) -> None:
    nothing = jnp.full(SHAPE, jnp.nan, jnp.float32)
    found = examined(
        replace(healthy, solutes={**healthy.solutes, "rankl": nothing, "opg": nothing})
    )
    assert (
        found
        == f"rankl is nan in voxel [0, 0, 0] ({np.prod(SHAPE)} of {np.prod(SHAPE)} voxels wrong)"
    )


def test_an_unconverged_solve_is_reported() -> None:
    good = SolverStats(jnp.asarray(5), jnp.asarray(3e-5))
    lost = SolverStats(jnp.asarray(200), jnp.asarray(4e-2))
    assert unconverged({"il1": good}, 1e-4) is None
    found = unconverged({"il1": good, "rankl and opg": lost}, 1e-4)
    assert found == (
        "the solve for rankl and opg did not converge: relative error 0.04 after 200 iterations"
    )
    assert unconverged({"il1": SolverStats(jnp.asarray(1), jnp.asarray(np.nan))}, 1e-4)
