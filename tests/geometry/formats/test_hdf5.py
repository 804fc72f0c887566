"""Volumes in HDF5 files: the dataset is found, and read as h5py does."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from geometry.formats.hdf5_made import BOX, VOLUME, made, plain, read, refusal

from tissue.errors import InputError
from tissue.geometry.formats import hdf5
from tissue.geometry.grid import Frame, Grid
from tissue.storage.checkpoint import Checkpoint, write_checkpoint
from tissue.storage.index import write_indices
from tissue.storage.snapshot import write_snapshot


def test_its_sign_is_known_behind_a_block_of_the_user(tmp_path: Path) -> None:
    for size in (0, 512, 1024):
        file = tmp_path / f"{size}.h5"
        with h5py.File(file, "w", userblock_size=size) as opened:
            opened["a"] = VOLUME
        assert hdf5.is_hdf5(file.read_bytes()[:2048])
        np.testing.assert_array_equal(read(file).values, VOLUME)
    assert not hdf5.is_hdf5(b"\0" * 2048)
    assert not hdf5.is_hdf5(b"")


# --- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "f2", "f4", "f8", "?"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("chunked", [False, True])
def test_values_are_those_of_h5py(tmp_path: Path, kind: str, order: str, chunked: bool) -> None:
    values = (VOLUME % 2 if kind == "?" else VOLUME).astype(order + kind)
    options = {"chunks": (2, 3, 2), "compression": "gzip", "shuffle": True} if chunked else {}
    file = made(tmp_path / "a.h5", lambda f: f.create_dataset("a", data=values, **options))
    image = read(file)
    assert image.dtype == np.dtype(kind)
    np.testing.assert_array_equal(image.values, values)
    assert image.values.dtype == image.dtype
    assert image.values.dtype.isnative
    np.testing.assert_array_equal(image.voxels(BOX), values[BOX])
    assert image.spacing == (None, None, None)
    assert image.frame is None


@pytest.mark.parametrize(
    "filters", [{"compression": "lzf"}, {"fletcher32": True}, {"scaleoffset": 0}]
)
def test_filters_of_hdf5(tmp_path: Path, filters: dict[str, Any]) -> None:
    file = made(tmp_path / "a.h5", lambda f: f.create_dataset("a", data=VOLUME, **filters))
    np.testing.assert_array_equal(read(file).values, VOLUME)


def test_filters_of_a_plugin(tmp_path: Path) -> None:
    plugin = pytest.importorskip("hdf5plugin")
    for compression in (plugin.Blosc(), plugin.Zstd(), plugin.Bitshuffle()):
        with h5py.File(tmp_path / "a.h5", "w") as opened:
            opened.create_dataset("a", data=VOLUME, **compression)
        file = tmp_path / "a.h5"
        np.testing.assert_array_equal(read(file).values, VOLUME)


def test_a_filter_that_is_missing_is_named(tmp_path: Path) -> None:
    def write(file: h5py.File) -> None:
        options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        options.set_chunk((3, 4, 5))
        options.set_filter(32765, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple(VOLUME.shape)
        made = h5py.h5d.create(file.id, b"a", h5py.h5t.NATIVE_INT16, space, options)
        made.write_direct_chunk((0, 0, 0), VOLUME.tobytes())

    said = refusal(made(tmp_path / "a.h5", write))
    assert "number 32765" in said
    assert "pip install hdf5plugin" in said


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (VOLUME.astype(complex), "complex"),
        (np.zeros((3, 4, 5), [("a", "f4"), ("b", "i2")]), "type"),
        (np.full((3, 4, 5), b"text"), "type"),
    ],
)
def test_what_is_no_real_number_is_refused(tmp_path: Path, values: Any, word: str) -> None:
    assert word in refusal(plain(tmp_path, values))


def test_nan_is_refused(tmp_path: Path) -> None:
    values = VOLUME.astype("f4")
    values[1, 1, 1] = np.nan
    assert "holds 1 NaN" in refusal(plain(tmp_path, values))


# --- which dataset ------------------------------------------------------------------------------


def test_one_volume_is_found_wherever_it_lies(tmp_path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["a/b/c/d"] = VOLUME
        file["other"] = np.arange(5)
        file["also"] = file["a/b/c/d"]  # the same object by another name
        file["loop/back"] = file["/"]
        file["soft"] = h5py.SoftLink("/a/b")
        file["round"] = h5py.SoftLink("/round")
        file["table"] = np.zeros(3, [("x", "f4")])

    file = made(tmp_path / "a.h5", write)
    for path in (None, "a/b/c/d", "/a/b/c/d/", "also", "soft/c/d", "loop/back/also"):
        np.testing.assert_array_equal(read(file, path).values, VOLUME)
    assert "go round in a circle" in refusal(file, "round")
    assert "is a group of a.h5; it holds the 3-D datasets also" in refusal(file, "a/b")
    assert "'nowhere' is not a dataset of a.h5" in refusal(file, "nowhere")


def test_one_of_several_must_be_named(tmp_path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["b/ct"], file["a"], file["flat"] = VOLUME, VOLUME[::-1], VOLUME[0]

    file = made(tmp_path / "a.h5", write)
    assert "a.h5 holds several 3-D datasets; name one of a, b/ct" in refusal(file)
    np.testing.assert_array_equal(read(file, "b/ct").values, VOLUME)


def test_a_file_without_a_volume_says_what_it_holds(tmp_path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["series"] = np.zeros((2, 3, 4, 5))
        file["soft"] = h5py.SoftLink("/gone")

    said = refusal(made(tmp_path / "a.h5", write))
    assert "series (2 x 3 x 4 x 5)" in said
    assert "the link soft leads nowhere" in said
    assert "has 4 axes (2 x 3 x 4 x 5) in dataset series" in refusal(tmp_path / "a.h5", "series")


def test_a_tree_of_many_objects_is_searched_quickly(tmp_path: Path) -> None:
    def write(file: h5py.File) -> None:
        for number in range(100):
            group = file.create_group(f"g{number}")
            for other in range(100):
                group.create_group(f"h{other}")
        deep = file
        for _ in range(1500):  # deeper than Python may recurse
            deep = deep.create_group("d")
        deep["ct"] = VOLUME

    file = made(tmp_path / "a.h5", write)
    image = read(file)
    np.testing.assert_array_equal(image.values, VOLUME)


def test_axes_of_length_one_are_dropped(tmp_path: Path) -> None:
    for shape in ((1, 3, 4, 5), (3, 4, 5, 1), (1, 1, 3, 4, 5), (1, 3, 4, 5, 1)):
        file = plain(tmp_path, VOLUME.reshape(shape), element_size_um=[3.0, 2.0, 1.0])
        for path in (None, "a"):
            np.testing.assert_array_equal(read(file, path).values, VOLUME)
            assert read(file, path).spacing == (3, 2, 1)
        np.testing.assert_array_equal(read(file).voxels(BOX), VOLUME[BOX])


@pytest.mark.parametrize("group", ["minc-2.0", "DataSetInfo"])
def test_other_formats_within_hdf5_are_named(tmp_path: Path, group: str) -> None:
    def write(file: h5py.File) -> None:
        file.create_group(group)
        file["a"] = VOLUME

    assert "convert" in refusal(made(tmp_path / "a.h5", write)).replace("export", "convert")


# --- what was never written, or is gone --------------------------------------------------------


def test_blocks_that_were_never_written_are_no_zeros(tmp_path: Path) -> None:
    values = np.arange(1, 513, dtype="u2").reshape(8, 8, 8)

    def write(file: h5py.File) -> None:
        made = file.create_dataset("a", shape=(8, 8, 8), dtype="u2", chunks=(4, 4, 4))
        made[:4] = values[:4]

    image = read(made(tmp_path / "a.h5", write))
    there = (slice(0, 4), slice(1, 7), slice(0, 8))
    np.testing.assert_array_equal(image.voxels(there), values[there])
    with pytest.raises(InputError, match=r"4 of 8 blocks .* never written"):
        image.voxels()
    file = made(tmp_path / "b.h5", lambda f: f.create_dataset("a", shape=(8, 8, 8), dtype="u2"))
    assert "without voxels" in refusal(file)


def test_a_file_that_is_cut_or_empty_is_one_sentence(tmp_path: Path) -> None:
    whole = plain(tmp_path).read_bytes()
    for keep in (0, 4, 100, 600, 1000, len(whole) - 1):
        file = tmp_path / "cut.h5"
        file.write_bytes(whole[:keep])
        assert "cut.h5" in refusal(file)


# --- place -------------------------------------------------------------------------------------


FRAME = Frame((100.0, -20.0, 7.5), ((0.0, 0.0, 1.0), (0.8, 0.6, 0.0), (-0.6, 0.8, 0.0)))
GRID = Grid((3, 4, 5), 8.0, (16.0, 24.0, 0.0), FRAME)


def snapshot(folder: Path, step: int = 3) -> Path:
    fields = {"bone_volume_fraction": VOLUME / 60, "il1": VOLUME + 0.5}
    return write_snapshot(
        folder, grid=GRID, step=step, time=float(step), fields=fields, provenance={}
    )


def test_a_snapshot_is_an_image_of_its_bone(tmp_path: Path) -> None:
    file = snapshot(tmp_path)
    image = read(file)
    np.testing.assert_array_equal(image.values, (VOLUME / 60).astype("f4"))
    assert image.spacing == (8, 8, 8)
    assert image.frame is not None
    np.testing.assert_allclose(image.frame.origin, GRID.first)
    np.testing.assert_allclose(image.frame.direction, FRAME.direction)
    assert image.inventory.assumed == ()
    assert image.unit == ""
    for path in ("VTKHDF/PointData/il1", "/entry/il1/il1"):
        other = read(file, path)
        np.testing.assert_array_equal(other.values, (VOLUME + 0.5).astype("f4"))
        assert (other.spacing, other.frame, other.unit) == (image.spacing, image.frame, "pM")
    same = read(file, "ITKImage/0/VoxelData")
    assert (same.spacing, same.frame) == (image.spacing, image.frame)
    assert "it holds the 3-D datasets" in refusal(file, "VTKHDF/PointData/nothing")


def test_a_snapshot_of_the_first_version_does_not_know_its_place(tmp_path: Path) -> None:
    file = snapshot(tmp_path)
    with h5py.File(file, "r+") as opened:
        for name in ("origin", "frame_origin", "frame_direction", "frame_rule"):
            opened.attrs.pop(name, None)
    assert read(file).spacing == (8, 8, 8)
    assert read(file).frame is None


def test_other_files_of_a_run_are_named(tmp_path: Path) -> None:
    for step in (1, 2):
        snapshot(tmp_path, step)
    write_indices(tmp_path)
    assert "the index of a run" in refusal(tmp_path / "run.hdf")
    state = {"bone_volume_fraction": VOLUME / 60}
    file = write_checkpoint(
        tmp_path,
        Checkpoint(grid=GRID, step=1, time=1.0, state=state, healthy={}, controller={}),
    )
    assert "a checkpoint of a run" in refusal(file)
