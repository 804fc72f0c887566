"""Predictions for machines that are not here agree with the table of docs/gpu.md."""

import re
from pathlib import Path

import pytest

from tissue.errors import InputError
from tissue.scenario.config import RunConfig
from tissue.simulation import other_machine
from tissue.simulation.cost import (
    BONE_SHARE,
    GPU_STEP_BYTES,
    SET_UP_STEPS,
    Probe,
    expected_steps,
    gpu_memory,
    run_memory,
    wall_time,
)
from tissue.simulation.gpus import (
    DEVICES,
    FRACTION_VARIABLE,
    IN_A_COMPUTER,
    JAX_FRACTION,
    LAUNCH_TIME,
    SLAB_BYTES,
    STEP_COSTS,
    TURN_TIME,
    refuse_large_slab,
    slab_step_time,
    slabs_of,
    step_time,
)
from tissue.simulation.machine_forecast import MachineForecast
from tissue.simulation.other_machine import (
    Machine,
    chosen_machine,
    find_machine,
    forecast_elsewhere,
    max_gain,
)
from tissue.simulation.text import duration, size

GPU = (Path(__file__).parents[2] / "docs" / "gpu.md").read_text(encoding="utf-8")
ROW = re.compile(r"\| coupling step, diagnostics included \| (\d+)\^3 \|(.*)\|")
NAMES = {"h100": "H100 SXM", "a100": "A100 SXM 80 GB", "rtx4090": "RTX 4090"}
PROBE = Probe(sweep=1.0, compilation=0.1, loading=7.0)


def forecast(
    name: str,
    config: RunConfig,
    edge: int = 100,
    *,
    loading: int = 0,
    share: float | None = None,
    devices: int = 1,
    probe: Probe = PROBE,
) -> MachineForecast:
    """Forecast for a cube on a machine of this name."""
    machine = Machine(find_machine(name), devices)
    return forecast_elsewhere(machine, config, (edge,) * 3, probe, loading, share)


def table() -> dict[int, list[float]]:
    """Launches, turns, bytes a voxel, and milliseconds on each GPU, by the edge of the grid."""
    return {
        int(edge): [float(cell.replace(",", "").replace("ms", "")) for cell in cells.split("|")]
        for edge, cells in ROW.findall(GPU)
    }


def test_the_gate_is_that_of_the_table() -> None:
    found = table()
    assert found.keys() == STEP_COSTS.keys()
    for edge, cost in STEP_COSTS.items():
        assert list(cost) == found[edge][:3]


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("edge", [128, 256])
def test_the_time_of_a_step_is_that_of_the_table(number: int, edge: int) -> None:
    device = list(DEVICES.values())[number]
    # of the A100's own programs, which launch a little less
    assert 1e3 * step_time(device, edge**3) == pytest.approx(table()[edge][3 + number], rel=0.02)


@pytest.mark.parametrize("key", DEVICES)
def test_bandwidths_are_those_of_the_page(key: str) -> None:
    device = DEVICES[key]
    (bandwidth, share), *_ = re.findall(
        rf"- {NAMES[key]}: ([\d,]+) GB/s, of which a stencil code reaches (\d+)%", GPU
    )
    assert device.bandwidth == float(bandwidth.replace(",", "")) * 1e9
    assert device.share == int(share) / 100
    assert NAMES[key] in device.name


def test_assumed_times_are_those_of_the_page() -> None:
    launch, turn = (1e6 * time for time in (LAUNCH_TIME, TURN_TIME))
    formula = f"launches x {launch:g} us + turns x {turn:g} us"
    assert formula in GPU
    assert f"JAX takes {JAX_FRACTION:.0%}".replace("%", " %") in GPU


def test_a_larger_grid_takes_its_bytes() -> None:
    h100 = DEVICES["h100"]
    assert step_time(h100, 512**3) == pytest.approx(8 * step_time(h100, 256**3), rel=0.1)
    assert step_time(h100, 512**3, "float64") == pytest.approx(
        2 * step_time(h100, 512**3), rel=0.05
    )
    assert 0 < step_time(h100, 8**3) < step_time(h100, 64**3)


def test_a_gpu_holds_what_jax_takes_of_it(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FRACTION_VARIABLE, raising=False)
    large = forecast("H100", tiny, 640)
    # the bytes of a step, and of two snapshots that are being written
    need = (GPU_STEP_BYTES + 2 * 4 * len(tiny.output.fields)) * 640**3
    assert (large.need, large.available) == (need, 60_000_000_000)
    assert not large.fits
    assert large.verdict.startswith(
        f"cannot run on an H100 SXM (prediction): it needs about {size(need)}"
    )
    assert f"JAX takes 75% of its 80 GB there: set {FRACTION_VARIABLE}=0.95 there" in large.remedy
    assert FRACTION_VARIABLE not in forecast("rtx4090", tiny, 640).remedy
    monkeypatch.setenv(FRACTION_VARIABLE, "0.95")
    raised = forecast("h100", tiny, 640)
    assert raised.fits
    assert raised.verdict.startswith("may not fit on an H100 SXM (prediction): it needs about 7")
    assert FRACTION_VARIABLE not in raised.remedy
    assert forecast("h100", tiny, 512).verdict == "ready to run on an H100 SXM (prediction)"
    monkeypatch.setenv(FRACTION_VARIABLE, "lots")
    assert forecast("h100", tiny, 640).available == large.available


def test_a_prediction_says_that_it_is_one(tiny: RunConfig) -> None:
    year = tiny.changed(
        {"run.duration": "365 day", "run.step": "adaptive", "output.snapshots": "73 day"}
    )
    found = forecast("a100", year, 256)
    steps = expected_steps(year)
    seconds = steps * step_time(DEVICES["a100"], 256**3)
    assert found.time.startswith("prediction, not measured: about ")
    assert f"for {steps} steps of 0.069 s" in found.time
    assert f"about {seconds:.2g} s for" in found.time
    assert found.memory.startswith("prediction: about ")
    double = forecast("rtx4090", year.changed({"run.precision": "float64"}), 64)
    assert "not predicted: an RTX 4090 computes float64 at 1/64" in double.time


def test_finite_elements_are_part_of_a_prediction(tiny: RunConfig) -> None:
    text = "about 2 solves of finite elements of "
    assert text in forecast("cpu:8", tiny, share=BONE_SHARE).time
    assert text not in forecast("cpu:8", tiny).time
    left_out = "finite elements and output not counted"
    loaded, other = forecast("h100", tiny, share=BONE_SHARE), forecast("h100", tiny)
    assert left_out in loaded.time
    assert left_out not in other.time
    # of the GPU what its own programs take, and of its host what the set-up takes there
    assert other.need < loaded.need < 3 * other.need
    host = run_memory(tiny, 10**6, fe=True, bone_share=BONE_SHARE)
    assert f"the set-up of finite elements takes about {size(host)} of its host" in loaded.memory


def test_cores_share_a_memory(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_machine, "cores", lambda: 4)
    here = wall_time(tiny, 500**3, PROBE)
    stepping = (SET_UP_STEPS + here.steps) * here.step
    many, few, same = (forecast(f"cpu:{n}", tiny, 500) for n in (16, 1, 4))
    need = size(run_memory(tiny, 500**3, fe=False))
    assert all(each.memory.startswith(f"prediction: about {need}; whether") for each in (many, few))
    assert "memory there is as fast as here or 4 times as fast; and" in many.time
    assert "memory there is as fast as here or 0.25 times as fast; and" in few.time
    assert "as memory" not in same.time
    assert f"{duration(stepping / 4)} to {duration(stepping)} for" in many.time
    assert f"{duration(stepping)} to {duration(4 * stepping)} for" in few.time
    assert f"the 4 cores here: {duration(stepping)} for" in same.time
    assert many.fits
    assert "ready to run on 16 cores (prediction), if it has" in many.verdict


def test_cores_gain_no_more_than_the_fastest_memory(
    tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_machine, "cores", lambda: 2)
    # 28 bytes a voxel in 1 ns are 28 GB/s, and two processors with 12 channels each reach
    fastest = 2 * 12 * 8 * 8.8e9
    for precision, most in (("float32", fastest / 28e9), ("float64", fastest / 56e9)):
        config = tiny.changed({"run.precision": precision})
        assert max_gain(precision, PROBE) == pytest.approx(most, rel=0.01)
        found = forecast("cpu:9999", config, 500).time
        assert f"as fast as here or {most:.0f} times as fast" in found
    fast = PROBE._replace(sweep=1e-3)  # where nothing is gained, nothing is lost
    assert "as memory" not in forecast("cpu:9999", tiny, 500, probe=fast).time


def test_a_machine_must_hold_the_bone_while_it_is_read(tiny: RunConfig) -> None:
    need = run_memory(tiny, 10**6, fe=False)
    assert forecast("cpu:8", tiny, loading=need - 1).need == need
    assert forecast("cpu:8", tiny, loading=2 * need).need == 2 * need
    gpu = forecast("h100", tiny, loading=10**12)
    assert gpu.fits
    assert gpu.memory.endswith("; loading the bone takes about 1 TB of its host")
    assert "host" not in forecast("h100", tiny, loading=10**6).memory


def test_gpus_that_share_a_grid_hold_a_slab_each(tiny: RunConfig) -> None:
    one, eight = forecast("h100", tiny, 1024), forecast("h100", tiny, 1024, devices=8)
    # a slab of 128 planes, and the planes of its neighbors
    assert eight.need == pytest.approx(one.need / 8 * 130 / 128, rel=1e-3)
    assert not one.fits
    assert eight.verdict == "ready to run on 8 GPUs, each an H100 SXM (prediction)"
    assert f"about {size(eight.need)} on each of 8" in eight.memory
    slabs, messages, scaling = eight.sharing
    assert slabs.startswith("slabs      8 of 128 planes along z; 5 levels of multigrid in slabs")
    assert slabs.endswith("then 32768 voxels on every device")
    assert one.sharing == ()
    odd = forecast("h100", tiny, 1000, devices=8).sharing[0]
    assert odd.startswith("slabs      8 of 128 planes along z, 24 of them beyond the grid")
    assert "messages   prediction: each device sends about" in messages
    assert scaling.startswith("scaling    prediction: a step of ")


def test_messages_of_a_step_add_up() -> None:
    h100, cut = DEVICES["h100"], slabs_of((1024,) * 3, 8)
    found, density = (slab_step_time(h100, cut, density=on) for on in (False, True))
    alone = step_time(h100, 1024 * 1024 * 128)
    # multigrid on 5 levels, 8 messages each: 6.7 iterations for precursors and 4.2 for the pair
    assert found.number == pytest.approx(5 * 8 * (6.7 + 4.2), rel=0.35)
    assert found.messages == found.number * IN_A_COMPUTER.message
    # a plane each way of every field that is exchanged, 133 of multigrid on the finest level
    assert found.bytes == pytest.approx((74 + 133 * 4 / 3) / 2 * 4 * 1024**2, rel=0.02)
    here = found.messages + found.sent
    assert found.total == pytest.approx(SLAB_BYTES * alone + here, rel=5e-3)
    # two fields of which every slab visits seven others
    assert density.visiting == 2 * 7 * 4 * 1024 * 1024 * 128
    assert density.bytes == found.bytes + density.visiting
    assert slab_step_time(h100, slabs_of((256,) * 3, 1)).total == step_time(h100, 256**3)
    far = slab_step_time(h100, slabs_of((4096,) * 3, 16))
    near = slab_step_time(h100, slabs_of((4096,) * 3, 8))
    assert far.messages / far.number > 3 * near.messages / near.number  # more than one computer


def test_slabs_of_too_few_planes_are_seen_in_memory(tiny: RunConfig) -> None:
    # a slab of 8 planes is halved once, and the level of 2048^3 would lie on every device
    cut = slabs_of((4096,) * 3, 512)
    assert (cut.planes, cut.levels) == (8, 1)
    assert gpu_memory(tiny, cut) > 24 * 4 * 2048**3


def test_machines_and_numbers_that_cannot_be(tiny: RunConfig) -> None:
    assert chosen_machine(None, None, tiny) is None
    assert chosen_machine("h100", None, tiny.changed({"run.devices": 4})) == Machine(
        DEVICES["h100"], 4
    )
    assert chosen_machine("h100", 2, tiny) == Machine(DEVICES["h100"], 2)
    periodic = tiny.changed({"boundary.periodic": ["z"]})
    for name, devices, config, text in (
        (None, 4, tiny, "--devices 4 counts GPUs of a machine that --device names: add --device"),
        ("cpu:8", 2, tiny, "--devices 2 counts GPUs, and cpu:8 names cores"),
        ("h100", 0, tiny, "--devices 0: give a whole number of GPUs, 1 or more"),
        ("h100", 2, periodic, "2 devices cut the box along z, and boundary.periodic names 'z'"),
    ):
        with pytest.raises(InputError, match=re.escape(text)):
            chosen_machine(name, devices, config)
    with pytest.raises(InputError, match=r"4 devices are too many for 13 planes .* at most 3"):
        slabs_of((13, 12, 10), 4)


def test_a_slab_of_more_voxels_than_are_counted_is_refused() -> None:
    refuse_large_slab((1288, 1290, 1290), 1)
    refuse_large_slab((4096, 1290, 1290), 4)
    with pytest.raises(InputError, match=r"the device has 2146689000 .*\(run.devices\)"):
        refuse_large_slab((1290, 1290, 1290), 1)
    with pytest.raises(InputError, match=r"each of 2 devices has .* fewer than 2147483648"):
        refuse_large_slab((4096, 1290, 1290), 2)


@pytest.mark.parametrize(
    "name", ["h200", "cpu", "cpu:", "cpu:0", "cpu:-1", "cpu:two", "cpu:1e3", ""]
)
def test_a_device_that_is_not_known(name: str) -> None:
    with pytest.raises(InputError, match="give h100, a100, rtx4090 or cpu:N, such as cpu:16"):
        find_machine(name)
