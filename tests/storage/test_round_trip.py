"""From a scan to a grid, a snapshot, an export and back: each reader finds the bone on the scan."""

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from scipy import ndimage
from storage.places import Placed, bone_snapshot, scan
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOXML import vtkXMLImageDataReader

from tissue.geometry.grid import Grid
from tissue.geometry.images import read_image
from tissue.geometry.load import load_image
from tissue.geometry.settings import ImageSettings
from tissue.storage import export as exporting
from tissue.storage.export import export
from tissue.storage.snapshot import read_snapshot

BONE = "bone_volume_fraction"
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From the axes of NIfTI to those of ITK."""


@dataclass(frozen=True)
class Case:
    """Storage, crop and resampling of a scan.

    Attributes:
        suffix: of the file.
        direction: name of the direction of its axes.
        edges: voxel edges (z, y, x) [um].
        start: first voxel of the crop (z, y, x).
        stop: voxel behind the crop (z, y, x).
        resample: wanted edge [um].
        spacing: edge of the cubes that come of it [um].
        shape: number of these cubes (z, y, x).
        thick: thickness of the plates of bone, 1 for three or four voxels.
    """

    suffix: str
    direction: str
    edges: tuple[float, float, float]
    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    resample: float | None
    spacing: float
    shape: tuple[int, int, int]
    thick: int = 1


START, STOP = (3, 5, 2), (19, 25, 28)
CASES = {
    "its own voxels": Case("nii.gz", "oblique", (8, 8, 8), START, STOP, None, 8, (16, 20, 26)),
    "blocks": Case("nrrd", "turned and flipped", (8, 8, 8), START, STOP, 16, 16, (8, 10, 13), 2),
    "interpolated": Case(
        "mha", "oblique and flipped", (12, 8, 10), START, STOP, None, 8, (24, 20, 32)
    ),
    "interpolated and coarser": Case(
        "nrrd", "flipped", (12, 8, 8), (0, 0, 0), (22, 26, 30), 20, 20, (13, 10, 12), 2
    ),
}


@pytest.fixture(params=CASES)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Case, Placed, Path]:
    """A case, its scan, and a snapshot of its bone."""
    case = CASES[request.param]
    file = tmp_path / f"scan.{case.suffix}"
    sitk.WriteImage(scan(case.direction, case.edges, thick=case.thick).image, str(file))
    placed = Placed(sitk.ReadImage(str(file)), case.edges)
    (z, y, x) = zip(case.start, case.stop, strict=True)
    geometry = load_image(
        ImageSettings(
            file,
            crop=(z, y, x),
            threshold=115.0,
            resample=case.resample,
            keep_largest=False,
            close_pockets=False,
        )
    )
    path = bone_snapshot(tmp_path, geometry)
    values = geometry.bone_volume_fraction.astype("f4")
    np.testing.assert_array_equal(read_snapshot(path).field(BONE), values)
    return case, placed, path


def assert_on_scan(affine: np.ndarray, case: Case, placed: Placed, rounding: float = 0.0) -> None:
    """Corners of a grid are where the scan has them; `affine` leads from (x, y, z, 1) to mm."""
    if case.suffix == "nii.gz":  # readers differ in the last of its 24 bits
        rounding = max(rounding, 2.0**-24)
    for corner in np.ndindex(2, 2, 2):
        z, y, x = (int(i) for i in np.array(corner) * (np.array(case.shape) - 1))
        expected = placed.center(case.start, case.spacing, (z, y, x))
        found = (affine @ [x, y, z, 1])[:3]
        np.testing.assert_allclose(found, expected, rtol=rounding, atol=1e-6)


def affine_of(direction: np.ndarray, spacing: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """From voxel indices (x, y, z, 1) to places."""
    affine = np.eye(4)
    affine[:3, :3] = direction * spacing
    affine[:3, 3] = origin
    return affine


def test_four_readers_find_the_same_voxels_at_the_same_place(
    made: tuple[Case, Placed, Path], tmp_path: Path
) -> None:
    case, placed, path = made
    values = read_snapshot(path).field(BONE)
    assert values.shape == case.shape
    file = {
        kind: export(path, tmp_path, (BONE,), kind)[0]
        for kind in ("nifti", "nrrd", "mha", "tiff", "vti")
    }
    for kind in ("nifti", "nrrd", "mha"):
        image = sitk.ReadImage(str(file[kind]))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), values)
        direction = np.reshape(image.GetDirection(), (3, 3))
        affine = affine_of(direction, image.GetSpacing(), image.GetOrigin())
        assert_on_scan(affine, case, placed, 2.0**-24 if kind == "nifti" else 0)
    loaded = nibabel.load(file["nifti"])
    np.testing.assert_array_equal(np.asarray(loaded.dataobj).T, values)
    assert_on_scan(LPS @ loaded.affine, case, placed, 2.0**-23)
    with tifffile.TiffFile(file["tiff"]) as tiff:
        np.testing.assert_array_equal(tiff.asarray(), values)
        assert (tiff.imagej_metadata or {})["spacing"] == pytest.approx(case.spacing, rel=1e-6)
    reader = vtkXMLImageDataReader()
    reader.SetFileName(str(file["vti"]))
    reader.Update()
    vti = reader.GetOutput()
    found = np.asarray(vtk_to_numpy(vti.GetPointData().GetArray(BONE)))
    np.testing.assert_array_equal(found.reshape(case.shape), values)
    matrix = vti.GetDirectionMatrix()
    direction = np.array([[matrix.GetElement(i, j) for j in range(3)] for i in range(3)])
    assert_on_scan(affine_of(direction, vti.GetSpacing(), vti.GetOrigin()), case, placed)


@pytest.mark.parametrize("kind", ["nifti", "nrrd", "mha"])
def test_the_bone_lies_on_the_bone_of_the_scan(
    made: tuple[Case, Placed, Path], tmp_path: Path, kind: str
) -> None:
    case, placed, path = made
    (file,) = export(path, tmp_path, (BONE,), kind)
    on_scan = sitk.GetArrayFromImage(
        sitk.Resample(
            sitk.ReadImage(str(file)), placed.image, sitk.Transform(), sitk.sitkLinear, -1.0
        )
    )
    inside = on_scan >= 0
    assert inside.sum() > 0.6 * np.prod(np.subtract(case.stop, case.start))
    # shares of bone differ from the scan where voxels hold both or border on others: within an
    # edge of the grid, and of the filter that follows where the voxels are kept
    reach = tuple(int(np.ceil(max(case.spacing, 8.0) / edge)) for edge in case.edges)
    around = np.ones([2 * steps + 1 for steps in reach], dtype=bool)
    deep = ndimage.binary_erosion(placed.bone, around, border_value=1)
    far = ~ndimage.binary_dilation(placed.bone, around)
    assert deep[inside].sum() > 30
    assert far[inside].sum() > 30
    assert (on_scan[inside & deep] > 0.5).all()
    assert (on_scan[inside & far] < 0.5).all()


def test_the_bone_lies_nowhere_else_as_well(
    made: tuple[Case, Placed, Path], tmp_path: Path
) -> None:
    """The bone of the export moved by two of its voxels no longer lies on that of the scan."""
    case, placed, path = made
    (file,) = export(path, tmp_path, (BONE,), "nrrd")
    image = sitk.ReadImage(str(file))
    agreed = []
    for shift in (0, -2, 2):
        moved = sitk.TranslationTransform(3, (shift * case.spacing / 1e3,) * 3)
        on_scan = sitk.GetArrayFromImage(
            sitk.Resample(image, placed.image, moved, sitk.sitkLinear, -1.0)
        )
        inside = on_scan >= 0
        agreed.append(((on_scan > 0.5) == placed.bone)[inside].mean())
    assert agreed[0] > 0.85
    assert agreed[0] > max(agreed[1:]) + 0.1


@pytest.mark.parametrize("kind", ["nifti", "nrrd", "mha", "tiff", "OME-TIFF"])
def test_exports_are_read_again_as_scans(
    made: tuple[Case, Placed, Path], tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, _, path = made
    if kind == "OME-TIFF":
        monkeypatch.setattr(exporting, "MAX_CLASSIC_TIFF", 10)
    (file,) = export(path, tmp_path, (BONE,), "tiff" if "TIFF" in kind else kind)
    image = read_image(file)
    np.testing.assert_array_equal(image.values, read_snapshot(path).field(BONE))
    assert image.voxel_size is not None
    np.testing.assert_allclose(image.voxel_size, case.spacing, rtol=1e-6)
    if kind in ("nifti", "nrrd", "mha"):
        grid = read_snapshot(path).grid
        assert image.frame is not None
        again = Grid(grid.shape, grid.spacing, (0.0, 0.0, 0.0), image.frame)
        atol = 2e-2 if kind == "nifti" else 1e-6  # um; NIfTI rounds 4e5 um to 2^-5
        np.testing.assert_allclose(again.first, grid.first, rtol=0, atol=atol)
        np.testing.assert_allclose(image.frame.direction, grid.frame.direction, atol=1e-6)
