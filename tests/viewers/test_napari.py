"""Layers of napari: values, places, units and limits; and with napari, a window."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from viewers.conftest import DAYS, GRID, PEAKS, write_run

from tissue.cli import main
from tissue.storage.results import Run, open_run
from tissue.storage.snapshot import Snapshot
from tissue.viewers.napari_layers import FieldOverTime, layers, reader

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "tissue" / "viewers" / "napari.yaml"


def by_field(run: Run) -> dict[str, tuple[Any, dict[str, Any]]]:
    return {made[1]["metadata"]["field"]: (made[0], made[1]) for made in layers(run)}


def test_each_field_is_a_named_layer_with_the_limits_of_all_times(run: Run) -> None:
    made = by_field(run)
    assert list(made) == ["bone_volume_fraction", "il1", "rankl"]
    data, looks = made["rankl"]
    assert looks["name"] == "RANKL in marrow fluid [pM]"
    assert looks["contrast_limits"] == pytest.approx((0.7 * min(PEAKS), max(PEAKS)))
    assert looks["visible"] is True
    assert made["il1"][1]["visible"] is False
    np.testing.assert_array_equal(
        np.asarray(data), np.stack([each.field("rankl") for each in run.opened])
    )


def test_the_bone_is_a_surface(run: Run) -> None:
    _, looks = by_field(run)["bone_volume_fraction"]
    assert (looks["rendering"], looks["iso_threshold"]) == ("iso", 0.5)


def test_voxels_lie_where_they_are_and_times_are_days(run: Run) -> None:
    for _, looks in by_field(run).values():
        assert looks["scale"] == (3.5, 8.0, 8.0, 8.0)
        assert looks["translate"] == (0.0, *GRID.origin)
        assert looks["units"] == ("day", "um", "um", "um")
        assert looks["axis_labels"] == ("time", "z", "y", "x")


def test_unequal_times_are_counted(tmp_path: Path) -> None:
    _, looks = by_field(open_run(write_run(tmp_path, (0.0, 1.0, 7.0))))["rankl"]
    assert looks["scale"][0] == 1.0
    assert looks["units"][0] == "pixel"
    assert looks["metadata"]["times_day"] == [0.0, 1.0, 7.0]


@pytest.mark.parametrize(
    "key",
    [1, (2,), (0, 3), (slice(None), 3), (slice(0, 2), slice(None), 1, slice(2, 5)), (-1, 2, 3, 4)],
)
def test_parts_are_those_of_the_whole(run: Run, key: Any) -> None:
    data = FieldOverTime(run.opened, "rankl")
    np.testing.assert_array_equal(data[key], np.asarray(data)[key])
    assert data.size == np.asarray(data).size


def test_a_plane_reads_one_time_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[float] = []
    field = Snapshot.field

    def counted(each: Snapshot, name: str) -> np.ndarray:
        read.append(each.time)
        return field(each, name)

    monkeypatch.setattr(Snapshot, "field", counted)
    data = FieldOverTime(run.opened, "rankl")
    for depth in range(5):
        assert data[1, depth].shape == GRID.shape[1:]
    assert read == [3.5]


def test_it_reads_runs_indices_and_snapshots(run: Run) -> None:
    for path in (run.folder, run.folder / "run.hdf", run.folder / "run.hdf.series"):
        read = reader(str(path))
        assert read is not None
        assert [made[0].shape[0] for made in read(str(path))] == [3, 3, 3]
    chosen = [str(path) for path in run.snapshots[1:]]
    read = reader(chosen)
    assert read is not None
    assert read(chosen)[0][1]["metadata"]["times_day"] == list(DAYS[1:])
    alone = reader(chosen[:1])
    assert alone is not None
    assert alone(chosen[:1])[0][0].shape[0] == 1


def test_snapshots_without_tables_are_enough(run: Run) -> None:
    for name in ("metrics.csv", "ledger.csv"):
        (run.folder / name).unlink()
    assert reader(str(run.folder)) is not None


def test_it_leaves_the_files_of_others(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "image.hdf").write_bytes(b"not ours")
    assert reader(str(other)) is None
    assert reader(str(other / "image.hdf")) is None
    assert reader([str(run.snapshots[0]), str(other / "image.hdf")]) is None
    assert reader(str(other / "missing")) is None


def test_the_manifest_names_the_reader() -> None:
    text = MANIFEST.read_text(encoding="utf-8")
    assert f"python_name: {reader.__module__}:{reader.__name__}" in text
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["napari.manifest"] == {
        project["name"]: "tissue.viewers:napari.yaml"
    }
    assert text.startswith(f"name: {project['name']}\n")


def test_the_script_opens_the_run(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["view", str(run.folder), "--with", "napari", "--write-only"]) == 0
    script = Path(capfd.readouterr().out.strip())
    assert script == run.folder / "view_napari.py"
    (call,) = [
        node.value
        for node in ast.parse(script.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.value.args
    ]
    assert [ast.literal_eval(each) for each in call.args] == [str(run.folder.resolve()), "rankl"]


def test_without_napari_one_is_told_how_to_install_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from tissue.commands import view

    monkeypatch.setattr(view, "find_spec", lambda _: None)
    assert main(["view", str(run.folder), "--with", "napari"]) == 2
    assert 'pip install "napari[all]"' in " ".join(capfd.readouterr().err.split())


SHOW = """
import sys
from importlib.metadata import entry_points
from tissue.viewers.napari_view import view

viewer = view(sys.argv[1], show=False)
assert viewer.layers[0].name == "bone volume fraction"
assert viewer.canvas.overlays.text.text == "day 7"
viewer.dims.set_current_step(0, 0)
assert viewer.canvas.overlays.text.text == "day 0"
viewer.close()
assert "tissue-sim" in {each.name for each in entry_points(group="napari.manifest")}
"""


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("napari"), reason="napari is not installed")
def test_napari_shows_the_layers(run: Run, screen: Mapping[str, str]) -> None:
    # in a process of its own: Qt ends its process when the screen is gone
    command = [sys.executable, "-c", SHOW, str(run.folder)]
    done = subprocess.run(command, env=screen, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
