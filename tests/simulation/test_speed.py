"""Measurements and estimates of tissue bench FILE; no test depends on the speed of this machine."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.geometry.settings import SyntheticSettings
from tissue.machine.bandwidth import Bandwidth
from tissue.scenario.config import RunConfig
from tissue.simulation import speed
from tissue.simulation.cost import run_memory
from tissue.simulation.speed import Speed, bench, estimate, middle, mirrored, probe

STEP = Speed(shape=(10, 10, 10), steps=3, seconds=2e-3, shortest=1e-3, longest=3e-3, start=5.0)


def large(edge: int = 100) -> Geometry:
    bone = np.zeros((edge, 20, edge))
    bone[edge // 2 :] = 1
    return Geometry(Grid(bone.shape, 10.0), bone, ("read",), ())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "STEPS_TIME", 0.0)
    monkeypatch.setattr(speed, "measured", lambda: Bandwidth(12.5, "given"))


def test_a_run_is_measured_and_estimated(quick: None, tiny: RunConfig) -> None:
    done = bench(tiny)
    (measured,), (whole,) = done.speeds, done.estimates
    assert (measured.shape, measured.steps) == ((8, 8, 8), 2)
    assert 0 < measured.shortest <= measured.seconds <= measured.longest
    assert measured.rate == pytest.approx(1e9 * measured.seconds / 512)
    assert (whole.shape, whole.steps, whole.fits) == ((8, 8, 8), 4, True)
    assert whole.seconds == pytest.approx(measured.start + 4 * measured.seconds)
    assert done.bandwidth.triad == 12.5
    assert not any("middle" in note for note in done.notes)


def test_numbers_are_given_as_text_and_to_programs(quick: None, tiny: RunConfig) -> None:
    done = bench(tiny)
    heads = [line.split()[0] for line in done.lines()]
    assert heads == ["device", "memory", "step", "estimate", "note"]
    assert "8 x 8 x 8: " in done.lines()[2]
    assert "run tiny: about " in done.lines()[3]
    assert "for 4 steps" in done.lines()[3]
    numbers = json.loads(json.dumps(done.as_dict()))
    assert numbers["speeds"][0]["ns_per_voxel_and_step"] == done.speeds[0].rate
    assert numbers["estimates"][0]["steps"] == 4


def test_a_year_is_estimated_from_steps_on_a_smaller_grid() -> None:
    small, big = speed.years(STEP)
    assert [small.shape, big.shape] == [(128,) * 3, (256,) * 3]
    assert {small.steps, big.steps} == {105}
    assert small.seconds == pytest.approx(5 + 105 * 2e-6 * 128**3)
    assert (big.seconds - 5) / (small.seconds - 5) == pytest.approx(8)


def test_an_estimate_grows_with_voxels_and_steps(
    tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tissue.simulation.speed.usable_memory", lambda: 10**9)
    once = estimate("it", tiny, (100, 10, 10), STEP)
    assert once.seconds == pytest.approx(5 + 4 * 0.02)
    assert once.memory == run_memory(tiny, 10_000, fe=False)
    assert once.fits
    longer = estimate("it", tiny.changed({"run.duration": "20 day"}), (100, 100, 100), STEP)
    assert longer.seconds == pytest.approx(5 + 40 * 2.0)
    assert not longer.fits


def test_finite_elements_are_estimated_where_they_fit(
    tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tissue.simulation.speed.usable_memory", lambda: 10**11)
    month = tiny.changed({"run.duration": "28 day", "output.snapshots": "7 day"})
    solving = replace(STEP, solve=0.03)  # of 1000 voxels
    shape, steps = (100, 100, 100), 56 * 2.0
    # the first solve takes 14 iterations and later ones 6: four, as there are four snapshots
    solved = 14 / 6 * (30 - 0.03) + 4 * 30
    large = estimate("it", month, shape, solving)
    assert large.seconds == pytest.approx(5 + steps + solved)
    assert large.memory == run_memory(month, 10**6, fe=True)
    density = month.changed({"load.mechanics": "density"})
    assert estimate("it", density, shape, STEP).seconds == pytest.approx(5 + steps)
    # a run that does not ask for them does without where they do not fit
    monkeypatch.setattr("tissue.simulation.speed.usable_memory", lambda: 1_600_000_000)
    for mechanics, seconds in ((None, 5 + steps), ("fe", 5 + steps + solved)):
        asked = month.changed({"load.mechanics": mechanics}) if mechanics else month
        assert estimate("it", asked, shape, solving).seconds == pytest.approx(seconds)


def test_a_large_bone_is_measured_in_the_middle(
    quick: None, tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = large()
    part = middle(whole)
    assert part.grid == Grid((96, 20, 96), 10.0)
    np.testing.assert_array_equal(
        part.bone_volume_fraction, whole.bone_volume_fraction[2:98, :, 2:98]
    )
    assert middle(large(96)).grid.shape == (96, 20, 96)
    monkeypatch.setattr("tissue.simulation.simulation.load_geometry", lambda settings: whole)
    monkeypatch.setattr(speed, "measure", lambda config, bone: replace(STEP, shape=bone.grid.shape))
    done = bench(tiny)
    assert done.estimates[0].shape == (100, 20, 100)
    assert "measured on the middle 96 x 20 x 96" in done.notes[-1]


def test_a_middle_without_bone_is_refused() -> None:
    whole = large(200)
    whole.bone_volume_fraction[:150] = 0
    with pytest.raises(InputError, match="middle 96 x 20 x 96 voxels of this bone contain no"):
        middle(whole)


def test_mirrored_bone_has_the_same_surface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "TILE_EDGE", 16)
    settings = SyntheticSettings((32, 16, 20), 10.0, 0.3, 60.0, 1)
    bone = mirrored(settings).bone_volume_fraction
    assert bone.shape == (32, 16, 20)
    np.testing.assert_array_equal(bone[16:], bone[15::-1])
    assert bone[:16, :, :16].mean() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_probe_measures_the_speed_of_a_plan(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "PROBE_TIME", 0.0)
    monkeypatch.setattr(speed, "PROBE_EDGE", 8)
    found = probe((4, 9, 30), precision, loading=3.0)
    assert found.sweep > 0
    assert found.compilation >= 0
    assert found.loading == 3
