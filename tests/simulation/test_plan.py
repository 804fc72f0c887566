"""The plan tells what a run needs, and warns in the run file's own words."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.geometry.settings import ImageSettings, SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.machine import host
from tissue.mechanics.compression import bearing_voxels
from tissue.model.conservation import BUDGETS, SWEPT, Budget
from tissue.scenario.config import RunConfig, read_run_file
from tissue.simulation.cost import (
    FIELDS_IN_MEMORY,
    MEMORY_MARGIN,
    SNAPSHOTS_IN_MEMORY,
    SOLVED_MEMORY,
    Probe,
    WallTime,
    expected_solves,
    expected_steps,
    wall_time,
)
from tissue.simulation.ledger import LEDGER, broken_budget, ledger_row
from tissue.simulation.machine_forecast import MachineForecast
from tissue.simulation.plan import plan
from tissue.simulation.simulation import load_geometry
from tissue.simulation.text import duration, size

ROOT = Path(__file__).parents[2]


def geometry(spacing: float = 10.0, *warnings: str) -> Geometry:
    bone = np.zeros((10, 20, 30))
    bone[:, :5] = 1
    return Geometry(Grid((10, 20, 30), spacing), bone, (), warnings)


@cache
def trabeculae() -> Geometry:
    return synthesize(SyntheticSettings((24, 24, 24), 10.0, bv_tv=0.2, thickness=50.0))


def test_the_plan_counts(tiny: RunConfig) -> None:
    planned = plan(tiny, geometry())
    assert (planned.shape, planned.spacing, planned.bv_tv) == ((10, 20, 30), 10, 0.25)
    assert (planned.steps[:10], planned.output.snapshots) == ("of 0.5 day", 3)
    assert planned.warnings == ()
    double = plan(tiny.changed({"run.precision": "float64"}), geometry())
    alive = FIELDS_IN_MEMORY + SNAPSHOTS_IN_MEMORY * len(tiny.output.fields)
    assert double.memory - planned.memory == alive * 4 * 6000
    planned, double = (
        plan(tiny.changed({"run.precision": f"float{n}"}), trabeculae()) for n in (32, 64)
    )
    assert double.output.checkpoint_bytes > 2 * planned.output.checkpoint_bytes
    assert double.output.snapshot_bytes == planned.output.snapshot_bytes
    fewer = plan(tiny.changed({"output.fields": tiny.output.fields[:3]}), trabeculae())
    assert fewer.output.snapshot_bytes < 0.6 * planned.output.snapshot_bytes


def test_the_plan_in_words(tiny: RunConfig) -> None:
    grid, steps, load, memory, writes = plan(tiny, geometry()).lines()
    assert "10 x 20 x 30 voxels [z, y, x] of 10 um (0.1 x 0.2 x 0.3 mm" in grid
    assert "BV/TV 0.2500" in grid
    assert load == (
        "load       from the density of bone near by, as an edge of 10 voxels is shorter than 40"
    )
    assert steps == "steps      of 0.5 day or less, to end on every snapshot"
    _, adaptive, *_ = plan(tiny.changed({"run.step": "adaptive"}), geometry()).lines()
    assert adaptive.startswith(
        "steps      adaptive: time stepping may change BV/TV by 0.2 percentage"
    )
    assert memory.endswith("953 MB")
    made = plan(tiny, geometry()).output
    assert writes == (
        f"writes     about {size(made.bytes)} in all: 3 snapshots (about "
        f"{size(made.snapshot_bytes)}), 2 checkpoints (about {size(made.checkpoint_bytes)}), "
        "metrics.csv, ledger.csv, run.toml, run.log, summary.png"
    )
    *_, writes = plan(tiny.changed({"output.keep_every": 1}), geometry()).lines()
    assert "3 checkpoints, 3 kept by output.keep_every = 1 (about" in writes
    *_, writes = plan(tiny.changed({"output.keep_every": 2}), geometry()).lines()
    assert "3 checkpoints, 2 kept by output.keep_every = 2 and 1 as the newest (about" in writes


def test_a_large_bone_is_planned_from_a_part(tiny: RunConfig) -> None:
    full = Grid((100, 200, 300), 10.0)
    part, density = trabeculae(), tiny.changed({"load.mechanics": "density"})
    small, large = plan(density, part), plan(density, part, full_grid=full)
    assert large.shape == (100, 200, 300)
    assert "BV/TV about 0.20" in large.lines()[0]
    more = full.voxels - part.grid.voxels
    alive = FIELDS_IN_MEMORY + SNAPSHOTS_IN_MEMORY * len(tiny.output.fields)
    assert large.memory - small.memory == alive * 4 * more
    a_voxel = (large.output.checkpoint_bytes - small.output.checkpoint_bytes) / (2 * more)
    assert a_voxel == pytest.approx(30, rel=0.1)  # in runs of such bone
    solving = plan(tiny, part, full_grid=full)  # from 40 voxels on
    assert "by finite elements of the bone (confined), if it reaches all faces" in solving.load
    assert solving.memory - large.memory >= SOLVED_MEMORY * full.voxels
    # a solve needs more of denser bone: its coarse matrices are those of 8 voxels each or fewer
    dense = synthesize(SyntheticSettings((24, 24, 24), 10.0, bv_tv=0.55, thickness=50.0))
    shares = [bearing_voxels(each.bone_volume_fraction) / 24**3 for each in (part, dense)]
    found = plan(tiny, dense, full_grid=full)
    assert found.memory - solving.memory > 290 * (shares[1] - shares[0]) * full.voxels


def test_a_disk_that_will_be_full_is_warned_of(
    tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("nowhere") / "run"
    most = plan(tiny, geometry(), folder=folder).output.peak_bytes
    monkeypatch.setattr("tissue.simulation.plan.free_disk", lambda there: most)
    assert plan(tiny, geometry(), folder=folder).warnings == ()
    monkeypatch.setattr("tissue.simulation.plan.free_disk", lambda there: most - 1)
    (warning,) = plan(tiny, geometry(), folder=folder).warnings
    assert f"writes about {size(most)} and {folder} has {size(most - 1)} free" in warning
    assert plan(tiny, geometry()).warnings == ()


def test_the_plan_has_a_time_where_the_machine_was_probed(tiny: RunConfig) -> None:
    assert plan(tiny, geometry()).wall_time is None
    assert len(plan(tiny, geometry()).lines()) == 5
    probe = Probe(2.0, 0.1, loading=100.0)
    planned = plan(tiny, geometry(), probe)
    took = planned.wall_time
    assert took == wall_time(tiny, 6000, probe)
    assert took is not None
    assert took.steps == expected_steps(tiny) == 4
    assert took.total == pytest.approx(took.start + 4 * took.step + took.end)
    assert took.total > 100
    assert planned.lines()[4].startswith(f"time       about {duration(took.total)} here on ")
    assert "about 4 steps of " in planned.lines()[4]


def test_solves_of_finite_elements_take_time(tiny: RunConfig) -> None:
    bone = np.zeros((12, 12, 12))
    for axis in range(3):
        np.moveaxis(bone, axis, 0)[:, 4:8, 4:8] = 1
    cross = Geometry(Grid((12, 12, 12), 10.0), bone, (), ())
    with_them, without = (
        plan(tiny.changed({"load.mechanics": kind}), cross, Probe(2000.0, 0.1))
        for kind in ("fe", "density")
    )
    took, less = with_them.wall_time, without.wall_time
    assert took
    assert less
    assert (took.solves, less.solves) == (2, 0)  # at each snapshot after the first
    assert took.solve > 0
    assert took.start > less.start
    assert took.total == pytest.approx(took.start + 4 * took.step + 2 * took.solve + took.end)
    text = f", about 2 solves of finite elements of {duration(took.solve)}, "
    assert text in with_them.forecast.time
    assert "solve" not in without.forecast.time


@pytest.mark.parametrize(
    ("species", "days", "snapshots", "solves"),
    [("mouse", 28, 28, 4), ("mouse", 28, 2, 14), ("human", 365, 365, 5), ("human", 720, 60, 12)],
)
def test_bone_is_solved_at_snapshots_and_after_an_interval(
    tiny: RunConfig, species: str, days: int, snapshots: int, solves: int
) -> None:
    changes = {"run.preset": species, "run.duration": f"{days} day", "run.step": "adaptive"}
    config = tiny.changed(changes | {"output.snapshots": f"{snapshots} day"})
    assert expected_solves(config) == solves


def test_the_time_follows_machine_and_grid(tiny: RunConfig) -> None:
    def of(sweep: float, compilation: float, voxels: int = 10**6) -> WallTime:
        return wall_time(tiny, voxels, Probe(sweep, compilation))

    fast = of(2.0, 0.0)
    assert of(20.0, 0.0).step == pytest.approx(10 * fast.step, rel=0.05)
    assert of(2.0, 1.0).step == fast.step
    assert of(2.0, 1.0).start > fast.start
    assert of(2.0, 0.0, 2 * 10**6).step == pytest.approx(2 * fast.step)
    assert of(2.0, 0.0, 64 * 10**6).step > 100 * fast.step


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.123, "0.12 s"),
        (119, "119 s"),
        (121, "2 min"),
        (5400, "90 min"),
        (9000, "2.5 h"),
        (10**6, "12 days"),
    ],
)
def test_a_duration_has_a_suitable_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("preset", "edge"), [("mouse", 10.0), ("human", 25.0)])
def test_coarse_voxels_are_warned_of(preset: str, edge: float) -> None:
    synthetic = read_run_file(ROOT / "tests" / "tiny.toml", [f"run.preset={preset}"])
    image = synthetic.changed({"geometry": ImageSettings(Path("bone.nrrd"))})
    assert plan(synthetic, geometry(edge)).warnings == ()
    (warning,) = plan(synthetic, geometry(edge * 1.02)).warnings
    assert f"coarse for {preset} trabeculae: up to {edge:g} um" in warning
    assert "set geometry.synthetic.spacing to a finer voxel" in warning
    (warning,) = plan(image, geometry(edge * 1.02)).warnings
    assert "set geometry.resample to a finer voxel" in warning


def test_too_little_memory_is_warned_of(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tissue.simulation.machine_forecast.usable_memory", lambda: 400_000_000)
    planned = plan(tiny, geometry())
    assert not planned.forecast.fits
    assert planned.forecast.verdict == (
        "cannot run here: it needs about 953 MB of memory and 400 MB are available"
    )
    (warning,) = planned.warnings
    assert "needs about 953 MB of memory and 400 MB are available" in warning


def test_ready_is_said_only_beyond_the_error_of_the_forecast(
    tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    need = plan(tiny, geometry()).memory
    assert 5.15 / 4.69 < MEMORY_MARGIN < 1.25  # measured over predicted at 192^3, and the goal
    sure = round(MEMORY_MARGIN * need)
    for room, text in (
        (sure, "ready to run here"),
        (sure - 1, "may not fit here: it needs about 953 MB (up to 1.05 GB) of memory and "),
        (need, "may not fit here: it needs"),
        (need - 1, "cannot run here: it needs about 953 MB of memory and 953 MB are available"),
    ):
        monkeypatch.setattr(
            "tissue.simulation.machine_forecast.usable_memory", lambda room=room: room
        )
        planned = plan(tiny, geometry())
        assert planned.forecast.verdict.startswith(text)
        assert planned.forecast.fits == (room >= need)
        assert len(planned.warnings) == (room < sure)


def test_the_bone_must_fit_while_it_is_read(
    tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    need = plan(tiny, geometry()).memory

    def text(reading: int, host: int, device: int) -> MachineForecast:
        monkeypatch.setattr("tissue.simulation.machine_forecast.usable_memory", lambda: device)
        monkeypatch.setattr("tissue.simulation.machine_forecast.allowed_memory", lambda: host)
        return plan(tiny, geometry(), loading=reading).forecast

    large = text(3 * need, host=2 * need, device=2 * need)
    assert (large.need, large.available, large.fits) == (3 * need, 2 * need, False)
    assert (
        large.verdict
        == "cannot run here: it needs about 2.86 GB of memory and 1.91 GB are available"
    )
    assert large.memory == "about 2.86 GB to load the bone, then about 953 MB to simulate it"
    assert "geometry.crop" in large.remedy
    small = text(need - 1, host=2 * need, device=2 * need)
    assert (small.need, small.verdict) == (need, "ready to run here")
    assert small.memory == "about 953 MB"
    # a GPU has a memory of its own
    assert text(3 * need, host=4 * need, device=2 * need).verdict == "ready to run here"
    assert not text(3 * need, host=2 * need, device=9 * need).fits
    assert text(need, host=9 * need, device=need // 2).need == need


def test_a_time_measured_beside_other_work_says_so(
    tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "cores", lambda: 2)
    idle = "here on an idle machine"
    for load, text in ((2.9, f"{idle}: "), (9.0, f"{idle}, longer now, where other work keeps")):
        monkeypatch.setattr("os.getloadavg", lambda load=load: (load, 0, 0))
        assert text in plan(tiny, geometry(), Probe(2.0, 0.1)).forecast.time


def test_short_steps_in_float32_are_warned_of(tiny: RunConfig) -> None:
    short = tiny.changed({"run.step": "0.01 day"})
    (warning,) = plan(short, geometry()).warnings
    assert "set run.precision to float64 or run.step to 0.02 day" in warning
    assert plan(short.changed({"run.precision": "float64"}), geometry()).warnings == ()


def test_a_nan_is_a_broken_budget() -> None:
    residuals = dict.fromkeys(BUDGETS, 1e-9) | {"rankl": float("nan")}
    assert "rankl" in str(broken_budget(residuals, "float32"))


def test_warnings_of_geometry_and_parameters_are_passed_on(tiny: RunConfig) -> None:
    config = tiny.model_copy()
    config._warnings = ("odd parameter",)
    assert plan(config, geometry(10.0, "thin")).warnings == ("thin", "odd parameter")


def test_bone_that_does_not_continue_across_a_face_is_reported(tiny: RunConfig) -> None:
    # bone fills the first quarter of y: alike along z and x, cut along y
    box = tiny.changed({"boundary.periodic": ("z", "y", "x")})
    (warning,) = plan(box, geometry()).warnings
    assert warning.startswith("bone differs by 1.00 from one end of y to the other and by 0.50")
    for shape, spacing in ((32, 10.0), (20, 20.0)):
        settings = SyntheticSettings((shape,) * 3, spacing, bv_tv=0.2, thickness=65.0)
        assert not cuts(box.changed({"geometry": settings}))


@pytest.mark.parametrize("voxel", [16.4, 24.6])
def test_an_image_is_cut_at_any_resolution(tiny: RunConfig, voxel: float) -> None:
    bone = ImageSettings(ROOT / "runs" / "data" / "shrew.nrrd", resample=voxel)
    assert len(cuts(tiny.changed({"boundary.periodic": ("z", "y", "x"), "geometry": bone}))) == 3


def cuts(config: RunConfig) -> list[str]:
    warnings = plan(config, load_geometry(config)).warnings
    return [text for text in warnings if "from one end" in text]


def test_the_ledger_is_in_its_units() -> None:
    books = dict.fromkeys(BUDGETS, Budget(*np.array([3e9, 2e9, 1e9, 0.0])))
    row = ledger_row(
        1.5, books, dict.fromkeys(BUDGETS, 1e-7), dict.fromkeys(SWEPT, 4e6), spacing=0.1
    )
    assert tuple(sorted(row)) == tuple(sorted(LEDGER))
    assert row["time_day"] == 1.5
    assert row["bone_gained_mm3"] == pytest.approx(3e-3)
    assert row["bone_lost_mm3"] == pytest.approx(2e-3)
    assert row["bone_change_mm3"] == pytest.approx(1e-3)


@pytest.mark.parametrize(("precision", "bound"), [("float32", 1e-5), ("float64", 1e-10)])
def test_the_worst_budget_is_named(precision: str, bound: float) -> None:
    fine = dict.fromkeys(BUDGETS, 0.9 * bound)
    assert broken_budget(fine, precision) is None
    broken = broken_budget(fine | {"opg": 2 * bound, "il1": 3 * bound}, precision)
    assert broken == f"the il1 budget does not close: relative residual {3 * bound:.2g} > {bound:g}"
