"""Forecasts of the output are correct within 20 %, for arrays and for headers."""

from pathlib import Path
from typing import Any, NamedTuple, cast

import h5py
import numpy as np
import pytest

from tissue.analysis.summary import write_summary
from tissue.model.fields import FIELDS
from tissue.scenario.config import RunConfig, read_run_file
from tissue.simulation.cost import expected_steps
from tissue.simulation.output import Schedule
from tissue.simulation.output_forecast import (
    CHECKPOINT_HEADER,
    FIELD_HEADER,
    LOAD_HEADER,
    SNAPSHOT_HEADER,
    checkpoints_left,
    complete_intervals,
    forecast_output,
    snapshot_fields,
    typical,
)
from tissue.simulation.run import run
from tissue.simulation.simulation import Simulation, load_geometry

BONE = {"shape": [24, 24, 24], "spacing": "10 um", "bv_tv": 0.2, "thickness": "50 um"}


def bytes_of_arrays(path: Path) -> int:
    """Bytes that the fields in a file take on disk, compressed as they are."""
    sizes = []

    def measure(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 3:
            sizes.append(item.id.get_storage_size())

    with h5py.File(path) as file:
        file.visititems(measure)
    return sum(sizes)


def configured(**tables: dict[str, Any]) -> RunConfig:
    bone = {"geometry": {"synthetic": BONE}, "disease": {"il1_excess": "3.5 pM"}}
    return read_run_file(bone | tables, name="disk")


RUNS = {
    "adaptive, every checkpoint kept": configured(
        run={"duration": "14 day"}, output={"snapshots": "3.5 day", "keep_every": 1}
    ),
    "fixed steps, float64, all fields": configured(
        load={"mechanics": "fe"},
        geometry={"synthetic": BONE | {"bv_tv": 0.35}},
        run={"duration": "4 day", "step": "0.5 day", "precision": "float64"},
        output={
            "snapshots": "2 day",
            "checkpoints": "1 day",
            "keep_every": 2,
            "fields": list(FIELDS),
        },
    ),
    "in places, no checkpoint kept, bone only": configured(
        run={"duration": "3 day"},
        disease={"pannus": {"faces": ["x_low"], "depth": "50 um"}},
        output={"snapshots": "1 day", "fields": ["bone_volume_fraction"]},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_forecast_agrees_with_the_files(tmp_path: Path, name: str) -> None:
    config = RUNS[name]
    bone = load_geometry(config)
    steps, mechanics = expected_steps(config), config.load.mechanics or "density"
    forecast = forecast_output(
        config, bone.bone_volume_fraction, bone.grid.voxels, bone.grid.spacing, steps, mechanics
    )
    run(config, tmp_path, geometry=bone)
    write_summary(tmp_path, config.name)
    snapshots, checkpoints = (list(tmp_path.glob(f"{kind}_*")) for kind in ("snap", "ckpt"))
    assert (forecast.snapshots, forecast.checkpoints) == (len(snapshots), len(checkpoints))
    # in so small a grid arrays take no more than what HDF5 puts around them
    load = LOAD_HEADER * (mechanics == "fe")
    frame = SNAPSHOT_HEADER + FIELD_HEADER * len(snapshot_fields(config))
    for files, total, around in (
        (snapshots, forecast.snapshot_bytes, frame),
        (checkpoints, forecast.checkpoint_bytes, CHECKPOINT_HEADER + load),
    ):
        arrays = sum(map(bytes_of_arrays, files))
        assert total - len(files) * around == pytest.approx(arrays, rel=0.2)
        rest = sum(file.stat().st_size for file in files) - arrays
        assert len(files) * around == pytest.approx(rest, rel=0.1)
    everything = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert forecast.bytes == pytest.approx(everything, rel=0.2)
    assert forecast.peak_bytes > forecast.bytes


class Now(NamedTuple):
    """A simulation as far as its schedule looks at it."""

    time: float
    finished: bool


@pytest.mark.parametrize(
    ("duration", "interval", "step", "keep_every", "left", "kept", "starts"),
    [
        (10, 1, 0.5, 0, 2, 0, 0),
        (10, 1, 0.5, 1, 11, 11, 1),  # the start too
        (10, 1, 0.5, 2, 7, 6, 1),  # 0, 2, ... 10, and 9 as one of the two newest
        (10, 3, 0.5, 1, 5, 4, 1),  # 0, 3, 6, 9, and the end
        (10, 0.5, 2, 1, 6, 6, 1),  # a step passes several times at once
        (10, 0.5, 2, 3, 6, 6, 1),  # and with them a multiple of three each time
        (10, 0.5, 2, 8, 4, 3, 1),  # day 0, 4, 8, and the end as one of the newest
        (10, 100, 0.5, 1, 2, 1, 1),  # the start and the end
        (10, 100, 0.5, 0, 2, 0, 1),  # as the newest
    ],
)
def test_checkpoints_that_stay(
    duration: float,
    interval: float,
    step: float,
    keep_every: int,
    left: int,
    kept: int,
    starts: int,
) -> None:
    config = configured(
        run={"duration": f"{duration} day", "step": f"{step} day"},
        output={
            "snapshots": f"{duration} day",
            "checkpoints": f"{interval} day",
            "keep_every": keep_every,
        },
    )
    assert checkpoints_left(config, expected_steps(config)) == (left, kept, starts)
    schedule, good = Schedule(config, 0.0), [keep_every > 0]
    for time in np.arange(step, duration + step / 2, step):
        if schedule.due(cast("Simulation", Now(float(time), bool(time >= duration)))):
            good.append(schedule.keep)
    assert (sum(good) + good[-2:].count(False), sum(good)) == (left, kept)
    assert starts == (good[0] or len(good) <= 2)


def test_intervals_are_over_in_spite_of_rounding() -> None:
    tenths = np.cumsum(
        np.full(30, 0.1)
    )  # 0.1 + 0.1 + 0.1 is more than 0.3, ten of them less than 1
    assert tenths[9] < 1
    found = complete_intervals(tenths, 0.5)
    np.testing.assert_array_equal(found, np.arange(1, 31) // 5)
    assert [int(complete_intervals(time, 0.5)) for time in tenths] == found.tolist()
    assert int(complete_intervals(0.4999, 0.5)) == 0


def test_years_of_short_steps_are_counted_at_once() -> None:
    config = RUNS["adaptive, every checkpoint kept"].changed(
        {
            "run.duration": "73000 day",
            "run.step": "0.001 day",
            "output.snapshots": "1 day",
            "output.checkpoints": "0.01 day",
        }
    )
    assert checkpoints_left(config, 73_000_000) == (7_300_001, 7_300_001, 1)


def test_a_part_has_the_surface_density_of_all() -> None:
    plates = np.zeros((64, 64, 192))
    plates[..., 5:8] = 0.5  # 3 of 64 in the first part, 12 in the second, 6 in the third
    plates[..., 70:82] = 0.5
    plates[..., 150:156] = 0.5
    assert np.array_equal(typical(plates), plates[..., 128:])
    assert typical(plates[:, :, :64]).shape == (64, 64, 64)
