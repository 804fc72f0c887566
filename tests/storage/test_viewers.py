"""Statements of docs/viewers.md are true of the files."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest
import SimpleITK as sitk
from storage.places import scan
from virtual_screen import PARAVIEW, needs_paraview
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPlane
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as Pipeline
from vtkmodules.vtkFiltersCore import vtkContourFilter, vtkCutter, vtkFlyingEdges3D, vtkThreshold
from vtkmodules.vtkIOHDF import vtkHDFReader

from tissue.cli import main
from tissue.geometry.grid import Grid
from tissue.storage.export import KINDS, export
from tissue.storage.export_series import SERIES_KINDS
from tissue.storage.index import write_indices
from tissue.storage.snapshot import write_snapshot

TEXT = (Path(__file__).parents[2] / "docs" / "viewers.md").read_text(encoding="utf-8")
SHELL = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
IN_PARAVIEW = re.compile(r"view_paraview\.py")
BALL = (6, 10, 8)
"""Voxel of the grid [z, y, x] amid a ball of bone."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grid:
    """A scan and a run of its bone in the working folder, and the grid."""
    placed = scan("oblique and flipped")
    part = (slice(3, 20), slice(5, 26), slice(2, 29))
    grid = placed.grid((3, 5, 2), placed.bone[part].shape, 8.0)
    z, y, x = np.indices(grid.shape)
    distance = np.sqrt((z - BALL[0]) ** 2 + (y - BALL[1]) ** 2 + (x - BALL[2]) ** 2)
    fields = {
        "bone_volume_fraction": placed.bone[part],
        "osteoclasts": np.clip(3.5 - distance, 0, 1),
    }
    path = write_snapshot(tmp_path, grid=grid, step=0, time=0.0, fields=fields, provenance={})
    export(path, tmp_path / "export", (), "nifti")
    sitk.WriteImage(placed.image, str(tmp_path / "scan.nii.gz"))
    shrew = tmp_path / "runs" / "out" / "shrew"
    shrew.mkdir(parents=True)
    for step, time in enumerate((0.0, 28.0)):
        rankl = {"bone_volume_fraction": placed.bone[part], "rankl": np.full(grid.shape, time)}
        write_snapshot(shrew, grid=grid, step=step, time=time, fields=rankl, provenance={})
    write_indices(shrew)
    monkeypatch.chdir(tmp_path)
    return grid


def test_its_python_is_python() -> None:
    assert len(BLOCKS) == 5
    for block in BLOCKS:
        compile(block, "viewers.md", "exec")
    assert sum(bool(IN_PARAVIEW.search(block)) for block in BLOCKS) == 1


def test_its_python_runs(run: Grid, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("xarray")
    placed = scan("oblique and flipped")
    names: dict[str, object] = {}
    for block in BLOCKS:
        if not IN_PARAVIEW.search(block):
            exec(block, names)  # the block itself is what is tested
    assert "28." in capsys.readouterr().out  # of the last day
    on_scan = sitk.GetArrayFromImage(names["on_scan"])[3:20, 5:26, 2:29]
    np.testing.assert_array_equal(on_scan > 0.5, placed.bone[3:20, 5:26, 2:29])
    bone = names["bone"]
    assert isinstance(bone, sitk.Image)
    expected = placed.center((3, 5, 2), 8.0, (4, 2, 3))
    found = bone.TransformIndexToPhysicalPoint((3, 2, 4))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    place = np.asarray(names["place"])
    np.testing.assert_allclose(place[::-1] / 1e3, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("program", ["paraview", "napari"])
def test_its_commands_write_their_scripts(run: Grid, program: str) -> None:
    (line,) = (each for each in SHELL if each.strip().endswith(f"--with {program}"))
    assert main([*line.split()[1:], "--write-only"]) == 0
    assert Path(f"runs/out/shrew/view_{program}.py").is_file()


@pytest.mark.slow
@needs_paraview
def test_its_picture_of_paraview_is_made(run: Grid, screen: Mapping[str, str]) -> None:
    assert PARAVIEW
    assert main(["view", "runs/out/shrew", "--with", "paraview", "--write-only"]) == 0
    (block,) = (each for each in BLOCKS if IN_PARAVIEW.search(each))
    Path("show.py").write_text(block, encoding="utf-8")
    subprocess.run([PARAVIEW, "show.py"], env=screen, check=True, timeout=300)
    assert Path("bone.png").stat().st_size > 10_000


def test_it_names_every_format() -> None:
    for kind in (*KINDS, *SERIES_KINDS):
        assert f"--to {kind}" in TEXT or f"`{kind}`" in TEXT


def test_readers_of_vtk_tell_no_time_of_one_snapshot(run: Grid, tmp_path: Path) -> None:
    """Not even of one with the group that tells the times of several, so it has none."""
    path = tmp_path / "snap_day0000.000.hdf"
    for _ in range(2):
        reader = vtkHDFReader()
        reader.SetFileName(str(path))
        reader.UpdateInformation()
        reported = reader.GetOutputInformation(0)
        assert reported.Has(Pipeline.WHOLE_EXTENT())
        assert not reported.Has(Pipeline.TIME_STEPS())
        with h5py.File(path, "a") as file:
            steps = file["VTKHDF"].require_group("Steps")
            steps.attrs["NSteps"] = np.int64(1)
            steps.require_dataset("Values", (1,), "f8")[0] = 7.0


def test_surfaces_lie_on_the_scan_where_it_says_so(run: Grid, tmp_path: Path) -> None:
    reader = vtkHDFReader()
    reader.SetFileName(str(tmp_path / "snap_day0000.000.hdf"))
    reader.Update()
    image = reader.GetOutputDataObject(0)
    assert isinstance(image, vtkImageData)
    center = 1e3 * scan("oblique and flipped").center((3, 5, 2), 8.0, BALL)
    fast = vtkContourFilter()
    fast.SetFastMode(True)
    edges = vtkFlyingEdges3D()
    for contour in (fast, edges):
        contour.SetValue(0, 0.5)
    threshold = vtkThreshold()
    threshold.SetUpperThreshold(0.5)
    threshold.SetThresholdFunction(vtkThreshold.THRESHOLD_UPPER)
    for each in (fast, edges, threshold):
        each.SetInputConnection(reader.GetOutputPort())
        each.SetInputArrayToProcess(0, 0, 0, 0, "osteoclasts")
        each.Update()
        found = each.GetOutput()
        assert found.GetNumberOfCells() > 50
        np.testing.assert_allclose(found.GetCenter(), center, rtol=0, atol=0.1)
    # *Slice*
    plane = vtkPlane()
    plane.SetOrigin(*center)
    plane.SetNormal(0, 0, 1)
    cutter = vtkCutter()
    cutter.SetInputConnection(reader.GetOutputPort())
    cutter.SetCutFunction(plane)
    cutter.Update()
    bounds, box = cutter.GetOutput().GetBounds(), image.GetBounds()
    assert bounds[4] == pytest.approx(center[2])
    assert box[0] - 0.1 <= bounds[0] < bounds[1] <= box[1] + 0.1
