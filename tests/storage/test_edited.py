"""Snapshots that somebody edited: valid HDF5, and one sentence where their numbers cannot be."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
from storage.conftest import GRID, field

from tissue.analysis.report.page import write_report
from tissue.errors import InputError
from tissue.storage.export import export
from tissue.storage.index import INDEX, write_indices
from tissue.storage.info import describe
from tissue.storage.snapshot import list_snapshots, read_snapshot

Edit = Callable[[h5py.File], None]
POINTS = "VTKHDF/PointData"


def put(name: str, values: object) -> Edit:
    def edit(file: h5py.File) -> None:
        del file[POINTS][name]
        file[POINTS][name] = values
        file[POINTS][name].attrs["units"] = "1" if name.startswith("bone") else "pM"

    return edit


def attribute(place: str, name: str, value: object) -> Edit:
    def edit(file: h5py.File) -> None:
        file[place].attrs[name] = value

    return edit


def with_nan() -> np.ndarray:
    values = field("il1", 0).copy()
    values[0, 1, 2] = np.nan
    return values


def part_only(file: h5py.File) -> None:
    del file[POINTS]["il1"]
    made = file[POINTS].create_dataset("il1", GRID.shape, "f4", chunks=(2, 2, 2))
    made[:2] = 1
    made.attrs["units"] = "pM"


HEADERS: dict[str, tuple[Edit, str]] = {
    "time nan": (attribute("/", "time", np.nan), "the time nan"),
    "time inf": (attribute("/", "time", np.inf), "the time inf"),
    "step": (attribute("/", "step", 1e300), "the step 1e"),
    "step below 0": (attribute("/", "step", np.int64(-1)), "the step -1"),
    "size below 0": (attribute("VTKHDF", "Spacing", [-1.0] * 3), "voxel size -1"),
    "size nan": (attribute("VTKHDF", "Spacing", [np.nan] * 3), "voxel size nan"),
    "size huge": (attribute("VTKHDF", "Spacing", [1e300] * 3), "voxel size 1e"),
    "sizes": (attribute("VTKHDF", "Spacing", [8.0, 8.0, 9.0]), "voxel size 8, 8, 9 um"),
    "place": (attribute("/", "origin", [np.inf, 0.0, 0.0]), "the number inf"),
    "bone empty": (put("bone_volume_fraction", np.zeros((0, 0, 0))), "shape (0, 0, 0)"),
    "bone number": (put("bone_volume_fraction", 3.0), "shape ()"),
    "bone line": (put("bone_volume_fraction", np.zeros(3)), "shape (3,)"),
    "bone 4-D": (put("bone_volume_fraction", np.zeros((2, 2, 2, 2))), "shape (2, 2, 2, 2)"),
    "bone text": (put("bone_volume_fraction", "text"), "no numbers in bone_volume_fraction"),
    "bone null": (put("bone_volume_fraction", h5py.Empty("f4")), "no numbers"),
}
FIELDS: dict[str, tuple[Edit, str]] = {
    "shape": (put("il1", np.zeros((2, 2, 2))), "il1 of the shape (2, 2, 2), but bone of (5, 4, 3)"),
    "empty": (put("il1", np.zeros((0, 0, 0))), "il1 of the shape (0, 0, 0)"),
    "number": (put("il1", 3.0), "il1 of the shape ()"),
    "text": (put("il1", "text"), "no numbers in il1"),
    "complex": (put("il1", np.zeros(GRID.shape, complex)), "no numbers in il1"),
    "nan": (put("il1", with_nan()), "1 NaN or infinite values in il1"),
    "too large": (put("il1", np.full(GRID.shape, 1e300)), "60 NaN or infinite values in il1"),
    "part": (part_only, "only a part of il1"),
    "unit": (attribute(f"{POINTS}/il1", "units", "nM"), "il1 in 'nM', and 'pM' is needed"),
}


def edited(folder: Path, edit: Edit) -> Path:
    path = list_snapshots(folder)[1]
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as reported:
        call()
    assert "\n" not in str(reported.value)
    return str(reported.value)


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_cannot_be_is_one_sentence(folder: Path, name: str) -> None:
    edit, expected = HEADERS[name]
    path = edited(folder, edit)
    for call in (
        lambda: read_snapshot(path),
        lambda: list(describe(path)),
        lambda: export(path, folder / "out", (), "npy"),
        lambda: write_indices(folder),
        lambda: write_report([folder]),
    ):
        assert expected in sentence(call)
    assert f"damaged: {path.name}" in "\n".join(describe(folder))


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_cannot_be_is_refused_by_name(folder: Path, name: str) -> None:
    edit, expected = FIELDS[name]
    path = edited(folder, edit)
    for call in (
        lambda: read_snapshot(path).field("il1"),
        lambda: list(describe(path)),
        lambda: export(path, folder / "out", ("il1",), "npy"),
        lambda: write_report([folder]),
    ):
        assert expected in sentence(call)
    assert f"damaged: {path.name}" in "\n".join(describe(folder))
    np.testing.assert_array_equal(
        read_snapshot(path).field("bone_volume_fraction"), field("bone_volume_fraction", 1)
    )


def test_unknown_names_are_reported_and_never_paths(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "x"
    target.parent.mkdir()

    def edit(file: h5py.File) -> None:
        file[POINTS]["..\\x"] = np.zeros(GRID.shape)
        file[POINTS]["mineral"] = np.zeros(GRID.shape)
        # HDF5 takes "/" as its own separator: the name holds other groups
        file[f"{POINTS}{target}"] = np.zeros(GRID.shape)

    path = edited(folder, edit)
    assert read_snapshot(path).fields == ("bone_volume_fraction", "il1")
    text = "\n".join(describe(path))
    assert "mineral" in text
    assert "no fields of this program" in text
    answer = sentence(lambda: export(path, folder / "out", (), "npy"))
    assert "not a field of this program" in answer
    export(path, folder / "out", ("il1",), "npy")
    assert {each.name for each in (folder / "out").iterdir()} == {"il1_day0007.000.npy"}
    assert list(target.parent.iterdir()) == []
    write_indices(folder)


def test_an_index_that_leads_out_of_its_folder_is_named(folder: Path) -> None:
    path = folder / INDEX
    layout = h5py.VirtualLayout((1, *GRID.shape), "f4")
    layout[0] = h5py.VirtualSource("/etc/passwd", "a", GRID.shape)
    with h5py.File(path, "r+") as file:
        del file[POINTS]["bone_volume_fraction"]
        file[POINTS].create_virtual_dataset("bone_volume_fraction", layout)
    assert "/etc/passwd, outside its folder" in sentence(lambda: list(describe(path)))


def describe_all(path: Path) -> list[str]:
    return list(describe(path))


@pytest.mark.parametrize("name", ["time", "provenance", "VTKHDF"])
def test_parts_of_other_files_are_not_followed(folder: Path, name: str) -> None:
    other = folder / "other.h5"
    paths = [folder / INDEX] if name == "time" else [folder / INDEX, list_snapshots(folder)[1]]
    for path in paths[1:] if name == "provenance" else paths:
        other.write_bytes(path.read_bytes())
        with h5py.File(path, "r+") as file:
            del file[name]
            file[name] = h5py.ExternalLink(str(other), f"/{name}")
        refusal = sentence(partial(describe_all, path))
        assert f"only a link to another place for '{name}'" in refusal
