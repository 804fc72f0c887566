"""Images for other programs, read back with theirs: values, axes, voxel size and place."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from storage.conftest import GRID, field
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOXML import vtkXMLImageDataReader

from tissue.cli import main
from tissue.errors import InputError
from tissue.storage.export import KINDS, export
from tissue.storage.snapshot import list_snapshots

SPACING_MM = GRID.spacing / 1000
ORIGIN_MM = np.array(GRID.origin[::-1]) / 1000  # of the first voxel's centre
Read = Callable[[Path], np.ndarray]


def with_simpleitk(path: Path) -> np.ndarray:
    image = sitk.ReadImage(str(path))
    np.testing.assert_allclose(image.GetSpacing(), SPACING_MM, rtol=1e-6)
    np.testing.assert_allclose(image.GetOrigin(), ORIGIN_MM, rtol=1e-6)
    return np.asarray(sitk.GetArrayFromImage(image))


def with_nibabel(path: Path) -> np.ndarray:
    image = nibabel.load(path)
    # NIfTI's axes point left to right and back to front, those of ITK the other way
    centre = np.array([-1, -1, 1]) * (image.affine @ [0, 0, 0, 1])[:3]
    np.testing.assert_allclose(centre, ORIGIN_MM, rtol=1e-6)
    np.testing.assert_allclose(image.header.get_zooms(), SPACING_MM, rtol=1e-6)
    return np.asarray(image.dataobj).T


def with_tifffile(path: Path) -> np.ndarray:
    with tifffile.TiffFile(path) as file:
        place = file.shaped_metadata[0]
        assert (place["spacing"], place["unit"], place["axes"]) == (GRID.spacing, "um", "ZYX")
        np.testing.assert_allclose(place["origin_um"], GRID.origin)
        return np.asarray(file.asarray())


def with_vtk(path: Path) -> np.ndarray:
    reader = vtkXMLImageDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    image = reader.GetOutput()
    assert image.GetOrigin() == GRID.origin[::-1]
    assert image.GetSpacing() == (GRID.spacing,) * 3
    values = vtk_to_numpy(image.GetPointData().GetArray("il1"))
    return np.asarray(values).reshape(image.GetDimensions()[::-1])


READERS: list[tuple[str, Read]] = [
    ("nifti", with_simpleitk),
    ("nifti", with_nibabel),
    ("mha", with_simpleitk),
    ("nrrd", with_simpleitk),
    ("tiff", with_tifffile),
    ("npy", np.load),
    ("vti", with_vtk),
]


@pytest.mark.parametrize(("kind", "read"), READERS)
def test_other_programs_read_what_was_written(folder: Path, kind: str, read: Read) -> None:
    (made,) = export(list_snapshots(folder)[1], folder / "images", ("il1",), kind)
    assert made.name == "il1_0000000010" + KINDS[kind][0]
    np.testing.assert_array_equal(read(made), field("il1", 1))


def test_every_format_is_read_back() -> None:
    assert {kind for kind, _ in READERS} == set(KINDS)


def test_the_command_exports_what_is_asked_for(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["export", str(folder), "--to", "npy", "--times", "7,21", "--fields", "il1"]
    assert main(asked) == 0
    made = [Path(line) for line in capfd.readouterr().out.splitlines()]
    assert [path.name for path in made] == ["il1_0000000010.npy", "il1_0000000020.npy"]
    assert all(path.parent == folder / "export" for path in made)
    assert main(["export", str(folder), "--to", "mha", "--out", str(folder / "all")]) == 0
    assert len(list((folder / "all").iterdir())) == 6


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "jpeg"], "'jpeg' is not a known format; it must be one of nifti, mha"),
        (["--to", "npy", "--fields", "il2"], "has no field 'il2'; it has bone_volume_fraction"),
        (["--to", "npy", "--times", "8"], "there is no snapshot of day 8; there are 0, 7, 21"),
    ],
)
def test_what_cannot_be_exported_is_told(
    folder: Path, capfd: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert main(["export", str(folder), *words]) == 2
    assert told in capfd.readouterr().err
    assert not (folder / "export").exists()


def test_a_folder_without_snapshots_is_told(tmp_path: Path) -> None:
    assert main(["export", str(tmp_path), "--to", "npy"]) == 2
    with pytest.raises(InputError, match="does not exist"):
        export(tmp_path / "snap_0.hdf", tmp_path, (), "npy")
