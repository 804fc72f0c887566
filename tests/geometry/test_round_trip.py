"""From a scan of any format to an export: four programs find the same bone at the same place.

`storage/test_round_trip.py` holds crops and cubes that are coarser than the voxels of the scan.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from geometry.table_rows.base import Row, Scan, Told
from geometry.table_rows.containers import ItkHdf5, NetCdf, Positions
from geometry.table_rows.dicoms import Dicom, Frames
from geometry.table_rows.scanco import Aim
from geometry.table_rows.tiffs import ImageJ
from geometry.table_rows.voxel_files import MetaImagePacked, Nifti2, NiftiPacked, Nrrd
from storage.places import bone_snapshot, plates

from tissue.geometry.grid import Frame
from tissue.geometry.load import load_image, measured_image
from tissue.geometry.settings import ImageSettings
from tissue.storage.export import export
from tissue.storage.snapshot import read_snapshot

BONE = "bone_volume_fraction"
EDGE = 8.0
PLATES = np.where(plates((16, 18, 22)) > 115, 7000, 900).astype("u2")
PLATES[3:5, 4, 5:7] = 6999  # voxels that no mix-up of axes puts on themselves


class SeriesOfItk(Dicom):
    """A series that SimpleITK writes; pydicom reads it."""

    name = "DICOM of SimpleITK"

    def write(self, folder: Path, scan: Scan) -> Path:
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        row, column, normal = scan.matrix.T
        turned = "\\".join(f"{part:.16g}" for part in (*row, *column))
        for z, plane in enumerate(scan.values):
            image = sitk.GetImageFromArray(plane.astype("i2"))
            image.SetSpacing([edge / 1e3 for edge in scan.edges[:0:-1]])
            place = np.array(scan.origin[::-1]) + z * scan.edges[0] * normal
            tags = {
                "0008|0060": "CT",
                "0008|0018": f"1.2.3.4.{z}",
                "0020|000e": "1.2.3",
                "0020|0013": f"{z}",
                "0020|0032": "\\".join(f"{part / 1e3:.9f}" for part in place),
                "0020|0037": turned,
            }
            for key, value in tags.items():
                image.SetMetaData(key, value)
            writer.SetFileName(str(folder / f"i{90 - z}.dcm"))
            writer.Execute(image)
        return folder


@dataclass(frozen=True)
class Case:
    """A format and how the scan lies in space; `rounding` is of its lengths [mm]."""

    row: Row
    direction: str
    rounding: float = 1e-6


CASES = {
    "NRRD": Case(Nrrd(), "oblique and flipped"),
    "MetaImage": Case(MetaImagePacked(), "turned and flipped"),
    # places of some 400 mm in numbers of 24 bits
    "NIfTI": Case(NiftiPacked(), "oblique and flipped", 4e-5),
    "NIfTI-2": Case(Nifti2(), "turned and flipped"),
    # positions of six decimals in mm
    "DICOM": Case(Dicom(), "oblique", 2e-6),
    "DICOM, left-handed": Case(Dicom(), "flipped", 2e-6),
    "DICOM of SimpleITK": Case(SeriesOfItk(), "oblique"),
    "DICOM with frames": Case(Frames(), "turned", 2e-6),
    "HDF5 of ITK": Case(ItkHdf5(), "oblique and flipped"),
    "netCDF-4": Case(Positions(), "flipped"),
    "netCDF": Case(NetCdf(), "flipped"),
    "TIFF of ImageJ": Case(ImageJ(), "upright"),
    # edges of 24 bits times hundreds of voxels
    "AIM": Case(Aim(), "upright", 1e-4),
}


@pytest.fixture(params=CASES)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Case, Path, Told]:
    """A scan, and what an independent program reads in it."""
    case = CASES[request.param]
    values = PLATES.astype("i2") if isinstance(case.row, Aim | NetCdf) else PLATES
    scan = Scan(values, (EDGE,) * 3, (410120.0, 35504.0, -12064.0), case.direction)
    file = case.row.made(tmp_path / "made", scan)
    return case, file, case.row.told(file, scan)


def settings(file: Path) -> ImageSettings:
    return ImageSettings(file, threshold=3000.0, keep_largest=False, close_pockets=False)


def corners(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [
        tuple(int(end) for end in np.array(corner) * (np.array(shape) - 1))
        for corner in np.ndindex(2, 2, 2)
    ]


def by_told(told: Told) -> Callable[[tuple[int, ...]], np.ndarray]:
    """Places (x, y, z) [mm] of voxels (z, y, x) of the scan."""
    origin, edges, matrix = (
        np.asarray(part, float) for part in (told.origin, told.edges, told.direction)
    )
    return lambda index: ((matrix @ (edges * index)) + origin)[::-1] / 1e3


def by_itk(image: sitk.Image) -> Callable[[tuple[int, ...]], np.ndarray]:
    return lambda index: np.array(
        image.TransformContinuousIndexToPhysicalPoint([float(along) for along in index[::-1]])
    )


def by_nibabel(image: Any) -> Callable[[tuple[int, ...]], np.ndarray]:
    return lambda index: np.diag([-1.0, -1.0, 1.0]) @ (image.affine @ [*index[::-1], 1])[:3]


def test_four_programs_read_the_bone_of_the_scan(
    made: tuple[Case, Path, Told], tmp_path: Path
) -> None:
    case, file, told = made
    assert told.values.shape == PLATES.shape
    assert told.edges is not None
    np.testing.assert_allclose(told.edges, EDGE, rtol=5e-6)
    bone = (told.values > 3000).astype("f4")
    bv_tv = float(bone.mean(dtype=np.float64))
    assert 0.3 < bv_tv < 0.6
    geometry = measured_image(settings(file))
    np.testing.assert_array_equal(geometry.bone_volume_fraction, bone)
    assert any(f"BV/TV {bv_tv:.4f} above" in line for line in geometry.log)
    path = bone_snapshot(tmp_path, geometry)
    np.testing.assert_array_equal(read_snapshot(path).field(BONE), bone)
    on_scan = by_told(told)
    exported = {
        kind: export(path, tmp_path, (BONE,), kind)[0] for kind in ("nrrd", "mha", "nifti", "tiff")
    }
    for kind in ("nrrd", "mha", "nifti"):
        image = sitk.ReadImage(str(exported[kind]))
        found = sitk.GetArrayFromImage(image)
        check(found, bone, by_itk(image), on_scan, rounding(case, kind))
    image = nibabel.load(exported["nifti"])
    found = np.asarray(image.dataobj).T
    check(found, bone, by_nibabel(image), on_scan, rounding(case, "nifti"))
    with tifffile.TiffFile(exported["tiff"]) as tiff:
        np.testing.assert_array_equal(tiff.asarray(), bone)
        keys = tiff.imagej_metadata or {}
        above, below = tiff.pages[0].tags["XResolution"].value
    assert keys["unit"] in ("um", "micron")
    np.testing.assert_allclose([keys["spacing"], below / above], EDGE, rtol=5e-6)


def rounding(case: Case, kind: str) -> float:
    """Rounding of a place [mm]: NIfTI holds it in numbers of 24 bits."""
    return max(case.rounding, 4e-5) if kind == "nifti" else case.rounding


def check(
    found: np.ndarray,
    bone: np.ndarray,
    place: Callable[[tuple[int, ...]], np.ndarray],
    on_scan: Callable[[tuple[int, ...]], np.ndarray],
    atol: float,
) -> None:
    """Voxels, BV/TV and place are those of the scan."""
    np.testing.assert_array_equal(found, bone)
    assert float(found.mean(dtype=np.float64)) == float(bone.mean(dtype=np.float64))
    for corner in corners(bone.shape):
        np.testing.assert_allclose(place(corner), on_scan(corner), rtol=0, atol=atol)


def test_a_simulation_starts_where_the_scan_lies(
    made: tuple[Case, Path, Told], tmp_path: Path
) -> None:
    """The bone of a run is averaged with its neighbors, and lies on the same grid."""
    case, file, told = made
    geometry = load_image(settings(file))
    (exported,) = export(bone_snapshot(tmp_path, geometry), tmp_path, (BONE,), "nrrd")
    image = sitk.ReadImage(str(exported))
    share = sitk.GetArrayFromImage(image)
    bone = told.values > 3000
    np.testing.assert_array_equal(share, geometry.bone_volume_fraction.astype("f4"))
    assert share[bone].mean() > 0.7
    assert share[~bone].mean() < 0.3
    place, on_scan = by_itk(image), by_told(told)
    for corner in corners(bone.shape):
        np.testing.assert_allclose(place(corner), on_scan(corner), rtol=0, atol=case.rounding)


def test_simpleitk_reads_a_series_as_pydicom_does(tmp_path: Path) -> None:
    scan = Scan(PLATES, (EDGE,) * 3, (410120.0, 35504.0, -12064.0), "oblique")
    folder = Dicom().made(tmp_path, scan)
    told = Dicom().told(folder, scan)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), told.values)
    place, on_scan = by_itk(image), by_told(told)
    for corner in corners(PLATES.shape):
        np.testing.assert_allclose(place(corner), on_scan(corner), rtol=0, atol=1e-5)


def test_the_place_is_no_other(tmp_path: Path) -> None:
    """A scan of another direction or origin lies elsewhere, by more than what counts as equal."""
    scan = Scan(PLATES, (EDGE,) * 3, (410120.0, 35504.0, -12064.0), "oblique")
    turned = replace(scan, direction="oblique and flipped")
    shifted = replace(scan, origin=(0.0, 0.0, 0.008))
    frames = []
    for number, each in enumerate((scan, turned, shifted)):
        file = Nrrd().made(tmp_path / f"{number}", each)
        frames.append(measured_image(settings(file)).grid.frame)
    assert len(set(frames)) == 3
    assert all(isinstance(frame, Frame) for frame in frames)
