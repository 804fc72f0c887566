"""Grids cut into slabs give what one device gives, and send no more than they must."""

from pathlib import Path
from typing import Any

import pytest
from virtual_devices import results_of

from tissue.kernels.slabs import planes_of_a_slab

ROOT = Path(__file__).parents[2]
BITWISE = {"flux": 1, "v-cycle": 1, "explicit": 2, "surface terms": 4}
"""Cases that must be equal bit for bit, with their number of fields."""

SOLVES = {
    "diffusion": 1,
    "drift": 1,
    "pair": 2,
    "along the surface": 1,
    "diffusion of full slabs": 1,
    "drift of full slabs": 1,
}
"""Cases that take sums, whose order differs, with their number of fields."""

GATHERED = 2 * 4 * 6 * 5
"""Voxels of the level of 13 x 12 x 10 that every device keeps: two slabs of 4 planes of 6 x 5."""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return results_of(Path(__file__).with_name("slab_cases.py"))


@pytest.mark.parametrize(("case", "fields"), BITWISE.items())
def test_stencils_are_equal_bit_for_bit(found: dict[str, Any], case: str, fields: int) -> None:
    assert found["differences"][case] == [0.0] * fields


@pytest.mark.parametrize(("case", "fields"), SOLVES.items())
def test_solves_are_equal_to_rounding(found: dict[str, Any], case: str, fields: int) -> None:
    *differences, iterations, error = found["differences"][case]
    assert len(differences) == fields
    assert max(differences) < 1e-6
    assert iterations[0] == iterations[1] > 1
    assert error[1] == pytest.approx(error[0], rel=0.1)


def test_the_surface_moves_equally(found: dict[str, Any]) -> None:
    phi, eroded, grown = found["differences"]["motion"]
    assert phi == 0
    # eight numbers at a time are added in float32, which eight depends on the slabs
    assert eroded[1] == pytest.approx(eroded[0], rel=1e-7)
    assert grown[1] == pytest.approx(grown[0], rel=1e-7)
    assert min(*eroded, *grown) > 1


@pytest.mark.parametrize("case", ["sums", "sums of full slabs"])
def test_sums_leave_out_the_planes_that_fill_up(found: dict[str, Any], case: str) -> None:
    total, mean, largest, smallest = found["differences"][case]
    assert total[1] == pytest.approx(total[0], rel=1e-7)
    assert mean[1] == pytest.approx(mean[0], rel=2e-6)
    assert largest[0] == largest[1]
    assert smallest[0] == smallest[1]


def test_an_iteration_sends_planes_two_sums_and_one_coarse_level(found: dict[str, Any]) -> None:
    messages = found["messages"]["diffusion"]
    (iteration,) = messages["loops"]
    # one level in slabs: planes of the source, of the residual and of both solutions, both ways
    assert iteration == {"collective-permute": 8, "all-gather": 1, "all-reduce": 2}
    assert set(messages["gathered"]) == {GATHERED}


def test_diffusion_along_the_surface_sends_one_field_an_iteration(found: dict[str, Any]) -> None:
    (iteration,) = found["messages"]["along the surface"]["loops"]
    assert iteration == {"collective-permute": 2, "all-reduce": 2}


def test_the_surface_moves_with_four_planes_a_substep(found: dict[str, Any]) -> None:
    (substep,) = found["messages"]["motion"]["loops"]
    assert substep["collective-permute"] == 4
    assert set(substep) == {"collective-permute", "all-reduce"}


def test_a_stencil_sends_planes_only(found: dict[str, Any]) -> None:
    # the porosity above; the conductances and the field above and below
    assert set(found["messages"]["flux"]["all"]) == {"collective-permute"}
    assert found["messages"]["flux"]["all"]["collective-permute"] <= 5


def test_the_count_sees_what_automatic_partitioning_sends(found: dict[str, Any]) -> None:
    automatic = found["messages"]["flux without slabs"]["all"]
    assert sum(automatic.values()) > 5


def test_no_message_waits_in_a_branch(found: dict[str, Any]) -> None:
    seen = found["messages"]
    assert seen["in a branch"]["branches"] == {"collective-permute": 1}
    for name in ("flux", "diffusion", "motion", "along the surface"):
        assert seen[name]["branches"] == {}


def test_a_program_on_one_device_sends_nothing(found: dict[str, Any]) -> None:
    assert found["messages"]["one device"]["all"] == {}


def test_a_bad_voxel_of_one_device_spoils_all_and_stops_none(found: dict[str, Any]) -> None:
    assert found["nan"]


def test_a_grid_that_is_periodic_along_z_is_refused(found: dict[str, Any]) -> None:
    sentence = "a grid that is periodic along z is not cut into slabs: use one device"
    assert found["periodic along z"] == sentence


def test_a_field_comes_back_as_it_was_put(found: dict[str, Any]) -> None:
    assert found["back"]


@pytest.mark.parametrize(
    ("planes", "devices", "expected"),
    [(13, 2, 8), (57, 4, 16), (64, 4, 16), (29, 4, 8), (256, 4, 64), (1024, 8, 128), (100, 2, 52)],
)
def test_slabs_can_be_halved_and_are_filled_up_by_an_eighth(
    planes: int, devices: int, expected: int
) -> None:
    assert planes_of_a_slab(planes, devices) == expected


def test_devices_without_planes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"4 devices for 13 planes.* at most 3 devices"):
        planes_of_a_slab(13, 4)
