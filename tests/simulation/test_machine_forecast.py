"""Predictions for machines that are not here agree with the table of docs/gpu.md."""

import re
from pathlib import Path

import pytest

from tissue.errors import InputError
from tissue.scenario.config import RunConfig
from tissue.simulation import machine_forecast
from tissue.simulation.cost import (
    PROGRAM_MEMORY,
    SET_UP_STEPS,
    Probe,
    expected_steps,
    run_memory,
    wall_time,
)
from tissue.simulation.machine_forecast import (
    DEVICES,
    FRACTION_VARIABLE,
    JAX_FRACTION,
    LAUNCH_TIME,
    STEP_COSTS,
    TURN_TIME,
    find_machine,
    forecast_elsewhere,
    max_gain,
    step_time,
)
from tissue.simulation.text import duration

GPU = (Path(__file__).parents[2] / "docs" / "gpu.md").read_text(encoding="utf-8")
ROW = re.compile(r"\| coupling step, diagnostics included \| (\d+)\^3 \|(.*)\|")
NAMES = {"h100": "H100 SXM", "a100": "A100 SXM 80 GB", "rtx4090": "RTX 4090"}
PROBE = Probe(sweep=1.0, compilation=0.1, loading=7.0)


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
    tiny = tiny.changed({"load.mechanics": "density"})
    large = forecast_elsewhere(find_machine("H100"), tiny, 512**3, PROBE)
    assert (large.need, large.available) == (
        run_memory(tiny, 512**3) - PROGRAM_MEMORY,
        60_000_000_000,
    )
    assert not large.fits
    assert large.verdict.startswith(
        "cannot run on an H100 SXM (prediction): it needs about 70.9 GB"
    )
    assert f"JAX takes 75% of its 80 GB there: set {FRACTION_VARIABLE}=0.95 there" in large.remedy
    assert (
        FRACTION_VARIABLE
        not in forecast_elsewhere(find_machine("rtx4090"), tiny, 512**3, PROBE).remedy
    )
    monkeypatch.setenv(FRACTION_VARIABLE, "0.95")
    raised = forecast_elsewhere(find_machine("h100"), tiny, 512**3, PROBE)
    assert raised.fits
    assert raised.verdict.startswith("may not fit on an H100 SXM (prediction): it needs about 70.9")
    assert FRACTION_VARIABLE not in raised.remedy
    smaller = forecast_elsewhere(find_machine("h100"), tiny, 480**3, PROBE)
    assert smaller.verdict == "ready to run on an H100 SXM (prediction)"
    monkeypatch.setenv(FRACTION_VARIABLE, "lots")
    assert (
        forecast_elsewhere(find_machine("h100"), tiny, 512**3, PROBE).available == large.available
    )


def test_a_prediction_says_that_it_is_one(tiny: RunConfig) -> None:
    year = tiny.changed(
        {"run.duration": "365 day", "run.step": "adaptive", "output.snapshots": "73 day"}
    )
    forecast = forecast_elsewhere(find_machine("a100"), year, 256**3, PROBE)
    steps = expected_steps(year)
    seconds = steps * step_time(DEVICES["a100"], 256**3)
    assert forecast.time.startswith("prediction, not measured: about ")
    assert f"for {steps} steps of 0.076 s" in forecast.time
    assert f"about {seconds:.2g} s for" in forecast.time
    assert forecast.memory.startswith("prediction: about ")
    double = forecast_elsewhere(
        find_machine("rtx4090"), year.changed({"run.precision": "float64"}), 64**3, PROBE
    )
    assert "not predicted: an RTX 4090 computes float64 at 1/64" in double.time


def test_finite_elements_are_part_of_a_prediction(tiny: RunConfig) -> None:
    loaded, other = (tiny.changed({"load.mechanics": kind}) for kind in ("fe", "density"))
    text = "about 2 solves of finite elements of "
    assert text in forecast_elsewhere(find_machine("cpu:8"), loaded, 10**6, PROBE).time
    assert text not in forecast_elsewhere(find_machine("cpu:8"), other, 10**6, PROBE).time
    left_out = "finite elements and output not counted"
    assert left_out in forecast_elsewhere(find_machine("h100"), loaded, 10**6, PROBE).time
    assert left_out not in forecast_elsewhere(find_machine("h100"), other, 10**6, PROBE).time


def test_cores_share_a_memory(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_forecast, "cores", lambda: 4)
    tiny = tiny.changed({"load.mechanics": "density"})
    here = wall_time(tiny, 10**8, PROBE)
    stepping = (SET_UP_STEPS + here.steps) * here.step
    many, few, same = (
        forecast_elsewhere(find_machine(f"cpu:{n}"), tiny, 10**8, PROBE) for n in (16, 1, 4)
    )
    assert all(
        forecast.memory.startswith("prediction: about 53.8 GB; whether") for forecast in (many, few)
    )
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
    monkeypatch.setattr(machine_forecast, "cores", lambda: 2)
    # 28 bytes a voxel in 1 ns are 28 GB/s, and two processors with 12 channels each reach
    fastest = 2 * 12 * 8 * 8.8e9
    for precision, most in (("float32", fastest / 28e9), ("float64", fastest / 56e9)):
        config = tiny.changed({"run.precision": precision})
        assert max_gain(precision, PROBE) == pytest.approx(most, rel=0.01)
        forecast = forecast_elsewhere(find_machine("cpu:9999"), config, 10**8, PROBE).time
        assert f"as fast as here or {most:.0f} times as fast" in forecast
    fast = PROBE._replace(sweep=1e-3)  # where nothing is gained, nothing is lost
    assert "as memory" not in forecast_elsewhere(find_machine("cpu:9999"), tiny, 10**8, fast).time


def test_a_machine_must_hold_the_bone_while_it_is_read(tiny: RunConfig) -> None:
    need = run_memory(tiny, 10**6)
    assert forecast_elsewhere(find_machine("cpu:8"), tiny, 10**6, PROBE, need - 1).need == need
    assert forecast_elsewhere(find_machine("cpu:8"), tiny, 10**6, PROBE, 2 * need).need == 2 * need
    gpu = forecast_elsewhere(find_machine("h100"), tiny, 10**6, PROBE, 10**12)
    assert gpu.fits
    assert gpu.memory.endswith("; loading the bone takes about 1 TB of its host")
    assert "host" not in forecast_elsewhere(find_machine("h100"), tiny, 10**6, PROBE, 10**6).memory


@pytest.mark.parametrize(
    "name", ["h200", "cpu", "cpu:", "cpu:0", "cpu:-1", "cpu:two", "cpu:1e3", ""]
)
def test_a_device_that_is_not_known(name: str) -> None:
    with pytest.raises(InputError, match="give h100, a100, rtx4090 or cpu:N, such as cpu:16"):
        find_machine(name)
