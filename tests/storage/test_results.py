"""A run read back: fields with their coordinates and units."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from storage.conftest import GRID, TIMES, field

from tissue.errors import InputError
from tissue.storage.results import open_run
from tissue.storage.snapshot import Snapshot
from tissue.storage.tables import Columns, Table


def test_fields_have_coordinates_and_units(folder: Path) -> None:
    run = open_run(folder)
    np.testing.assert_array_equal(run.times, TIMES)
    assert run.units == {"bone_volume_fraction": "1", "il1": "pM"}
    np.testing.assert_array_equal(run.field("il1", 1), field("il1", 1))
    assert [len(run.coordinates[axis]) for axis in "zyx"] == list(GRID.shape)
    assert run.coordinates["z"][1] == GRID.origin[0] + GRID.spacing


def test_a_field_is_found_by_its_day(folder: Path) -> None:
    run = open_run(folder)
    for index, day in enumerate(TIMES):
        np.testing.assert_array_equal(run.field("il1", day=day), field("il1", index))
    with pytest.raises(InputError, match=rf"has no snapshot of day 5.5; it has {TIMES[0]:g}, "):
        run.field("il1", day=5.5)
    with pytest.raises(InputError, match="index 1 and the day 7 of a snapshot; give one"):
        run.field("il1", 1, day=7.0)


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


def test_a_table_converts_to_pandas() -> None:
    pytest.importorskip("pandas")
    table = Columns("metrics", {"time_day": np.array([0.0, 2.0]), "bv_tv": np.array([0.3, 0.2])})
    frame = table.to_pandas()
    assert frame.index.name == "time_day"
    assert frame.loc[2.0, "bv_tv"] == 0.2
    assert list(frame.columns) == ["bv_tv"]
    assert repr(table) == "metrics: 2 rows of time_day, bv_tv"


@pytest.mark.parametrize("package", ["pandas", "xarray"])
def test_a_missing_package_is_named_with_the_remedy(
    package: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(folder)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "tissue.storage.dataset", raising=False)
    convert = run.metrics.to_pandas if package == "pandas" else run.to_xarray
    with pytest.raises(InputError, match=f"needs the package {package}: pip install {package}"):
        convert()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str]]:
    """Time and name of each field that is read."""
    found: list[tuple[float, str]] = []
    read = Snapshot.field

    def counted(snapshot: Snapshot, name: str) -> Any:
        found.append((snapshot.time, name))
        return read(snapshot, name)

    monkeypatch.setattr(Snapshot, "field", counted)
    return found


def test_a_dataset_reads_the_snapshots_that_are_used(
    folder: Path, reads: list[tuple[float, str]]
) -> None:
    pytest.importorskip("xarray")
    data = open_run(folder).to_xarray()
    repr(data)
    part = data["il1"].isel(time=[0, 2], z=1, y=slice(None, None, 2), x=[2, 0])
    assert part.shape[0] == 2
    assert reads == []
    expected = np.stack([field("il1", 0), field("il1", 2)])[:, 1, ::2][:, :, [2, 0]]
    np.testing.assert_array_equal(part.values, expected)
    assert reads == [(TIMES[0], "il1"), (TIMES[2], "il1")]
    np.testing.assert_array_equal(data["il1"][-1].values, field("il1", len(TIMES) - 1))


def test_a_dataset_has_units_names_and_provenance(folder: Path) -> None:
    pytest.importorskip("xarray")
    run = open_run(folder)
    data = run.to_xarray()
    assert data["il1"].attrs == {"units": "pM", "long_name": "IL-1 in marrow fluid"}
    assert data["time"].attrs["units"] == "day"
    assert [data[axis].attrs["units"] for axis in "zyx"] == ["um"] * 3
    assert run.provenance.items() <= data.attrs.items()
    assert run.provenance
    with pytest.raises(InputError, match="no field 'il7'; it has bone_volume_fraction, il1"):
        run.to_xarray(["il7"])


def test_a_dataset_comes_back_from_netcdf(folder: Path, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    data = open_run(folder).to_xarray()
    data.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as back:
        xarray.testing.assert_equal(back, data)
        assert back["il1"].attrs == data["il1"].attrs
        assert back.attrs["config_sha256"] == "abc"


def test_a_run_prints_in_a_few_lines(folder: Path) -> None:
    text = repr(open_run(folder))
    assert text.count("\n") <= 3
    assert len(text) < 500
    assert f"{len(TIMES)} snapshots" in text
    assert "il1" in text


def test_a_run_names_the_day_that_its_change_counts_from(folder: Path) -> None:
    columns = ("time_day", "bv_tv", "bv_tv_change_percent")
    with Table(folder / "metrics.csv", columns) as table:
        for row in ((0, 0.2, 0), (21, 0.19, -5)):
            table.append(dict(zip(columns, row, strict=True)))
    assert "day 21, BV/TV 0.1900 (-5.00 % since day 0)" in repr(open_run(folder))
