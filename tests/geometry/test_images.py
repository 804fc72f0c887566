from pathlib import Path

import h5py
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile

from tissue.errors import InputError
from tissue.geometry.images import read_image

SIZE = (30.0, 20.0, 10.0)


def write_nrrd(file: Path, values: np.ndarray, spacing_lines: str) -> None:
    sizes = " ".join(str(n) for n in values.shape[::-1])
    header = f"NRRD0004\ntype: int16\ndimension: 3\nsizes: {sizes}\nendian: little\nencoding: raw\n"
    file.write_bytes((header + spacing_lines + "\n").encode() + values.astype("<i2").tobytes())


def space(unit: str, scale: float) -> str:
    vectors = f"({10 * scale},0,0) (0,{20 * scale},0) (0,0,{30 * scale})"
    units = f'"{unit}" "{unit}" "{unit}"'
    return f"space dimension: 3\nspace directions: {vectors}\nspace units: {units}\n"


@pytest.mark.parametrize("ending", ["nrrd", "mha", "mhd", "nii", "nii.gz"])
def test_itk_formats_keep_axes_and_voxel_size(
    tmp_path: Path, volume: np.ndarray, ending: str
) -> None:
    image = sitk.GetImageFromArray(volume)
    image.SetSpacing((0.01, 0.02, 0.03))
    file = tmp_path / f"a.{ending}"
    sitk.WriteImage(image, str(file))
    read = read_image(file)
    np.testing.assert_array_equal(read.values, volume)
    assert read.values.dtype == volume.dtype
    assert read.voxel_size == pytest.approx(SIZE)


@pytest.mark.parametrize("ending", ["nrrd", "mha", "nii"])
def test_spacing_one_without_units_means_none(
    tmp_path: Path, volume: np.ndarray, ending: str
) -> None:
    file = tmp_path / f"a.{ending}"
    sitk.WriteImage(sitk.GetImageFromArray(volume), str(file))
    assert read_image(file).voxel_size is None


@pytest.mark.parametrize(
    ("unit", "scale"),
    [("um", 1), ("µm", 1), ("microns", 1), ("mm", 1e-3), ("cm", 1e-4), ("m", 1e-6)],
)
def test_nrrd_units(tmp_path: Path, volume: np.ndarray, unit: str, scale: float) -> None:
    file = tmp_path / "a.nrrd"
    write_nrrd(file, volume, space(unit, scale))
    read = read_image(file)
    np.testing.assert_array_equal(read.values, volume)
    assert read.voxel_size == pytest.approx(SIZE)


def test_nrrd_one_millimetre_with_unit_counts(tmp_path: Path, volume: np.ndarray) -> None:
    file = tmp_path / "a.nrrd"
    write_nrrd(file, volume, 'spacings: 1 1 1\nunits: "mm" "mm" "mm"\n')
    assert read_image(file).voxel_size == (1000.0, 1000.0, 1000.0)


def test_nrrd_strange_unit_is_named(tmp_path: Path, volume: np.ndarray) -> None:
    file = tmp_path / "a.nrrd"
    write_nrrd(file, volume, space("parsec", 1))
    with pytest.raises(InputError, match="parsec"):
        read_image(file)


def test_metaimage_distance_units(tmp_path: Path, volume: np.ndarray) -> None:
    header = (
        "ObjectType = Image\nNDims = 3\nDimSize = 5 4 3\nElementSpacing = 10 20 30\n"
        "DistanceUnits = um\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    )
    (tmp_path / "a.mha").write_bytes(header.encode() + volume.astype("<i2").tobytes())
    assert read_image(tmp_path / "a.mha").voxel_size == pytest.approx(SIZE)


def test_imagej_tiff(tmp_path: Path, volume: np.ndarray) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        volume.astype(np.uint16),
        imagej=True,
        resolution=(1 / 10, 1 / 20),
        metadata={"unit": "um", "spacing": 30.0, "axes": "ZYX"},
    )
    read = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(read.values, volume)
    assert read.voxel_size == pytest.approx(SIZE, rel=1e-4)


def test_ome_tiff(tmp_path: Path, volume: np.ndarray) -> None:
    sizes = {"PhysicalSizeZ": 0.03, "PhysicalSizeY": 0.02, "PhysicalSizeX": 0.01}
    units = {f"PhysicalSize{axis}Unit": "mm" for axis in "XYZ"}
    tifffile.imwrite(tmp_path / "a.ome.tif", volume, metadata={"axes": "ZYX", **sizes, **units})
    read = read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(read.values, volume)
    assert read.voxel_size == pytest.approx(SIZE)


def test_printing_resolution_is_no_voxel_size(tmp_path: Path, volume: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", volume, photometric="minisblack", resolution=(72, 72))
    read = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(read.values, volume)
    assert read.voxel_size is None


def test_compressed_tiff(tmp_path: Path, volume: np.ndarray) -> None:
    image = sitk.GetImageFromArray(volume.astype(np.uint16))
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(tmp_path / "a.tif"))
    writer.SetUseCompression(True)
    writer.SetCompressor("LZW")
    writer.Execute(image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").values, volume)


def test_folder_of_slices_is_sorted_naturally(tmp_path: Path) -> None:
    volume = np.arange(12 * 4 * 5, dtype=np.uint16).reshape(12, 4, 5)
    for index, plane in enumerate(volume):
        tifffile.imwrite(tmp_path / f"scan_{index + 1}.tif", plane)
    (tmp_path / "scan.log").write_text("not an image")
    read = read_image(tmp_path)
    np.testing.assert_array_equal(read.values, volume)
    assert read.voxel_size is None


def test_folder_with_odd_slice(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "1.tif", np.zeros((4, 5), np.uint8))
    tifffile.imwrite(tmp_path / "2.tif", np.zeros((4, 6), np.uint8))
    with pytest.raises(InputError, match=r"2\.tif has the shape \(4, 6\)"):
        read_image(tmp_path)


def test_folder_without_slices(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds 0 TIFF files"):
        read_image(tmp_path)


def test_npy(tmp_path: Path, volume: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", volume)
    read = read_image(tmp_path / "a.npy")
    np.testing.assert_array_equal(read.values, volume)
    assert read.voxel_size is None


def test_hdf5(tmp_path: Path, volume: np.ndarray) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["scan/grey"] = volume
        file["scan/grey"].attrs["element_size_um"] = SIZE
        file["scan/angles"] = np.zeros(7)
    read = read_image(tmp_path / "a.h5")
    np.testing.assert_array_equal(read.values, volume)
    assert read.voxel_size == pytest.approx(SIZE)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["mask"] = volume > 3
    with pytest.raises(InputError, match=r"\[geometry\] dataset.*mask, scan/grey"):
        read_image(tmp_path / "a.h5")
    with pytest.raises(InputError, match="'wrong' is no 3-D dataset"):
        read_image(tmp_path / "a.h5", "wrong")
    np.testing.assert_array_equal(read_image(tmp_path / "a.h5", "/mask").values, volume > 3)


def test_demo_bone(shrew: Path) -> None:
    read = read_image(shrew)
    assert read.values.shape == (115, 114, 114)
    assert read.voxel_size == (4.1, 4.1, 4.1)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\[geometry\] file: there is no .*none\.nrrd"):
        read_image(tmp_path / "none.nrrd")


def test_dataset_only_for_hdf5(tmp_path: Path, volume: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", volume)
    with pytest.raises(InputError, match=r"\[geometry\] dataset"):
        read_image(tmp_path / "a.npy", "scan")


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.nii.gz", "a.tif", "a.npy", "a.h5", "a.png"])
def test_unreadable_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no image at all")
    with pytest.raises(InputError, match=r"\[geometry\] file"):
        read_image(tmp_path / name)


def test_values_that_are_no_volume(tmp_path: Path, volume: np.ndarray) -> None:
    holes = volume.astype(np.float32)
    holes[1, 2, 3] = np.nan
    cases = {
        "flat": (volume[0], "three axes"),
        "single": (volume[:1], "three axes"),
        "complex": (volume.astype(np.complex64), "one real number"),
        "holes": (holes, "1 NaN"),
    }
    for name, (values, message) in cases.items():
        np.save(tmp_path / f"{name}.npy", values)
        with pytest.raises(InputError, match=message):
            read_image(tmp_path / f"{name}.npy")


def test_colour_images(tmp_path: Path) -> None:
    colour = np.zeros((3, 4, 5, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb")
    sitk.WriteImage(sitk.GetImageFromArray(colour, isVector=True), str(tmp_path / "a.mha"))
    for name in ("a.tif", "a.mha"):
        with pytest.raises(InputError, match="colour"):
            read_image(tmp_path / name)
