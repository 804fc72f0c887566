"""What a run leaves on disk is foretold within 20 %, file by file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tissue.analysis.summary import write_summary
from tissue.scenario.config import RunConfig, parse_run
from tissue.simulation.disk import checkpoints_left, typical, written
from tissue.simulation.plan import expected_steps
from tissue.simulation.run import run
from tissue.simulation.simulation import load_geometry

BONE = {"shape": [24, 24, 24], "spacing": "10 um", "bv_tv": 0.2, "thickness": "50 um"}
EVERY = (
    *("bone_volume_fraction", "il1", "tnf", "rankl", "opg", "osteoclasts", "osteoblasts"),
    *("osteoclast_precursors", "osteoblast_precursors"),
)


def configured(**tables: dict[str, Any]) -> RunConfig:
    bone = {"geometry": {"synthetic": BONE}, "disease": {"il1_excess": "3.5 pM"}}
    return parse_run(bone | tables, Path(), "disk")


RUNS = {
    "adaptive, every checkpoint kept": configured(
        run={"duration": "14 day"}, output={"snapshots": "3.5 day", "keep_every": 1}
    ),
    "fixed steps, float64, all fields": configured(
        run={"duration": "4 day", "step": "0.5 day", "precision": "float64"},
        output={
            "snapshots": "2 day",
            "checkpoints": "1 day",
            "keep_every": 2,
            "fields": list(EVERY),
        },
    ),
    "in places, no checkpoint kept, bone only": configured(
        run={"duration": "3 day"},
        disease={"pannus": {"faces": ["x_low"], "depth": "50 um"}},
        output={"snapshots": "1 day", "fields": ["bone_volume_fraction"]},
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if number else [])
        for number, name in enumerate(RUNS)
    ],
)
def test_what_is_foretold_is_what_is_written(tmp_path: Path, name: str) -> None:
    config = RUNS[name]
    bone = load_geometry(config)
    steps = expected_steps(config)
    foretold = written(
        config, bone.bone_volume_fraction, bone.grid.voxels, bone.grid.spacing, steps
    )
    run(config, tmp_path, geometry=bone)
    write_summary(tmp_path, config.name)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    snapshots = [size for file, size in sizes.items() if file.startswith("snap_")]
    checkpoints = [size for file, size in sizes.items() if file.startswith("ckpt_")]
    assert (foretold.snapshots, foretold.checkpoints) == (len(snapshots), len(checkpoints))
    assert foretold.snapshot_bytes == pytest.approx(sum(snapshots), rel=0.2)
    assert foretold.checkpoint_bytes == pytest.approx(sum(checkpoints), rel=0.2)
    assert foretold.bytes == pytest.approx(sum(sizes.values()), rel=0.2)
    assert foretold.most > foretold.bytes


@pytest.mark.parametrize(
    ("duration", "interval", "step", "keep_every", "left", "kept"),
    [
        (10, 1, 0.5, 0, 2, 0),
        (10, 1, 0.5, 1, 11, 11),  # the start too
        (10, 1, 0.5, 2, 7, 6),  # 0, 2, ... 10, and 9 as one of the two newest
        (10, 3, 0.5, 1, 5, 4),  # 0, 3, 6, 9, and the end
        (10, 0.5, 2, 1, 6, 6),  # a step passes several times at once
        (10, 100, 0.5, 1, 2, 1),  # the start and the end
    ],
)
def test_checkpoints_that_stay(
    duration: float, interval: float, step: float, keep_every: int, left: int, kept: int
) -> None:
    config = configured(
        run={"duration": f"{duration} day", "step": f"{step} day"},
        output={
            "snapshots": f"{duration} day",
            "checkpoints": f"{interval} day",
            "keep_every": keep_every,
        },
    )
    assert checkpoints_left(config, expected_steps(config)) == (left, kept)


def test_years_of_short_steps_are_counted_at_once() -> None:
    config = replace(
        RUNS["adaptive, every checkpoint kept"],
        duration=73000.0,
        step=0.001,
        snapshot_interval=1.0,
        checkpoint_interval=0.01,
    )
    assert checkpoints_left(config, 73_000_000) == (7_300_001, 7_300_001)


def test_a_part_has_the_surface_of_the_whole() -> None:
    plates = np.zeros((64, 64, 192))
    plates[..., 5:8] = 0.5  # 3 of 64 in the first part, 12 in the second, 6 in the third
    plates[..., 70:82] = 0.5
    plates[..., 150:156] = 0.5
    assert np.array_equal(typical(plates), plates[..., 128:])
    assert typical(plates[:, :, :64]).shape == (64, 64, 64)
