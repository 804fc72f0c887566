"""Limits and colors of fields: structure at each time, and one meaning at all times."""

from pathlib import Path

import numpy as np
import pytest
from viewers.conftest import GRID, PEAKS, write_run

from tissue.storage.results import Run, open_run
from tissue.storage.snapshot import write_snapshot
from tissue.viewers.appearance import COLORS, appearances, color_levels

COUNT = len(COLORS)


def places(values: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Places of values on the color bar, from 0 to 1."""
    return np.interp(values, levels, np.linspace(0, 1, COUNT))


def test_even_values_have_even_colors() -> None:
    levels = color_levels([np.linspace(2, 10, 5121)], 2.0, 10.0)
    np.testing.assert_allclose(levels, np.linspace(2, 10, COUNT), rtol=1e-3)


def test_each_time_takes_its_share_of_the_colors() -> None:
    """Three narrow ranges: evenly spaced colors would give each 2 % of the bar."""
    times = [np.linspace(low, low + 0.02, 1000) for low in (0.0, 0.5, 0.98)]
    levels = color_levels(times, 0.0, 1.0)
    for values in times:
        assert np.ptp(places(values, levels)) == pytest.approx(0.8 / 3 + 0.2 * 0.02, abs=0.07)
    assert (np.diff(levels) > 0).all()


def test_a_value_that_most_voxels_hold_takes_few_colors() -> None:
    values = np.concatenate([np.zeros(99_000), np.linspace(0, 1, 1000)])
    levels = color_levels([values], 0.0, 1.0)
    assert np.ptp(places(np.linspace(0.05, 1, 9), levels)) > 0.4


def test_few_voxels_do_not_set_the_limits(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    values = np.linspace(10, 20, GRID.voxels).reshape(GRID.shape)
    values[0, 0, 0] = 1e6
    fields = {"bone_volume_fraction": np.ones(GRID.shape), "rankl": values, "il1": values}
    write_snapshot(folder, grid=GRID, step=9, time=9.0, fields=fields, provenance={})
    look = appearances(open_run(folder))["rankl"]
    assert look.high == max(PEAKS)


def test_fields_that_do_not_change_and_bone_have_even_colors(run: Run) -> None:
    looks = appearances(run)
    even = pytest.approx(np.linspace(0, 1, COUNT))
    assert looks["il1"].shares == even
    assert looks["bone_volume_fraction"].shares == even
    assert looks["rankl"].shares != even
    assert (looks["rankl"].shares[0], looks["rankl"].shares[-1]) == (0, 1)
