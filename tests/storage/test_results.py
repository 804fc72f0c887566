"""A run read back: fields with their coordinates and units."""

from pathlib import Path

import numpy as np
import pytest
from storage.conftest import GRID, TIMES, field

from tissue.errors import InputError
from tissue.storage.results import open_run


def test_fields_have_coordinates_and_units(folder: Path) -> None:
    run = open_run(folder)
    np.testing.assert_array_equal(run.times, TIMES)
    assert run.units == {"bone_volume_fraction": "1", "il1": "pM"}
    np.testing.assert_array_equal(run.field("il1", 1), field("il1", 1))
    assert [len(run.coordinates[axis]) for axis in "zyx"] == list(GRID.shape)
    assert run.coordinates["z"][1] == GRID.origin[0] + GRID.spacing


def test_xarray_gets_a_labeled_dataset(folder: Path) -> None:
    pytest.importorskip("xarray")
    data = open_run(folder).to_xarray(["il1"])
    assert data["il1"].dims == ("time", "z", "y", "x")
    at = {"time": 21, "z": 108, "y": 28, "x": 12}
    assert float(data["il1"].sel(at)) == field("il1", 2)[1, 1, 1]
    assert data["il1"].attrs["units"] == "pM"
    assert data["z"].attrs["units"] == "um"


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give the folder of a run"):
        open_run(tmp_path)
