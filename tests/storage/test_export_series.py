"""Fields over time in one file, read back with the programs they are for."""

import json
from pathlib import Path
from xml.etree import ElementTree

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from storage.conftest import GRID, TIMES, field
from storage.places import DIRECTIONS, scan
from storage.test_export import assert_placed

from tissue.cli import main
from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.storage import export_series as exporting
from tissue.storage.export_series import SERIES_KINDS, export_series, lost_times
from tissue.storage.snapshot import list_snapshots, write_snapshot

EVEN = (0.0, 3.5, 7.0)
EXPECTED = np.stack([field("il1", index) for index in range(3)])


def series_of(folder: Path, kind: str) -> Path:
    (made,) = export_series(list_snapshots(folder), folder / "images", ("il1",), kind)
    return made


def evenly(folder: Path, grid: Grid = GRID) -> Path:
    """Fills the folder of a run whose three snapshots are 3.5 days apart."""
    for index, time in enumerate(EVEN):
        fields = {"bone_volume_fraction": np.zeros(grid.shape), "il1": np.full(grid.shape, time)}
        write_snapshot(folder, grid=grid, step=index, time=time, fields=fields, provenance={})
    return folder


@pytest.mark.parametrize("kind", SERIES_KINDS)
def test_a_file_is_named_by_its_first_and_last_day(folder: Path, kind: str) -> None:
    made = series_of(folder, kind)
    assert made.name == f"il1_day0000.000_day0021.000{SERIES_KINDS[kind][0]}"


def test_nifti_holds_values_times_and_limits(folder: Path) -> None:
    image = nibabel.load(series_of(folder, "nifti-4d"))
    np.testing.assert_array_equal(np.asarray(image.dataobj).T, EXPECTED)
    assert image.header.get_xyzt_units() == ("mm", "sec")
    np.testing.assert_allclose(image.header.get_zooms(), [0.008, 0.008, 0.008, 10.5 * 86400])
    assert image.header["descrip"] == b"il1 [pM], day 0 to 21"
    assert (image.header["cal_min"], image.header["cal_max"]) == (EXPECTED.min(), EXPECTED.max())
    (notes,) = (json.loads(each.get_content()) for each in image.header.extensions)
    assert notes == {"field": "il1", "unit": "pM", "times_day": list(TIMES)}
    same = sitk.ReadImage(str(series_of(folder, "nifti-4d")))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(same), EXPECTED)


def test_a_single_time_has_a_length_that_itk_reads(folder: Path) -> None:
    (made,) = export_series(list_snapshots(folder)[:1], folder / "images", ("il1",), "nifti-4d")
    assert sitk.ReadImage(str(made)).GetSize()[:3] == GRID.shape[::-1]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_nifti_keeps_the_place_of_the_scan(tmp_path: Path, direction: str) -> None:
    grid = scan(direction, (12.3, 8.2, 8.2)).grid((3, 5, 2), (6, 5, 4), 16.4)
    image = nibabel.load(series_of(evenly(tmp_path, grid), "nifti-4d"))
    for affine in (image.get_sform(), image.get_qform()):
        assert_placed(np.diag([-1, -1, 1, 1]) @ affine, grid, 2.0**-23)


def test_ome_tiff_holds_values_edges_and_days(tmp_path: Path) -> None:
    with tifffile.TiffFile(series_of(evenly(tmp_path), "ome-tiff")) as file:
        assert file.series[0].axes == "TZYX"
        assert file.asarray()[:, 0, 0, 0].tolist() == list(EVEN)
        root = ElementTree.fromstring(file.ome_metadata or "")
    pixels = root.find("{*}Image/{*}Pixels")
    assert pixels is not None
    for axis in "XYZ":
        assert float(pixels.attrib[f"PhysicalSize{axis}"]) == GRID.spacing
        assert pixels.attrib[f"PhysicalSize{axis}Unit"] == "µm"
    assert (pixels.attrib["TimeIncrement"], pixels.attrib["TimeIncrementUnit"]) == ("3.5", "d")
    channel = pixels.find("{*}Channel")
    assert channel is not None
    assert channel.attrib["Name"].endswith("[pM]")
    planes = pixels.findall("{*}Plane")
    days = {each.attrib["TheT"]: float(each.attrib["DeltaT"]) for each in planes}
    assert list(days.values()) == list(EVEN)
    assert {each.attrib["DeltaTUnit"] for each in planes} == {"d"}


def test_ome_tiff_holds_unequal_days(folder: Path) -> None:
    with tifffile.TiffFile(series_of(folder, "ome-tiff")) as file:
        np.testing.assert_array_equal(file.asarray(), EXPECTED)
        pixels = ElementTree.fromstring(file.ome_metadata or "").find("{*}Image/{*}Pixels")
    assert pixels is not None
    assert "TimeIncrement" not in pixels.attrib
    days = [float(each.attrib["DeltaT"]) for each in pixels.findall("{*}Plane")]
    assert sorted(set(days)) == list(TIMES)


def test_imagej_shows_voxels_days_and_all_values(folder: Path) -> None:
    with tifffile.TiffFile(series_of(folder, "imagej")) as file:
        assert file.series[0].axes == "TZYX"
        np.testing.assert_array_equal(file.asarray(), EXPECTED)
        shown = file.imagej_metadata or {}
        voxels, units = file.pages[0].tags["XResolution"].value
    assert units / voxels == pytest.approx(GRID.spacing)
    assert (shown["spacing"], shown["unit"]) == (GRID.spacing, "um")
    assert (shown["frames"], shown["slices"], shown["hyperstack"]) == (3, 5, True)
    assert (shown["finterval"], shown["tunit"]) == (10.5, "day")
    assert (shown["min"], shown["max"]) == (EXPECTED.min(), EXPECTED.max())
    assert shown["Labels"][::5] == ["il1, day 0", "il1, day 7", "il1, day 21"]


def test_a_series_too_large_for_imagej_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "MAX_CLASSIC_TIFF", 100)
    with pytest.raises(InputError, match=r"il1 over 3 times needs .* use --to ome-tiff"):
        series_of(folder, "imagej")
    with tifffile.TiffFile(series_of(folder, "ome-tiff")) as file:
        assert file.is_bigtiff
        np.testing.assert_array_equal(file.asarray(), EXPECTED)


def test_snapshots_of_two_grids_are_refused(folder: Path) -> None:
    grid = Grid((5, 4, 3), 9.0)
    fields = {name: np.zeros(grid.shape) for name in ("bone_volume_fraction", "il1")}
    write_snapshot(folder, grid=grid, step=30, time=30.0, fields=fields, provenance={})
    with pytest.raises(InputError, match="has another grid than"):
        series_of(folder, "nifti-4d")


def test_a_field_that_a_snapshot_lacks_is_refused(folder: Path) -> None:
    bone = {"bone_volume_fraction": np.zeros(GRID.shape)}
    write_snapshot(folder, grid=GRID, step=30, time=30.0, fields=bone, provenance={})
    with pytest.raises(InputError, match=r"day0030\.000\.hdf has no field 'il1'"):
        list(export_series(list_snapshots(folder), folder / "images", (), "ome-tiff"))


def test_unequal_times_are_noted(folder: Path, tmp_path: Path) -> None:
    paths = list_snapshots(folder)
    assert lost_times(paths, "nifti-4d").endswith("in its extension: day 0, 7, 21")
    assert lost_times(paths, "imagej").endswith("in the slice labels: day 0, 7, 21")
    assert lost_times(paths, "ome-tiff") == lost_times(paths[:2], "nifti-4d") == ""


def test_the_command_writes_one_file_per_field(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(folder), "--to", "nifti-4d", "--times", "0,7"]) == 0
    reported = capfd.readouterr()
    names = [Path(line).name for line in reported.out.splitlines()]
    assert names == [
        f"{name}_day0000.000_day0007.000.nii.gz" for name in ("bone_volume_fraction", "il1")
    ]
    assert reported.err == ""
    assert main(["export", str(folder), "--to", "imagej", "--fields", "il1"]) == 0
    assert "one frame interval" in capfd.readouterr().err
