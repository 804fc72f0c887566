"""Volumes in HDF5 files: found, read as they are meant, with the place that the file gives."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import SimpleITK as sitk

from tissue.errors import InputError
from tissue.geometry.formats import hdf5
from tissue.geometry.gate import admit
from tissue.geometry.grid import UPRIGHT, Frame, Grid
from tissue.geometry.image import Image
from tissue.storage.checkpoint import Checkpoint, write_checkpoint
from tissue.storage.index import write_indices
from tissue.storage.snapshot import write_snapshot

VOLUME = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
BOX = (slice(1, 3), slice(0, 2), slice(2, 5))


def made(file: Path, write: Callable[[h5py.File], object]) -> Path:
    with h5py.File(file, "w") as opened:
        write(opened)
    return file


def read(file: Path, dataset: str | None = None) -> Image:
    # without the process that tries a file first, which takes a third of a second each time
    return admit(hdf5.volume_at(file, hdf5.choose(file, dataset)))


def plain(tmp_path: Path, values: Any = VOLUME, **attributes: Any) -> Path:
    def write(file: h5py.File) -> None:
        file["a"] = values
        file["a"].attrs.update(attributes)

    return made(tmp_path / "a.h5", write)


def refusal(file: Path, dataset: str | None = None) -> str:
    with pytest.raises(InputError) as told:
        read(file, dataset).values  # noqa: B018
    assert "\n" not in str(told.value)
    return str(told.value)


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


@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_images_of_itk_lie_where_simpleitk_says(tmp_path: Path, angle: float) -> None:
    image = sitk.GetImageFromArray(VOLUME)
    image.SetSpacing((0.01, 0.02, 0.03))
    image.SetOrigin((1.0, -2.0, 3.5))
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    image.SetDirection((cos, -sin, 0, sin, cos, 0, 0, 0, 1))
    file = tmp_path / "a.h5"
    sitk.WriteImage(image, str(file))
    found = read(file)
    np.testing.assert_array_equal(found.values, VOLUME)
    assert found.spacing == (30, 20, 10)
    assert found.inventory.spacing_unit == "mm"
    assert found.frame is not None
    for index in ((0, 0, 0), (4, 0, 0), (0, 3, 0), (1, 2, 2)):  # x, y, z
        x, y, z = index
        there = np.array(image.TransformIndexToPhysicalPoint(index)) * 1000
        np.testing.assert_allclose(
            np.array(found.frame.at((30.0 * z, 20.0 * y, 10.0 * x))), there[::-1]
        )


def test_a_spacing_of_one_is_none_that_was_written(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(VOLUME)
    file = tmp_path / "a.h5"
    sitk.WriteImage(image, str(file))
    assert (read(file).spacing, read(file).frame) == ((None, None, None), None)
    image.SetSpacing((0.01, 0.01, 1.0))
    sitk.WriteImage(image, str(file))
    assert read(file).spacing == (None, 10, 10)


def test_colors_of_itk_are_refused(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((3, 4, 5, 3), "u1"), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "a.h5"))
    assert "4 axes" in refusal(tmp_path / "a.h5", "ITKImage/0/VoxelData")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ([3.0, 2.0, 1.0], (3, 2, 1)),
        (8.0, (8, 8, 8)),
        ([8.0], (8, 8, 8)),
        ([[8.0, 4.0, 2.0]], (8, 4, 2)),
        (np.float32(4.1), (pytest.approx(4.1),) * 3),
        ("[8, 4, 2]", (8, 4, 2)),
        (b"8.5", (8.5, 8.5, 8.5)),
        ([0.0, 2.0, np.nan], (None, 2, None)),
        (h5py.Empty("f4"), (None, None, None)),
    ],
)
def test_element_size(tmp_path: Path, size: Any, expected: tuple[object, ...]) -> None:
    assert read(plain(tmp_path, element_size_um=size)).spacing == expected


@pytest.mark.parametrize("size", [[8.0, 8.0], [1.0, 2, 3, 4], "wide", [], np.zeros((2, 2))])
def test_element_size_that_is_none_is_named(tmp_path: Path, size: Any) -> None:
    assert "element_size_um" in refusal(plain(tmp_path, element_size_um=size))


def test_element_size_in_another_unit_is_refused(tmp_path: Path) -> None:
    file = plain(tmp_path, element_size_um=[8.0] * 3, element_size_unit="mm")
    assert "element_size_unit 'mm'" in refusal(file)
    assert read(plain(tmp_path, element_size_um=8.0, element_size_unit="um")).spacing == (8, 8, 8)


def test_axes_by_ilastik_are_put_in_order(tmp_path: Path) -> None:
    def tags(keys: str) -> str:
        steps = {"z": 3.0, "y": 2.0, "x": 1.0}
        return json.dumps({"axes": [{"key": key, "resolution": steps.get(key, 0)} for key in keys]})

    units = json.dumps({"z": "um", "y": "um", "x": "um", "c": ""})
    turned = VOLUME.transpose(2, 1, 0)[..., None]  # stored x, y, z, c
    image = read(plain(tmp_path, turned, axistags=tags("xyzc"), axis_units=units))
    np.testing.assert_array_equal(image.values, VOLUME)
    np.testing.assert_array_equal(image.voxels(BOX), VOLUME[BOX])
    assert image.spacing == (3, 2, 1)
    assert read(plain(tmp_path, VOLUME, axistags=tags("zyx"))).spacing == (None, None, None)
    image = read(plain(tmp_path, turned, axistags=tags("xyzc"), element_size_um=[1.0, 2, 3]))
    assert image.spacing == (3, 2, 1)
    assert "TYX" in refusal(plain(tmp_path, VOLUME, axistags=tags("tyx")))
    assert "YXC" in refusal(plain(tmp_path, VOLUME, axistags=tags("yxc")))
    for broken in ("{", "[" * 5000, "1", '{"axes": 3}'):
        assert read(plain(tmp_path, VOLUME, axistags=broken)).shape == (3, 4, 5)


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        (("time", "y", "x"), "TYX"),
        (("y", "x", "channel"), "YXC"),
        (("rotation_angle", "y", "x"), "rotation_angle"),
        (("temperature", "y", "x"), "temperature"),
        (("z", "y", "y"), "ZYY"),
    ],
)
def test_axes_that_are_none_of_space_are_refused(
    tmp_path: Path, labels: tuple[str, ...], word: str
) -> None:
    def write(file: h5py.File) -> None:
        file["a"] = VOLUME
        for dimension, label in zip(file["a"].dims, labels, strict=True):
            dimension.label = label

    assert word in refusal(made(tmp_path / "a.h5", write))


def test_axes_without_names_are_assumed(tmp_path: Path) -> None:
    said = " ".join(read(plain(tmp_path)).inventory.lines())
    assert "dataset a names no axes: they are taken as z, y, x" in said

    def write(file: h5py.File) -> None:
        file["a"] = VOLUME
        for dimension, label in zip(file["a"].dims, ("", "row", "column"), strict=True):
            dimension.label = label

    said = " ".join(read(made(tmp_path / "a.h5", write)).inventory.lines())
    assert "axis 1 of dataset a has no name: it is taken as z" in said


def nexus(tmp_path: Path, edges: bool = False, wrong: bool = False, unit: str = "mm") -> Path:
    def write(file: h5py.File) -> None:
        group = file.create_group("entry/data")
        group.attrs["NX_class"], group.attrs["signal"] = "NXdata", "ct"
        group.attrs["axes"] = ["z", "y", "x"]
        group["ct"] = VOLUME
        for axis, count, step in zip("zyx", VOLUME.shape, (0.03, -0.02, 0.01), strict=True):
            places = 0.5 + step * (np.arange(count + edges) - 0.5 * edges)
            if wrong and axis == "z":
                places[-1] += step
            group[axis] = places.astype("f4")
            group[axis].attrs["units"] = unit

    return made(tmp_path / "a.nxs", write)


@pytest.mark.parametrize("edges", [False, True])
def test_axes_of_nexus_give_size_and_place(tmp_path: Path, edges: bool) -> None:
    image = read(nexus(tmp_path, edges))
    assert image.spacing == (30, 20, 10)
    turned = ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
    assert image.frame == Frame((500.0, 500.0, 500.0), turned)
    assert image.inventory.assumed == ()


def test_axes_of_nexus_must_be_even_lengths(tmp_path: Path) -> None:
    assert "uneven positions along z" in refusal(nexus(tmp_path, wrong=True))
    image = read(nexus(tmp_path, unit="pixel"))
    assert (image.spacing, image.frame) == ((None, None, None), None)
    assert "no unit of length ('pixel')" in " ".join(image.inventory.ignored)


def test_projections_are_no_volume(tmp_path: Path) -> None:
    def tomo(file: h5py.File) -> None:
        file["entry/definition"] = "NXtomo"
        file["entry/data/data"] = VOLUME

    assert "raw projections (NXtomo)" in refusal(made(tmp_path / "a.h5", tomo))

    def exchange(file: h5py.File) -> None:
        file["exchange/data"], file["exchange/data_white"] = VOLUME, VOLUME
        file["exchange/theta"] = np.arange(3.0)

    assert "each angle theta" in refusal(made(tmp_path / "b.h5", exchange), "exchange/data")

    def named(file: h5py.File) -> None:
        file["data"] = VOLUME
        file["data"].attrs["axes"] = "theta:y:x"

    assert "theta, y, x" in refusal(made(tmp_path / "c.h5", named))


def test_a_color_image_is_no_volume(tmp_path: Path) -> None:
    marks = {"CLASS": "IMAGE", "IMAGE_SUBCLASS": "IMAGE_TRUECOLOR"}
    file = plain(tmp_path, np.zeros((4, 5, 3), "u1"), INTERLACE_MODE="INTERLACE_PIXEL", **marks)
    assert "colors" in refusal(file)
    assert "white" in refusal(plain(tmp_path, VOLUME, IMAGE_WHITE_IS_ZERO=1))


def test_the_order_of_matlab_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.mat"
    with h5py.File(file, "w", userblock_size=512) as opened:
        opened["ct"] = VOLUME
        opened["ct"].attrs["MATLAB_class"] = np.bytes_("int16")
    image = read(file)
    np.testing.assert_array_equal(image.values, VOLUME)
    assert "A(i, j, k) is read with i along x" in " ".join(image.inventory.lines())


def test_mango_gives_its_voxel_size_and_its_other_files(tmp_path: Path) -> None:
    def write(file: h5py.File, files: int = 1, total: int = 3) -> None:
        file["tomo"] = VOLUME
        for dimension, axis in zip(file["tomo"].dims, "zyx", strict=True):
            dimension.label = f"tomo_{axis}dim"
        sizes = {"voxel_size_xyz": [0.01, 0.02, 0.03], "voxel_unit": "mm"}
        file.attrs.update(sizes | {"number_of_files": files, "zdim_total": total})

    image = read(made(tmp_path / "a.nc", write))
    assert image.spacing == (30, 20, 10)
    assert image.inventory.assumed == ()
    assert "only 1 of the 4 files" in refusal(made(tmp_path / "b.nc", lambda f: write(f, 4, 12)))
    assert "only 3 of the 12 slices" in refusal(made(tmp_path / "c.nc", lambda f: write(f, 1, 12)))


# --- calibration -------------------------------------------------------------------------------


def packed(tmp_path: Path, values: np.ndarray, **attributes: Any) -> Path:
    def write(file: h5py.File) -> None:
        file["ct"] = values
        file["ct"].attrs.update(attributes)
        for axis, count in zip("zyx", values.shape, strict=True):
            file[axis] = np.arange(count) * 0.01
            file[axis].make_scale(axis)
            file[axis].attrs["units"] = "mm"
        for axis, dimension in zip("zyx", file["ct"].dims, strict=True):
            dimension.attach_scale(file[axis])

    return made(tmp_path / "a.nc", write)


@pytest.mark.parametrize("kind", ["i1", "i2", "u2", "i4", "f4"])
def test_packed_values_are_those_of_xarray(tmp_path: Path, kind: str) -> None:
    xarray = pytest.importorskip("xarray")
    file = packed(
        tmp_path, VOLUME.astype(kind), scale_factor=0.1, add_offset=-1000.0, units="mg/cm^3"
    )
    image = read(file)
    with xarray.open_dataset(file, engine="h5netcdf") as data:
        np.testing.assert_allclose(image.values, data["ct"].values, rtol=1e-6)
        assert image.dtype.itemsize >= (8 if kind == "i4" else 4)
    assert image.values.dtype == image.dtype
    assert image.unit == "mg/cm^3"
    assert image.inventory.calibration == "0.1 * stored -1000"
    assert image.spacing == (10, 10, 10)
    assert image.frame == Frame((0.0, 0.0, 0.0), UPRIGHT)
    np.testing.assert_array_equal(image.voxels(BOX), image.values[BOX])


def test_unsigned_numbers_in_a_signed_type(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    stored = np.arange(100, 160, dtype="u1").reshape(3, 4, 5)
    file = packed(tmp_path, stored.view("i1"), _Unsigned="true", scale_factor=2.0)
    with xarray.open_dataset(file, engine="h5netcdf") as data:
        np.testing.assert_array_equal(read(file).values, data["ct"].values)
    assert read(file).values.max() == 318
    plain_signed = packed(tmp_path, stored.view("i1"), _Unsigned="true")
    np.testing.assert_array_equal(read(plain_signed).values, stored)


@pytest.mark.parametrize(
    ("attributes", "count"),
    [
        ({"_FillValue": np.int16(7)}, 1),
        ({"missing_value": np.array([7, 8], "i2")}, 1),
        ({"_FillValue": np.int16(7), "scale_factor": 0.1}, 1),
        ({"valid_range": np.array([0, 57], "i2")}, 2),
        ({"valid_min": np.int16(4)}, 4),
        ({"valid_max": 57.0}, 2),
        ({"valid_range": [-1000.0, -994.3], "scale_factor": 0.1, "add_offset": -1000.0}, 2),
    ],
)
def test_voxels_marked_as_missing_are_no_values(
    tmp_path: Path, attributes: dict[str, Any], count: int
) -> None:
    file = plain(tmp_path, VOLUME, **attributes)
    assert f"holds {count} voxels that it marks as missing" in refusal(file)


def test_a_mark_that_no_voxel_bears_does_no_harm(tmp_path: Path) -> None:
    file = plain(tmp_path, VOLUME, _FillValue=np.int16(-1), valid_range=np.array([0, 59], "i2"))
    np.testing.assert_array_equal(read(file).values, VOLUME)
    whole = read(plain(tmp_path, VOLUME, _FillValue=np.int16(0)))
    np.testing.assert_array_equal(whole.voxels(BOX), VOLUME[BOX])  # the mark lies elsewhere
    file = plain(tmp_path, VOLUME.astype("f4"), _FillValue=np.float32(9.96921e36))
    np.testing.assert_array_equal(read(file).values, VOLUME)


@pytest.mark.parametrize("value", ["one", [1.0, 2.0], np.nan, 0.0])
def test_a_scale_that_is_none_is_named(tmp_path: Path, value: Any) -> None:
    assert "scale_factor" in refusal(plain(tmp_path, VOLUME, scale_factor=value))


# --- our own files ----------------------------------------------------------------------------

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
