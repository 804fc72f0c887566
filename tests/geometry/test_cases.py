"""Scans and masks as people bring them: the right bone comes out, told by other programs."""

import bz2
import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import PIL.Image
import pytest
import SimpleITK as sitk
import tifffile
from storage.places import DIRECTIONS, ORIGIN_MM, plates

from tissue.errors import InputError
from tissue.geometry.images import read_image
from tissue.geometry.journal import Journal
from tissue.geometry.load import load_image, mask_share
from tissue.geometry.settings import ImageSettings

GRAY = plates((24, 26, 32))
BONE = GRAY > 115


def image_of(values: np.ndarray, direction: str = "upright", edge: float = 8.0) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((edge / 1e3,) * 3)
    image.SetOrigin(ORIGIN_MM)
    image.SetDirection(DIRECTIONS[direction].ravel().tolist())
    return image


def written(file: Path, image: sitk.Image) -> Path:
    sitk.WriteImage(image, str(file))
    return file


def settings(file: Path, **more: Any) -> ImageSettings:
    chosen: dict[str, Any] = {"threshold": 115.0, "keep_largest": False, "close_pockets": False}
    return ImageSettings(file, **(chosen | more))


def bv_tv(log: tuple[str, ...]) -> float:
    """BV/TV of the image as the log tells it."""
    (line,) = [line for line in log if line.endswith("above the threshold")]
    return float(line.split()[1])


def part() -> np.ndarray:
    """The part of the scan at small y."""
    marked = np.zeros(GRAY.shape, "u1")
    marked[:, :11] = 1
    return marked


# --- masks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["nrrd", "nii.gz", "mha"])
@pytest.mark.parametrize("orientation", ["LAS", "RIP", "ASL", "IPR"])
def test_a_region_is_the_same_part_however_it_is_stored(
    tmp_path: Path, orientation: str, ending: str
) -> None:
    """SimpleITK stores a mask along other axes, which moves none of its voxels in space."""
    scan = image_of(GRAY)
    mask = sitk.DICOMOrient(image_of(part()), orientation)
    on_scan = sitk.GetArrayFromImage(
        sitk.Resample(mask, scan, sitk.Transform(), sitk.sitkNearestNeighbor)
    )
    np.testing.assert_array_equal(on_scan, part())
    file, region = written(tmp_path / "scan.mha", scan), written(tmp_path / f"m.{ending}", mask)
    found = load_image(settings(file, region=region))
    assert found.grid.shape == (24, 11, 32)
    assert bv_tv(found.log) == pytest.approx(BONE[:, :11].mean(), abs=1e-4)
    assert bv_tv(found.log) != pytest.approx(BONE[:, 15:].mean(), abs=1e-2)


def test_a_region_of_coarser_voxels_and_a_smaller_box_is_found(tmp_path: Path) -> None:
    scan = image_of(GRAY)
    coarse = sitk.GetImageFromArray(np.ones((4, 5, 6), "u1"))
    coarse.SetSpacing((0.016,) * 3)
    coarse.SetOrigin(scan.TransformContinuousIndexToPhysicalPoint((4.5, 2.5, 6.5)))
    on_scan = sitk.GetArrayFromImage(
        sitk.Resample(coarse, scan, sitk.Transform(), sitk.sitkNearestNeighbor)
    )
    assert on_scan.sum() == 8 * 4 * 5 * 6
    file = written(tmp_path / "scan.nrrd", scan)
    found = load_image(settings(file, region=written(tmp_path / "roi.nii", coarse)))
    assert bv_tv(found.log) == pytest.approx(BONE[on_scan > 0].mean(), abs=1e-4)


def test_a_region_of_another_animal_is_refused_with_both_places(tmp_path: Path) -> None:
    far = image_of(part())
    far.SetOrigin((40.0, 50.0, 60.0))
    file = written(tmp_path / "scan.nrrd", image_of(GRAY))
    with pytest.raises(
        InputError, match=r"roi.nrrd lies elsewhere: it fills z 60 to 60.19"
    ) as told:
        load_image(settings(file, region=written(tmp_path / "roi.nrrd", far)))
    assert "scan.nrrd z 410.1 to 410.3" in str(told.value)


@pytest.mark.parametrize("scan", ["hdf5", "nrrd"])
@pytest.mark.parametrize("mask", ["nrrd", "npy", "tif", "other grid"])
def test_settings_of_the_scan_do_not_touch_the_mask_of_a_pannus(
    tmp_path: Path, scan: str, mask: str
) -> None:
    """`dataset`, `voxel_size` and `threshold` are those of the scan."""
    more: dict[str, Any] = {}
    if scan == "hdf5":
        file = tmp_path / "scan.h5"
        with h5py.File(file, "w") as opened:
            opened["gray"], opened["dark"] = GRAY, GRAY * 0
            opened["gray"].attrs["element_size_um"] = (8.0, 8.0, 8.0)
        more = {"dataset": "gray"}
    else:
        file = written(tmp_path / "scan.nrrd", image_of(GRAY))
        more = {"voxel_size": 8.0}
    marks = np.zeros(GRAY.shape, "u1")
    marks[4:12, 6:18, 10:20] = 1  # below the threshold of the scan
    if mask == "npy":
        place = tmp_path / "pannus.npy"
        np.save(place, marks)
    elif mask == "tif":
        place = tmp_path / "pannus.tif"
        tifffile.imwrite(place, marks, photometric="minisblack")
    elif mask == "nrrd" or scan == "hdf5":
        place = written(tmp_path / "pannus.nrrd", image_of(marks))
    else:
        flipped = sitk.DICOMOrient(image_of(marks), "RIP")
        place = written(tmp_path / "pannus.nii.gz", flipped)
    chosen = settings(file, **more)
    grid = load_image(chosen).grid
    share = mask_share(place, "disease.pannus.mask", chosen, grid, Journal())
    # as sharp as bone is: averaged with the neighbors
    assert share[6:10, 8:16, 12:18].min() == 1.0
    assert share.sum() == pytest.approx(marks.sum(), rel=1e-6)
    assert not share[:, :, 22:].any()


def test_a_pannus_may_fill_the_whole_box(tmp_path: Path) -> None:
    file = written(tmp_path / "scan.nrrd", image_of(GRAY))
    place = written(tmp_path / "all.nrrd", image_of(np.ones(GRAY.shape, "u1")))
    chosen = settings(file)
    share = mask_share(place, "disease.pannus.mask", chosen, load_image(chosen).grid, Journal())
    assert (share == 1).all()


def test_a_mask_whose_bone_is_zero_is_doubted(tmp_path: Path) -> None:
    """Nobody can tell from the values alone which of two is bone; the share of it can."""
    file = written(tmp_path / "mask.nrrd", image_of(np.where(BONE, 0, 1).astype("u1")))
    found = load_image(settings(file, threshold=0.5))
    assert bv_tv(found.log) == pytest.approx(1 - BONE.mean(), abs=1e-4)
    (warning,) = [line for line in found.warnings if "BV/TV" in line]
    assert "invert the image" in warning
    assert not load_image(settings(written(tmp_path / "right.nrrd", image_of(GRAY)))).warnings


# --- thresholds ---------------------------------------------------------------------------------


def scanned(noise: float = 300.0) -> tuple[np.ndarray, np.ndarray]:
    """Gray values of a CT with noise, 32 voxels wide, and its bone."""
    bone = plates((32, 32, 32)) > 115
    rng = np.random.default_rng(5)
    gray = np.where(bone, 4000.0, 1000.0) + rng.normal(0, noise, bone.shape)
    return np.rint(gray).astype("i2"), bone


@pytest.mark.parametrize("padding", [-32768, -3024, -2000, 0, 32767])
def test_a_round_field_of_view_does_not_move_the_threshold(tmp_path: Path, padding: int) -> None:
    gray, bone = scanned()
    y, x = np.indices((32, 32)) - 15.5
    outside = np.broadcast_to(y**2 + x**2 > 15.5**2, bone.shape)
    gray[outside] = padding
    np.save(tmp_path / "scan.npy", gray)
    found = load_image(settings(tmp_path / "scan.npy", threshold="otsu", voxel_size=8.0))
    truth = (bone & ~outside).sum() / bone.size
    assert bv_tv(found.log) == pytest.approx(truth, rel=0.05)
    assert any(str(padding) in line for line in (*found.log, *found.warnings))


@pytest.mark.parametrize(
    ("dtype", "values"), [("i2", (32767, -32768)), ("f4", (1e6, -1e6)), ("u2", (65535,))]
)
def test_a_few_hot_voxels_do_not_move_the_threshold(
    tmp_path: Path, dtype: str, values: tuple[float, ...]
) -> None:
    gray, bone = scanned()
    hot = np.maximum(gray, 0).astype(dtype)
    hot.flat[[5, 7777, 12345, 20000, 31000][: 3 + len(values)]] = (*values, *values, values[0])[
        : 3 + len(values)
    ]
    np.save(tmp_path / "scan.npy", hot)
    found = load_image(settings(tmp_path / "scan.npy", threshold="otsu", voxel_size=8.0))
    assert bv_tv(found.log) == pytest.approx(bone.mean(), rel=0.05)


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.nrrd", "a.nii.nrrd", "a.nii.gz_crop.nrrd", "a.tif.nrrd"])
def test_a_name_says_nothing_of_the_unit(tmp_path: Path, name: str) -> None:
    lines = "\n".join(
        [
            *("NRRD0005", "type: uint8", "dimension: 3", "sizes: 32 26 24", "space dimension: 3"),
            *("space directions: (8,0,0) (0,8,0) (0,0,8)", 'space units: "um" "um" "um"'),
            *("encoding: raw", "", ""),
        ]
    )
    (tmp_path / name).write_bytes(lines.encode() + GRAY.tobytes())
    found = load_image(settings(tmp_path / name))
    assert found.grid.spacing == 8.0
    assert bv_tv(found.log) == pytest.approx(BONE.mean(), abs=1e-4)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (GRAY, "marks every voxel: it holds values of 30 to 200"),
        (np.where(part() > 0, 1, -1).astype("i2"), "marks every voxel: it holds values of -1 to 1"),
        (part() + 1, "marks every voxel: it holds values of 1 to 2"),
        (part() * 0.7, "holds fractions"),
        (np.random.default_rng(3).integers(0, 900, GRAY.shape, "u2"), "holds gray values"),
        (np.where(part() > 0, 1.0, np.nan), "NaN"),
    ],
    ids=["the scan itself", "-1 and 1", "1 and 2", "probabilities", "noise with zeros", "NaN"],
)
def test_what_is_no_mask_marks_nothing(tmp_path: Path, values: np.ndarray, words: str) -> None:
    file = written(tmp_path / "scan.nrrd", image_of(GRAY))
    region = written(tmp_path / "roi.nrrd", image_of(values))
    with pytest.raises(InputError, match=f"region: roi.nrrd {words}|roi.nrrd holds .*{words}"):
        load_image(settings(file, region=region))


def test_all_labels_of_a_mask_count(tmp_path: Path) -> None:
    """More of them than gray values of a smooth image, in one piece each."""
    z, y, _ = np.indices(GRAY.shape)
    labels = np.where(part() > 0, 1 + z // 2 + 12 * (y // 4), 0).astype("u2")
    assert np.unique(labels).size > 30
    file = written(tmp_path / "scan.nrrd", image_of(GRAY))
    for kind in ("u2", "f4"):
        region = written(tmp_path / f"{kind}.nrrd", image_of(labels.astype(kind)))
        found = load_image(settings(file, region=region))
        assert bv_tv(found.log) == pytest.approx(BONE[:, :11].mean(), abs=1e-4)


@pytest.mark.parametrize("name", ["a\nb.nrrd", "a\x1b[2Jb.nrrd", "-x.nrrd", "ä ö [1]*.nrrd"])
def test_odd_names_stay_on_one_line(tmp_path: Path, name: str) -> None:
    file = written(tmp_path / "scan.nrrd", image_of(GRAY))
    odd = file.rename(tmp_path / name)
    found = load_image(settings(odd))
    assert bv_tv(found.log) == pytest.approx(BONE.mean(), abs=1e-4)
    assert all(line.isprintable() for line in found.log)
    odd.write_bytes(odd.read_bytes()[:-5])
    for wrong in (odd, tmp_path / f"gone{name}"):
        with pytest.raises(InputError) as told:
            load_image(settings(wrong))
        assert str(told.value).isprintable()


@pytest.mark.parametrize(("pack", "word"), [(gzip.compress, "gzip"), (bz2.compress, "bzip2")])
def test_packed_files_are_to_be_unpacked(
    tmp_path: Path, pack: Callable[[bytes], bytes], word: str
) -> None:
    file = written(tmp_path / "scan.nrrd", image_of(GRAY))
    file.write_bytes(pack(file.read_bytes()))
    with pytest.raises(InputError, match=f"is packed with {word}; unpack it"):
        load_image(settings(file))
    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as archive:
        archive.write(file)
    with pytest.raises(InputError, match="is packed with zip; unpack it"):
        load_image(settings(tmp_path / "scan.zip"))


def test_space_and_time_of_nrrd_are_those_of_space(tmp_path: Path) -> None:
    text = (
        "NRRD0005\ntype: uint8\ndimension: 3\nsizes: 32 26 24\n"
        "space: right-anterior-superior-time\nspace origin: (1,2,3,4)\nencoding: raw\n"
        "space directions: (0.008,0,0,0) (0,0.008,0,0) (0,0,0.008,0)\n\n"
    )
    (tmp_path / "a.nrrd").write_bytes(text.encode() + GRAY.tobytes())
    image = read_image(tmp_path / "a.nrrd")
    assert image.frame is not None
    assert image.frame.origin == (3000.0, -2000.0, -1000.0)
    assert "taken as LPS" not in " ".join(image.inventory.lines())


@pytest.mark.parametrize("ending", ["jpg", "png"])
@pytest.mark.parametrize("turn", [1, 3, 6])
def test_pictures_that_viewers_turn_are_refused(tmp_path: Path, ending: str, turn: int) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for number, plane in enumerate(GRAY):
        exif = PIL.Image.Exif()
        exif[0x0112] = turn
        PIL.Image.fromarray(plane).save(folder / f"s{number:03d}.{ending}", exif=exif)
    if turn == 1:
        found = load_image(settings(folder, voxel_size=8.0))
        assert bv_tv(found.log) == pytest.approx(BONE.mean(), abs=1e-4)
        return
    with pytest.raises(InputError, match=f"turned or mirrored .Exif Orientation {turn}"):
        load_image(settings(folder, voxel_size=8.0))


@pytest.mark.parametrize(("unit", "edge"), [(1, 8000.0), (2, 8.0), (3, 0.008)])
def test_a_unit_that_makes_no_scan_is_doubted(tmp_path: Path, unit: int, edge: float) -> None:
    """The number 0.008 of a NIfTI in m, mm and um."""
    file = written(tmp_path / "scan.nii", image_of(GRAY))
    data = bytearray(file.read_bytes())
    data[123] = unit
    file.write_bytes(data)
    found = load_image(settings(file))
    assert found.grid.spacing == pytest.approx(edge, rel=1e-6)
    told = [line for line in found.warnings if "where its header means another unit" in line]
    assert len(told) == (unit != 2)


def test_positions_of_a_stage_are_told_and_give_no_place(tmp_path: Path) -> None:
    sizes = {f"PhysicalSize{axis}": 8.0 for axis in "XYZ"}
    planes = {"PositionX": [3.5] * len(GRAY), "PositionXUnit": ["mm"] * len(GRAY)}
    file = tmp_path / "a.ome.tif"
    tifffile.imwrite(file, GRAY, metadata={"axes": "ZYX", **sizes, "Plane": planes})
    image = read_image(file)
    assert image.spacing == (8.0, 8.0, 8.0)
    assert image.frame is None
    assert "positions of its planes" in " ".join(image.inventory.lines())
    tifffile.imwrite(file, GRAY, metadata={"axes": "ZYX", **sizes})
    assert "positions" not in " ".join(read_image(file).inventory.lines())
