"""The state for ParaView shows the bone and unsaturated colors on the first and the last day."""

import ast
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from storage.places import scan
from viewers.conftest import DAYS, GRID, PEAKS, write_run
from virtual_screen import PARAVIEW, needs_paraview
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkFiltersCore import vtkContourFilter
from vtkmodules.vtkIOHDF import vtkHDFReader
from vtkmodules.vtkRenderingCore import (
    vtkActor,
    vtkColorTransferFunction,
    vtkPolyDataMapper,
    vtkRenderer,
    vtkRenderWindow,
    vtkWindowToImageFilter,
)

from tissue.cli import main
from tissue.errors import InputError
from tissue.storage.results import Run, open_run
from tissue.viewers.appearance import Appearance, shown_field
from tissue.viewers.paraview import write_state

pytest.importorskip("vtkmodules.vtkRenderingOpenGL2")


def constants(script: Path) -> dict[str, Any]:
    """The values that the script names in capitals."""
    found: dict[str, Any] = {}
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
            if name == "FIELDS":
                assert isinstance(value, ast.Call)
                found[name] = json.loads(ast.literal_eval(value.args[0]))
            elif name.isupper():
                found[name] = ast.literal_eval(value)
    return found


def test_the_limits_are_those_of_all_times(run: Run) -> None:
    state = constants(write_state(run))
    rankl = state["FIELDS"]["rankl"]
    assert rankl["low"] == pytest.approx(0.7 * min(PEAKS))
    assert rankl["high"] == max(PEAKS)
    assert (rankl["label"], rankl["unit"]) == ("RANKL in marrow fluid", "pM")
    assert all(rankl["low"] <= tick <= rankl["high"] for tick in rankl["ticks"])
    assert (state["FIELDS"]["il1"]["low"], state["FIELDS"]["il1"]["high"]) == (-1, 1)
    assert state["FIELDS"]["bone_volume_fraction"]["high"] == 1
    assert state["SHOWN"] == "rankl"
    assert Path(state["FOLDER"]) == run.folder.resolve()


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (8.7012, 19.1484, [8.8, 11.4, 14.0, 16.5, 19.1]),
        (0.0, 14434.0, [0.0, 3600.0, 7200.0, 10800.0, 14400.0]),
        (99.95, 100.05, [99.95, 99.975, 100.0, 100.025, 100.05]),
    ],
)
def test_color_bars_name_values_with_few_digits(
    low: float, high: float, ticks: list[float]
) -> None:
    assert Appearance("", "", low, high).ticks == pytest.approx(ticks, rel=1e-3)


def test_only_an_oblique_scan_needs_the_other_contour(run: Run, tmp_path: Path) -> None:
    assert constants(write_state(run))["ALONG_SPACE"] is True
    folder = tmp_path / "oblique"
    folder.mkdir()
    placed = scan("oblique and flipped")
    state = constants(
        write_state(open_run(write_run(folder, grid=placed.grid((3, 5, 2), GRID.shape, 8.0))))
    )
    assert state["ALONG_SPACE"] is False
    direction = np.reshape(placed.image.GetDirection(), (3, 3))
    np.testing.assert_allclose(state["NORMAL"], direction[:, 2])
    np.testing.assert_allclose(state["UP"], direction[:, 1])


def test_the_field_is_the_one_asked_for(run: Run) -> None:
    assert shown_field(run) == "rankl"
    assert constants(write_state(run, "il1"))["SHOWN"] == "il1"
    with pytest.raises(InputError, match="has no field 'il2'"):
        write_state(run, "il2")


def test_snapshots_that_were_added_are_listed(run: Run) -> None:
    (run.folder / "run.hdf.series").unlink()
    write_state(run)
    listed = json.loads((run.folder / "run.hdf.series").read_text())["files"]
    assert [each["time"] for each in listed] == list(DAYS)


def rendered(run: Run, index: int, state: dict[str, Any]) -> np.ndarray:
    """Picture [y, x, 3] of the bone of one day, colored as the state says, without light."""
    reader = vtkHDFReader()
    reader.SetFileName(str(run.snapshots[index]))
    contour = vtkContourFilter()
    contour.SetInputConnection(reader.GetOutputPort())
    contour.SetInputArrayToProcess(0, 0, 0, 0, state["BONE"])
    contour.SetValue(0, state["HALF"])
    field, table = state["FIELDS"][state["SHOWN"]], vtkColorTransferFunction()
    low, width = field["low"], field["high"] - field["low"]
    for share, color in zip(field["shares"], state["COLORS"], strict=True):
        table.AddRGBPoint(low + width * share, *color)
    mapper = vtkPolyDataMapper()
    mapper.SetInputConnection(contour.GetOutputPort())
    mapper.SetLookupTable(table)
    mapper.SetScalarModeToUsePointFieldData()
    mapper.SelectColorArray(state["SHOWN"])
    mapper.UseLookupTableScalarRangeOn()
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().LightingOff()
    renderer = vtkRenderer()
    renderer.SetBackground(1, 1, 1)
    renderer.AddActor(actor)
    window = vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetSize(200, 200)
    window.AddRenderer(renderer)
    window.Render()
    grabbed = vtkWindowToImageFilter()
    grabbed.SetInput(window)
    grabbed.ReadFrontBufferOff()
    grabbed.Update()
    image = grabbed.GetOutput()
    nx, ny, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(ny, nx, 3).copy()


def saturated(picture: np.ndarray, colors: list[tuple[float, float, float]]) -> tuple[float, float]:
    """Share of the picture that is not white, and share of that with an end of the colors [1]."""
    shown = picture[(picture < 250).any(axis=-1)].astype(float)
    ends = 255 * np.array([colors[0], colors[-1]])
    at_end = (np.abs(shown[:, None] - ends).max(axis=-1) < 3).any(axis=1)
    return len(shown) / picture[..., 0].size, float(at_end.mean()) if len(shown) else 1.0


def spread(picture: np.ndarray, colors: list[tuple[float, float, float]]) -> float:
    """Share of the color bar [1] over which the middle 90 % of the colored pixels spread."""
    places = np.linspace(0, 1, 201)
    known = np.linspace(0, 1, len(colors))
    bar = 255 * np.stack([np.interp(places, known, band) for band in np.array(colors).T], axis=-1)
    pixels = picture.reshape(-1, 3).astype(float)
    distance = np.abs(pixels[:, None] - bar).max(axis=-1)
    found = places[distance.argmin(axis=1)][distance.min(axis=1) < 4]
    low, high = np.quantile(found, [0.05, 0.95])
    return float(high - low)


@pytest.mark.parametrize("index", [0, -1])
def test_structure_is_seen_on_both_days(run: Run, index: int) -> None:
    """On the ball of bone RANKL differs by 20 % in space, and by much more between the days."""
    state = constants(write_state(run))
    colors = state["COLORS"]
    assert spread(rendered(run, index, state), colors) > 0.14
    # with evenly spaced colors the last day would have one shade
    state["FIELDS"]["rankl"]["shares"] = np.linspace(0, 1, len(colors)).tolist()
    assert spread(rendered(run, index, state), colors) < 0.12


@pytest.mark.parametrize("index", [0, -1])
def test_bone_is_seen_and_colors_are_not_saturated(run: Run, index: int) -> None:
    state = constants(write_state(run))
    share, at_end = saturated(rendered(run, index, state), state["COLORS"])
    assert share > 0.2
    assert at_end < 0.02
    # with the limits of the first day, the last one would have one color
    state["FIELDS"]["rankl"] |= {"low": 12.0, "high": 13.5}
    if index == -1:
        assert saturated(rendered(run, index, state), state["COLORS"])[1] > 0.9


SHOOT = """
exec(open({script!r}).read())
layout.SetSize(800, 400)
for name, go in (("first", scene.GoToFirst), ("last", scene.GoToLast)):
    go()
    SaveScreenshot({folder!r} + "/" + name + ".png", layout, ImageResolution=[800, 400])
scene.GoToFirst()
print("BOUNDS", *bone.GetDataInformation().GetBounds())
"""


def shot(
    run: Run, tmp_path: Path, screen: Mapping[str, str]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Pictures [y, x, 3] of the first and last day by ParaView, and the center of the bone."""
    assert PARAVIEW
    script = write_state(run)
    (tmp_path / "shoot.py").write_text(
        SHOOT.format(script=str(script), folder=str(tmp_path)), encoding="utf-8"
    )
    done = subprocess.run(
        [PARAVIEW, str(tmp_path / "shoot.py")],
        env=screen,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (line,) = (each for each in done.stdout.splitlines() if each.startswith("BOUNDS"))
    ends = np.array(line.split()[1:], float).reshape(3, 2)
    names = ("first", "last")
    return [
        np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB")) for name in names
    ], ends.mean(axis=1)


@pytest.mark.slow
@needs_paraview
def test_paraview_shows_bone_and_colors_on_both_days(
    run: Run, tmp_path: Path, screen: Mapping[str, str]
) -> None:
    pictures, _ = shot(run, tmp_path, screen)
    colors = constants(run.folder / "view_paraview.py")["COLORS"]
    for picture in pictures:
        share, at_end = saturated(picture[100:280, 500:700], colors)  # the slice
        assert share > 0.9
        assert at_end < 0.1
        assert spread(picture[100:280, 500:700], colors) > 0.25
        assert (picture[:, :400] < 250).any(axis=-1).mean() > 0.1  # the bone
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() > 1


@pytest.mark.slow
@needs_paraview
def test_paraview_puts_the_bone_of_an_oblique_scan_where_it_is(
    tmp_path: Path, screen: Mapping[str, str]
) -> None:
    placed = scan("oblique and flipped")
    folder = tmp_path / "oblique"
    folder.mkdir()
    run = open_run(write_run(folder, grid=placed.grid((3, 5, 2), GRID.shape, 8.0)))
    pictures, center = shot(run, tmp_path, screen)
    middle = pictures[0][180:220, 180:220]
    assert middle.mean() > 80  # lit, though the axes are left-handed
    np.testing.assert_allclose(center, 1e3 * placed.center((3, 5, 2), 8.0, (6, 7, 8)), atol=0.5)


def test_the_command_writes_the_state(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    out = run.folder / "state.py"
    assert main(["view", str(run.folder), "--with", "paraview", "--write-only"]) == 0
    assert (
        main(["view", str(run.folder), "--with", "paraview", "--write-only", "--out", str(out)])
        == 0
    )
    printed = capfd.readouterr().out.splitlines()
    assert printed == [str(run.folder / "view_paraview.py"), str(out)]
    compile(out.read_text(encoding="utf-8"), "state.py", "exec")
    assert "@" not in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (["--with", "paint"], "--with 'paint' is not known; it must be paraview or napari"),
        (["--with", "napari", "--field", "il2"], "has no field 'il2'"),
        (["--with", "napari", "--out", "no/x.py"], "the folder no does not exist"),
    ],
)
def test_the_command_refuses(
    run: Run, words: list[str], reported: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", str(run.folder), *words, "--write-only"]) == 2
    assert reported in " ".join(capfd.readouterr().err.split())


def test_without_the_program_the_state_is_written(
    run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["view", str(run.folder), "--with", "paraview"]) == 2
    reported = " ".join(capfd.readouterr().err.split())
    assert (
        "paraview is not on the PATH; open the script in ParaView with File > Load State"
        in reported
    )
    assert (run.folder / "view_paraview.py").is_file()


def test_the_program_opens_the_state(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "bin" / "paraview"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@" > "$SEEN"\nexit $CODE\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    monkeypatch.setenv("CODE", "0")
    assert main(["view", str(run.folder), "--with", "paraview"]) == 0
    assert (tmp_path / "seen").read_text() == f"--script={run.folder / 'view_paraview.py'}\n"
    monkeypatch.setenv("CODE", "3")
    assert main(["view", str(run.folder), "--with", "paraview"]) == 1
    assert "paraview ended with exit code 3" in " ".join(capfd.readouterr().err.split())
