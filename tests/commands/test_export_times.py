"""Snapshots that `tissue export --times` chooses."""

from pathlib import Path

import numpy as np
import pytest
from commands.conftest import Capture, refused

from tissue.cli import main
from tissue.geometry.grid import Grid
from tissue.storage.snapshot import write_snapshot

DAYS = {1: 0.0, 2: 1 / 3, 3: 7.0, 4: 14.0, 5: 1234.5678}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for step, day in DAYS.items():
        write_snapshot(
            tmp_path,
            grid=Grid((4, 5, 6), 8.0),
            step=step,
            time=day,
            fields={"bone_volume_fraction": np.full((4, 5, 6), day)},
            provenance={"config_sha256": "abc"},
        )
    return tmp_path


@pytest.mark.parametrize(
    ("times", "steps"),
    [
        ("7 day", [3]),
        ("7", [3]),
        ("7,", [3]),
        ("1 week", [3]),
        ("168 h, 2 week", [3, 4]),
        ("0,7 day", [1, 3]),
        ("14 d,0.333333", [2, 4]),
        ("8 h", [2]),
        ("0 s", [1]),
        ("1234.57", [5]),
        ("1234.5678 day", [5]),
    ],
)
def test_times_have_units_or_are_days(
    capfd: Capture, folder: Path, times: str, steps: list[int]
) -> None:
    assert main(["export", str(folder), "--to", "npy", "--times", times]) == 0
    made = [Path(line) for line in capfd.readouterr().out.splitlines()]
    assert [np.load(path)[0, 0, 0] for path in made] == pytest.approx(
        [DAYS[step] for step in steps]
    )


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ("1,2 week", "--times '1,2 week': give every time its unit, e.g. '7 day,2 week'"),
        ("8", "no snapshot of day 8; there are 0, 0.333333, 7, 14, 1234.57"),
        ("7 day,8 day", "no snapshot of day 8;"),
        ("7 pM", "--times: '7 pM' is a concentration: a time is needed, e.g. '7 day'"),
        ("7 dya", "--times: 'dya' is not a known unit; did you mean 'day'"),
        ("soon", "--times: 'soon' does not start with a finite number"),
    ],
)
def test_times_that_are_not_there_are_refused(
    capfd: Capture, folder: Path, times: str, message: str
) -> None:
    assert message in refused(capfd, "export", folder, "--to", "npy", "--times", times)
    assert not (folder / "export").exists()
