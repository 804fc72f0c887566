"""Links and sources of HDF5 files: followed within the folder, refused by name outside it."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from geometry.formats.hdf5_made import read, refusal

VOLUME = np.arange(1, 8 * 4 * 5 + 1, dtype=np.int16).reshape(8, 4, 5)
BOX = (slice(1, 6), slice(0, 2), slice(2, 5))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a raw file, in one that holds a secret beside it."""
    inside = tmp_path / "scans"
    (inside / "raw").mkdir(parents=True)
    for path in (inside / "raw.h5", inside / "raw" / "deep.h5", tmp_path / "secret.h5"):
        with h5py.File(path, "w") as file:
            file["gray"] = VOLUME
            file["gray"].attrs["element_size_um"] = 8.0
    return inside


def linked(folder: Path, name: str, path: str = "/gray") -> Path:
    with h5py.File(folder / "scan.h5", "w") as file:
        file["entry/data"] = h5py.ExternalLink(name, path)
    return folder / "scan.h5"


@pytest.mark.parametrize("name", ["raw.h5", "./raw.h5", "raw/deep.h5", "raw/../raw.h5", "ABSOLUTE"])
def test_external_links_within_the_folder_are_followed(folder: Path, name: str) -> None:
    file = linked(folder, str(folder / "raw.h5") if name == "ABSOLUTE" else name)
    for dataset in (None, "entry/data"):
        image = read(file, dataset)
        np.testing.assert_array_equal(image.values, VOLUME)
        assert image.spacing == (8, 8, 8)
        np.testing.assert_array_equal(image.voxels(BOX), VOLUME[BOX])


@pytest.mark.parametrize("name", ["../secret.h5", "ABSOLUTE", "raw/../../secret.h5", "away.h5"])
def test_external_links_out_of_the_folder_are_named(folder: Path, name: str) -> None:
    (folder / "away.h5").symlink_to(folder.parent / "secret.h5")
    name = str(folder.parent / "secret.h5") if name == "ABSOLUTE" else name
    for dataset in (None, "entry/data"):
        said = refusal(linked(folder, name), dataset)
        assert name in said
        assert "lies outside its folder" in said


def test_a_link_to_nothing_is_named(folder: Path) -> None:
    assert "gone.h5, which is missing" in refusal(linked(folder, "gone.h5"), "entry/data")
    assert "gone.h5, which is missing" in refusal(linked(folder, "gone.h5"))
    assert "not a dataset" in refusal(linked(folder, "raw.h5", "/other"), "entry/data")
    (folder / "text.h5").write_text("no HDF5")
    assert "text.h5, which cannot be opened" in refusal(linked(folder, "text.h5"), "entry/data")


def test_a_file_of_the_working_folder_is_not_taken_instead(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 itself looks there for what it does not find beside the file."""
    monkeypatch.chdir(folder.parent)
    assert "secret.h5, which is missing" in refusal(linked(folder, "secret.h5"), "entry/data")


def test_links_from_file_to_file_are_checked_each(folder: Path) -> None:
    with h5py.File(folder / "middle.h5", "w") as file:
        file["gray"] = h5py.ExternalLink("../secret.h5", "/gray")
        file["round"] = h5py.ExternalLink("scan.h5", "/round")
        file["good"] = h5py.ExternalLink("raw.h5", "/gray")
    file = linked(folder, "middle.h5")
    assert "../secret.h5" in refusal(file, "entry/data")
    np.testing.assert_array_equal(read(linked(folder, "middle.h5", "/good")).values, VOLUME)
    with h5py.File(folder / "scan.h5", "w") as scan:
        scan["round"] = h5py.ExternalLink("middle.h5", "/round")
    assert "circle" in refusal(folder / "scan.h5", "round")
    assert "circle" in refusal(folder / "scan.h5")


def test_the_file_itself_may_be_reached_through_a_symbolic_link(folder: Path) -> None:
    file = linked(folder, "raw.h5")
    away = folder.parent / "link.h5"
    away.symlink_to(file)
    np.testing.assert_array_equal(read(away).values, VOLUME)


def test_external_storage_is_refused_by_name(folder: Path) -> None:
    """Any file can be read through it, not HDF5 alone."""
    secret = folder / "secret.txt"
    secret.write_bytes(bytes(range(120)) * 4)
    for name in (str(secret), "secret.txt"):
        with h5py.File(folder / "scan.h5", "w") as file:
            file.create_dataset("a", (4, 5, 6), "u1", external=[(name, 0, 120)])
        said = refusal(folder / "scan.h5")
        assert name in said
        assert "external storage" in said
    with h5py.File(folder / "scan.h5", "r+") as file:
        file["b"] = h5py.SoftLink("/a")
    assert "external storage" in refusal(folder / "scan.h5", "b")


def test_positions_in_another_file_are_not_read(folder: Path) -> None:
    (folder / "z.bin").write_bytes(np.arange(8.0).tobytes())
    with h5py.File(folder / "scan.h5", "w") as file:
        file["a"] = VOLUME
        file.create_dataset("z", (8,), "f8", external=[("z.bin", 0, 64)])
        file["z"].make_scale("z")
        file["z"].attrs["units"] = "um"
        for dimension in file["a"].dims:
            dimension.label = "zyx"[dimension._dimension]
        file["a"].dims[0].attach_scale(file["z"])
    image = read(folder / "scan.h5")
    assert image.spacing == (None, None, None)
    assert "another file" in " ".join(image.inventory.ignored)


# --- virtual datasets ---------------------------------------------------------------------------


def virtual(folder: Path, names: list[str], cut: int = 0, dataset: str = "a") -> Path:
    """A virtual dataset of eight slices, one from each file."""
    layout = h5py.VirtualLayout(shape=VOLUME.shape, dtype=VOLUME.dtype)
    for number, name in enumerate(names):
        layout[number] = h5py.VirtualSource(name, dataset, shape=VOLUME.shape[1:])
    with h5py.File(folder / "scan.h5", "w") as file:
        file.create_virtual_dataset("ct", layout, fillvalue=0)
    return folder / "scan.h5"


@pytest.fixture
def slices(folder: Path) -> list[str]:
    names = [f"raw/s{number}.h5" for number in range(8)]
    for number, name in enumerate(names):
        with h5py.File(folder / name, "w") as file:
            file["a"] = VOLUME[number]
    return names


def test_virtual_datasets_within_the_folder_are_read(folder: Path, slices: list[str]) -> None:
    image = read(virtual(folder, slices))
    np.testing.assert_array_equal(image.values, VOLUME)
    np.testing.assert_array_equal(image.voxels(BOX), VOLUME[BOX])


def test_a_source_that_is_missing_is_named(folder: Path, slices: list[str]) -> None:
    file = virtual(folder, slices)
    (folder / slices[3]).unlink()
    assert f"{slices[3]}, which is missing" in refusal(file)
    with h5py.File(folder / slices[3], "w") as other:
        other["b"] = VOLUME[3]
    assert f"a of {slices[3]}, which is missing" in refusal(file)
    with h5py.File(folder / slices[3], "w") as other:
        other["a"] = VOLUME[3, :2]
    assert f"a of {slices[3]}, which has another size than promised" in refusal(file)
    with h5py.File(folder / slices[3], "w") as other:
        other.create_dataset("a", VOLUME[3].shape, "i2")
    assert "without voxels" in refusal(file)


def test_a_source_outside_the_folder_is_named(folder: Path, slices: list[str]) -> None:
    (folder.parent / "s3.h5").write_bytes((folder / slices[3]).read_bytes())
    for name in ("../s3.h5", str(folder.parent / "s3.h5")):
        assert name in refusal(virtual(folder, [*slices[:3], name, *slices[4:]]))
    # a source may itself lead elsewhere
    with h5py.File(folder / slices[3], "w") as other:
        other["a"] = h5py.ExternalLink("../../s3.h5", "/a")
    assert "../../s3.h5" in refusal(virtual(folder, slices))
    with h5py.File(folder / slices[3], "w") as other:
        other.create_dataset("a", VOLUME[3].shape, "i2", external=[("../../s3.h5", 0, 40)])
    assert "external storage" in refusal(virtual(folder, slices))


def test_voxels_that_no_source_gives_are_told(folder: Path, slices: list[str]) -> None:
    assert "40 of its 160 voxels come from no source" in refusal(virtual(folder, slices[:6]))
    # one slice twice and one not at all: as many voxels as promised
    layout = h5py.VirtualLayout(shape=VOLUME.shape, dtype=VOLUME.dtype)
    for number in (0, 1, 2, 3, 4, 5, 6, 6):
        layout[number] = h5py.VirtualSource(slices[number], "a", shape=VOLUME.shape[1:])
    with h5py.File(folder / "scan.h5", "w") as file:
        file.create_virtual_dataset("ct", layout)
    assert "20 of its 160 voxels" in refusal(folder / "scan.h5")


def test_sources_may_be_interleaved_or_tiles_or_in_the_same_file(folder: Path) -> None:
    with h5py.File(folder / "scan.h5", "w") as file:
        file["even"], file["odd"] = VOLUME[::2], VOLUME[1::2]
        layout = h5py.VirtualLayout(shape=VOLUME.shape, dtype=VOLUME.dtype)
        layout[::2] = h5py.VirtualSource(".", "even", shape=VOLUME[::2].shape)
        layout[1::2] = h5py.VirtualSource(".", "odd", shape=VOLUME[1::2].shape)
        file.create_virtual_dataset("woven", layout)
        layout = h5py.VirtualLayout(shape=VOLUME.shape, dtype=VOLUME.dtype)
        for name, y in (("low", slice(0, 1)), ("high", slice(1, 4))):
            file[name] = VOLUME[:, y]
            layout[:, y] = h5py.VirtualSource(".", name, shape=VOLUME[:, y].shape)
        file.create_virtual_dataset("tiled", layout)
        layout = h5py.VirtualLayout(shape=VOLUME.shape, dtype=VOLUME.dtype)
        layout[::2] = h5py.VirtualSource(".", "even", shape=VOLUME[::2].shape)
        file.create_virtual_dataset("half", layout)
        layout = h5py.VirtualLayout(shape=VOLUME.shape, dtype=VOLUME.dtype)
        layout[...] = h5py.VirtualSource(".", "woven", shape=VOLUME.shape)
        file.create_virtual_dataset("again", layout)
    for dataset in ("woven", "tiled", "again"):
        np.testing.assert_array_equal(read(folder / "scan.h5", dataset).values, VOLUME)
    assert "80 of its 160 voxels" in refusal(folder / "scan.h5", "half")


def test_a_pattern_of_names_is_refused(folder: Path, slices: list[str]) -> None:
    """HDF5 itself tells only by the files that are there how many there should be."""
    whole = h5py.h5s.create_simple((1, 4, 5), (h5py.h5s.UNLIMITED, 4, 5))
    many = h5py.h5s.UNLIMITED
    whole.select_hyperslab((0, 0, 0), (many, 1, 1), (1, 1, 1), (1, 4, 5))
    options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    options.set_virtual(whole, b"raw/s%b.h5", b"a", h5py.h5s.create_simple((4, 5)))
    with h5py.File(folder / "scan.h5", "w") as file:
        h5py.h5d.create(file.id, b"ct", h5py.h5t.NATIVE_INT16, whole, options)
        assert file["ct"].shape == VOLUME.shape
    assert "raw/s%b.h5" in refusal(folder / "scan.h5")


def test_a_variable_that_leads_hdf5_elsewhere_is_named(
    folder: Path, slices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDF5_VDS_PREFIX", str(folder.parent))
    assert "HDF5_VDS_PREFIX" in refusal(virtual(folder, slices))


MANY = 300
LOOK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
from pathlib import Path
from tissue.geometry.formats import hdf5
image = hdf5.read(Path(sys.argv[1]), None)
print(int((image.values[:, 0, 0] == 1 + __import__("numpy").arange(len(image.values))).sum()))
"""


def test_more_sources_than_files_may_be_open(folder: Path) -> None:
    """HDF5 gives zeros for those that it cannot open any more."""
    layout = h5py.VirtualLayout(shape=(MANY, 4, 5), dtype="i2")
    for number in range(MANY):
        with h5py.File(folder / f"m{number}.h5", "w") as file:
            file["a"] = np.full((4, 5), number + 1, "i2")
        layout[number] = h5py.VirtualSource(f"m{number}.h5", "a", shape=(4, 5))
    with h5py.File(folder / "scan.h5", "w") as file:
        file.create_virtual_dataset("ct", layout)
    made = subprocess.run(
        [sys.executable, "-c", LOOK, str(folder / "scan.h5")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert made.stdout.strip() == str(MANY), made.stderr
