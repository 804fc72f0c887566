"""Reads a grey-value or binary volume from the file formats that scanners and viewers write."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import SimpleITK as sitk
import tifffile

from tissue.errors import InputError
from tissue.geometry.scanners import Volume, is_scanco, read_dicom, read_scanco, series_in

MICROMETRES = {
    "nm": 1e-3,
    "um": 1.0,
    "µm": 1.0,  # micro sign
    "μm": 1.0,  # Greek mu
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
}
ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd", ".nii", ".nii.gz")
TIFF_SUFFIXES = (".tif", ".tiff")
HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".nc")
KNOWN = (
    "NRRD, MetaImage, NIfTI, TIFF (a file or a folder of slices), a folder of DICOM slices,"
    " Scanco AIM or ISQ, .npy or HDF5"
)

VoxelSize = tuple[float, float, float]


@dataclass(frozen=True)
class Image:
    """A volume as the file holds it.

    Attributes:
        values: grey values [z, y, x], in the file's own dtype and units.
        voxel_size: voxel edges (z, y, x) [um]; None where the file does not say.
        unit: of the values, where the format knows one.
    """

    values: np.ndarray
    voxel_size: VoxelSize | None
    unit: str = ""


@contextmanager
def told_of(key: str) -> Iterator[None]:
    """What is wrong with an image is told of the key that names it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{key}: {str(error).removeprefix('[geometry] file: ')}") from None


def read_image(file: Path, dataset: str | None = None) -> Image:
    """The volume in a file or in a folder of 2-D TIFF slices.

    Args:
        file: the file or folder; its name ending tells the format.
        dataset: path inside an HDF5 file; needed where it holds several volumes.

    Raises:
        InputError: the file is missing, unreadable, not a finite 3-D grey-value volume.
    """
    if not file.exists():
        raise InputError(
            f"[geometry] file: there is no {file}; give the path of an existing image"
            " (a relative path starts at the run file)."
        )
    if dataset is not None and not file.name.lower().endswith(HDF5_SUFFIXES):
        raise InputError(
            f"[geometry] dataset: {dataset!r} is given, but {file.name} is no HDF5 file;"
            " remove this key."
        )
    image = _read_hdf5(file, dataset) if _is_hdf5(file) else _reader(file)(file)
    _check_values(file, image.values)
    return image


def _is_hdf5(file: Path) -> bool:
    return file.is_file() and file.name.lower().endswith(HDF5_SUFFIXES)


def _reader(file: Path) -> Callable[[Path], Image]:
    name = file.name.lower()
    if file.is_dir():
        return _read_folder
    if is_scanco(file):
        return partial(_read_scan, read_scanco)
    if name.endswith(ITK_SUFFIXES):
        return _read_itk
    if name.endswith(TIFF_SUFFIXES):
        return _read_tiff
    if name.endswith(".npy"):
        return _read_npy
    raise InputError(
        f"[geometry] file: the format of {file.name} is not known from its ending;"
        f" give the volume as {KNOWN}."
    )


def _check_values(file: Path, values: np.ndarray) -> None:
    if values.ndim != 3 or min(values.shape) < 2:
        raise InputError(
            f"[geometry] file: {file.name} has the shape {values.shape}; a volume with three axes"
            " z, y, x of at least two voxels each is needed."
        )
    if values.dtype.kind not in "buif":
        raise InputError(
            f"[geometry] file: {file.name} holds values of type {values.dtype};"
            " save it as one real number per voxel."
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(np.count_nonzero(~np.isfinite(values)))
        raise InputError(
            f"[geometry] file: {file.name} holds {bad} NaN or infinite values;"
            " replace them by a grey value or crop them away in the image."
        )


def _unreadable(file: Path, reason: object) -> InputError:
    lines = str(reason).strip().splitlines() or ["no reason given"]
    return InputError(
        f"[geometry] file: {file} cannot be read as {KNOWN} ({lines[-1].partition('. ')[0]});"
        " check that it is complete and that its ending fits its format."
    )


def _colour(file: Path) -> InputError:
    return InputError(
        f"[geometry] file: {file.name} is a colour image; save it with one grey value per voxel."
    )


def _read_itk(file: Path) -> Image:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
        image = reader.Execute()
    except RuntimeError as error:
        raise _unreadable(file, error) from error
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise _colour(file)
    values = sitk.GetArrayFromImage(image)
    if values.ndim != 3:
        return Image(values, None)
    return Image(values, _itk_voxel_size(file, image.GetSpacing()[::-1]))


def _itk_voxel_size(file: Path, spacing: VoxelSize) -> VoxelSize | None:
    """Voxel edges [um] from the spacing (z, y, x) that ITK reports.

    ITK converts NIfTI units to mm but passes the numbers of NRRD and MetaImage on as they are.
    """
    unit = None if ".nii" in file.suffixes else _header_unit(file)
    # Writers put 1 where no spacing was ever set (NIfTI ones even add "mm" to it).
    if unit is None and all(edge == 1.0 for edge in spacing):
        return None
    return _positive(tuple(edge * MICROMETRES[unit or "mm"] for edge in spacing))


def _header_unit(file: Path) -> str | None:
    """The length unit that the text header of an NRRD or MetaImage file names."""
    found: set[str] = set()
    for key, text in _text_header(file):
        if key in ("space units", "units"):
            found.update(re.findall(r'"([^"]*)"', text))
        elif key == "distanceunits":
            found.add(text)
    # Headers in Latin-1 hold a micro sign that is no valid UTF-8.
    found = {unit.strip().replace("\ufffd", "µ") for unit in found} - {"", "???", "?", "none"}
    if not found:
        return None
    if len(found) > 1 or not found <= set(MICROMETRES):
        raise InputError(
            f"[geometry] file: the header of {file.name} gives lengths in {sorted(found)};"
            ' write one of "mm", "um", "cm", "m" there for all three axes.'
        )
    return found.pop()


def _text_header(file: Path) -> Iterator[tuple[str, str]]:
    """Keys, in lower case, and values of the lines above the binary data."""
    with file.open("rb") as stream:
        for raw in iter(lambda: stream.readline(4096).strip(), b""):
            key, _, text = raw.decode("utf-8", "replace").replace("=", ":", 1).partition(":")
            yield key.strip().lower(), text.strip()
            if key.strip().lower() == "elementdatafile":
                return


def _positive(size: tuple[float, ...]) -> VoxelSize | None:
    z, y, x = (round(edge, 9) for edge in size)
    return (z, y, x) if all(np.isfinite(edge) and edge > 0 for edge in size) else None


def _read_npy(file: Path) -> Image:
    try:
        values = np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise _unreadable(file, error) from error
    return Image(values, None)


def _read_tiff(file: Path) -> Image:
    try:
        with tifffile.TiffFile(file) as tiff:
            series = tiff.series[0]
            if "S" in series.axes:
                raise _colour(file)
            return Image(_tiff_values(file, series), _tiff_voxel_size(tiff))
    except (tifffile.TiffFileError, ValueError, OSError, IndexError) as error:
        raise _unreadable(file, error) from error


def _tiff_values(file: Path, series: Any) -> np.ndarray:
    try:
        return np.asarray(series.asarray())
    except ValueError:
        # tifffile needs a further package for compressed files that ITK reads as it is.
        try:
            return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(file))))
        except RuntimeError as error:
            raise _unreadable(file, error) from error


def _read_scan(read: Callable[[Path], Volume], file: Path) -> Image:
    try:
        values, edges, unit = read(file)
    except (ValueError, RuntimeError, OSError) as error:
        raise _unreadable(file, error) from error
    return Image(values, _positive(tuple(1e3 * edge for edge in edges)), unit)


def _read_folder(folder: Path) -> Image:
    files = [path for path in folder.iterdir() if path.suffix.lower() in TIFF_SUFFIXES]
    if not files and series_in(folder):
        return _read_scan(read_dicom, folder)
    if len(files) < 2:
        raise InputError(
            f"[geometry] file: the folder {folder} holds {len(files)} TIFF files and no DICOM"
            " series; give a folder of 2-D slices, or the image file itself."
        )
    files.sort(key=_natural)
    slices = [_read_tiff(path) for path in files]
    first = slices[0].values
    for path, one in zip(files, slices, strict=True):
        if one.values.ndim != 2 or one.values.shape != first.shape:
            raise InputError(
                f"[geometry] file: {path.name} has the shape {one.values.shape} and"
                f" {files[0].name} {first.shape}; a folder must hold 2-D slices of one size only."
            )
    return Image(np.stack([one.values for one in slices]), slices[0].voxel_size)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sorting key that puts slice 2 before slice 10."""
    parts = re.findall(r"\d+|\D+", path.name.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _tiff_voxel_size(tiff: Any) -> VoxelSize | None:
    """Voxel edges [um] where ImageJ or OME wrote all three with a length unit.

    Plain resolution tags are left alone: they know no z, and most hold a printing resolution.
    """
    if tiff.ome_metadata:
        return _ome_voxel_size(tiff.ome_metadata)
    described = tiff.imagej_metadata or {}
    scale = MICROMETRES.get(_unescaped(str(described.get("unit", ""))).strip().lower())
    tags = tiff.pages[0].tags
    if scale is None or "spacing" not in described or "XResolution" not in tags:
        return None
    edges = [abs(float(described["spacing"]))]
    for name in ("YResolution", "XResolution"):
        pixels, units = tags[name].value
        edges.append(units / pixels if pixels else 0.0)
    return _positive(tuple(edge * scale for edge in edges))


def _unescaped(text: str) -> str:
    r"""ImageJ writes the micro sign as the six characters \u00B5."""
    return text.replace("\\u00B5", "µ")


def _ome_voxel_size(xml: str) -> VoxelSize | None:
    root = ElementTree.fromstring(xml)
    pixels = next((node for node in root.iter() if node.tag.endswith("Pixels")), None)
    if pixels is None:
        return None
    edges = []
    for axis in "ZYX":
        size = pixels.get(f"PhysicalSize{axis}")
        scale = MICROMETRES.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        if size is None or scale is None:
            return None
        edges.append(float(size) * scale)
    return _positive(tuple(edges))


def _read_hdf5(file: Path, dataset: str | None) -> Image:
    import h5py  # only here: every other use of HDF5 belongs to storage

    try:
        with h5py.File(file, "r") as opened:
            node = opened[_dataset_path(file, opened, dataset)]
            size = node.attrs.get("element_size_um")
            return Image(node[()], None if size is None else _positive(tuple(map(float, size))))
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error


def _dataset_path(file: Path, opened: Any, dataset: str | None) -> str:
    volumes: list[str] = []

    def note(name: str, node: Any) -> None:
        if getattr(node, "ndim", 0) == 3:
            volumes.append(name)

    opened.visititems(note)
    listed = ", ".join(volumes) or "none"
    if dataset is None and len(volumes) == 1:
        return volumes[0]
    if dataset is None:
        raise InputError(
            f"[geometry] dataset: {file.name} must be told which 3-D dataset to read;"
            f" it holds: {listed}."
        )
    if dataset.strip("/") not in volumes:
        raise InputError(
            f"[geometry] dataset: {dataset!r} is no 3-D dataset of {file.name}; it holds: {listed}."
        )
    return dataset
