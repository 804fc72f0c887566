"""Runs on several devices are those on one, with their files, and continue on any other number."""

from pathlib import Path
from typing import Any

import pytest
from virtual_devices import results_of

from tissue.errors import InputError
from tissue.machine import device
from tissue.scenario.config import RunConfig, read_run_file
from tissue.simulation.memory_run import simulate
from tissue.simulation.run import run

ROOT = Path(__file__).parents[2]
BONE, FIELDS, VOLUME = 1e-6, 1e-5, 1e-8
"""Largest differences: of the bone, of fields that solves to 1e-4 find, and of BV/TV."""

CASES = ("two", "then 2", "then 1")
"""A run on two devices, and runs on one and on two that another number continues."""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return results_of(Path(__file__).with_name("device_cases.py"))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_states_are_the_same(found: dict[str, Any], case: str) -> None:
    stored = found[case]["checkpoint"]
    assert stored["state.bone_volume_fraction"] < BONE
    fields = {name: each for name, each in stored.items() if not name.startswith("mechanics")}
    assert len(fields) == 15 + 5
    assert {name: each for name, each in fields.items() if each >= FIELDS} == {}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_loads_are_the_same(found: dict[str, Any], case: str) -> None:
    stored = found[case]["checkpoint"]
    loads = {name: each for name, each in stored.items() if name.startswith("mechanics.")}
    assert len(loads) > 20
    # solved to 1e-4 of the bone of a step
    assert {name: each for name, each in loads.items() if each >= 1e-4} == {}
    assert found["solves"] > 1


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_metrics_and_steps_are_the_same(found: dict[str, Any], case: str) -> None:
    metrics = found[case]["metrics"]
    assert metrics["bv_tv"] < VOLUME
    # a residual is a difference of rounded numbers
    others = {name: each for name, each in metrics.items() if name != "fe_residual"}
    assert {name: each for name, each in others.items() if each >= FIELDS} == {}
    assert found[case]["same steps"]
    assert found["change"] < -0.5


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_snapshots_are_the_same(found: dict[str, Any], case: str) -> None:
    # a field keeps 12 bits, of which the last may be rounded up in one and down in the other
    fields = found[case]["fields"]
    assert len(fields) == 4 * 3
    assert {name: each for name, each in fields.items() if each > 2**-12} == {}


@pytest.mark.slow
def test_the_devices_are_no_part_of_the_scenario(found: dict[str, Any]) -> None:
    assert found["devices there"] == 2
    assert found["devices"] == ["1 x cpu (cpu)", "2 x cpu (cpu)"]
    assert len(set(found["hashes"])) == 1


@pytest.mark.slow
def test_the_log_names_another_number_of_devices(found: dict[str, Any]) -> None:
    (to_two,), (to_one,) = found["log 2"], found["log 1"]
    assert "device 1 x cpu (cpu) there, 2 x cpu (cpu) here" in to_two
    assert "device 2 x cpu (cpu) there, 1 x cpu (cpu) here" in to_one


@pytest.mark.slow
def test_no_field_lies_on_one_device(found: dict[str, Any]) -> None:
    assert found["alone"] == []


@pytest.mark.slow
def test_a_function_of_the_user_sees_fields_of_the_shape_of_the_bone(found: dict[str, Any]) -> None:
    assert found["forced"] > 0.1
    assert {name: each for name, each in found["own forcing"].items() if each >= FIELDS} == {}


@pytest.mark.slow
def test_a_bad_voxel_of_any_slab_is_named_by_its_place_in_the_grid(found: dict[str, Any]) -> None:
    one, two = found["spoiled"]
    assert "[12, 3, 4]" in one
    assert "1560 voxels" in one
    assert two == one


@pytest.mark.slow
def test_a_run_in_memory_has_the_shape_of_the_bone(found: dict[str, Any]) -> None:
    difference, *shapes = found["in memory"]
    assert difference < VOLUME
    assert set(map(tuple, shapes)) == {(13, 12, 10)}
    assert "13 x 12 x 10 voxels" in found["text"]
    assert "fields (13, 12, 10) of" in found["text"]


@pytest.mark.slow
def test_more_devices_than_the_planes_allow_are_refused(found: dict[str, Any]) -> None:
    assert found["few planes"] == (
        "run.devices = 2 is too many for 5 planes along z, which are enough for 1: give 1, or "
        "'all' for as many as can be used"
    )
    assert found["all of few planes"] == ""


def tiny(**keys: Any) -> RunConfig:
    return read_run_file(ROOT / "tests" / "tiny.toml").changed(keys)


def test_more_devices_than_the_machine_has_are_refused(tmp_path: Path) -> None:
    config, folder = tiny(**{"run.devices": 3}), tmp_path / "run"
    sentence = (
        r"run\.devices = 3: this machine has 1 \(cpu\); give 1, or 'all', or set "
        r"XLA_FLAGS=--xla_force_host_platform_device_count=3 to try slabs on a processor"
    )
    with pytest.raises(InputError, match=sentence):
        simulate(config)
    with pytest.raises(InputError, match=sentence):
        run(config, folder)
    assert not folder.exists()


@pytest.mark.parametrize("given", [0, -2, 65537, 2.0, "two", True])
def test_only_numbers_of_devices_and_all_are_allowed(given: object) -> None:
    with pytest.raises(InputError, match=r"must be a whole number of GPUs from 1 to 65536, or"):
        tiny(**{"run.devices": given})


def test_a_box_that_is_periodic_along_z_is_not_cut() -> None:
    with pytest.raises(InputError, match=r"2 devices cut the box along z.*run\.devices = 1"):
        tiny(**{"run.devices": 2, "boundary.periodic": ["z"]})
    tiny(**{"run.devices": 1, "boundary.periodic": ["z"]})
    tiny(**{"run.devices": 2, "boundary.periodic": ["x", "y"]})


def test_virtual_devices_wait_for_each_other() -> None:
    flags = device.patient("--xla_force_host_platform_device_count=2")
    assert "--xla_cpu_collective_call_terminate_timeout_seconds=7200" in flags
    assert device.patient(flags) == flags
    own = "--xla_cpu_collective_call_terminate_timeout_seconds=9"
    given = f"--xla_force_host_platform_device_count=2 {own}"
    assert device.patient(given).count("terminate_timeout") == 1
    assert device.patient("--xla_cpu_max_isa=AVX") == "--xla_cpu_max_isa=AVX"
