"""Export of snapshots to the formats of 3-D image programs, in the space and units of the scan.

Lengths are in mm, as readers of these formats expect, except in TIFF, whose programs use um.
"""

import errno
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

import nibabel
import numpy as np
import SimpleITK as sitk
import tifffile
from numpy.typing import NDArray

from tissue.errors import InputError, printable
from tissue.geometry.grid import Grid
from tissue.model.fields import FIELDS
from tissue.storage.atomic import close_synced
from tissue.storage.deflate import GzipFile
from tissue.storage.frame import direction_xyz, first_xyz, position_text
from tissue.storage.names import day_name
from tissue.storage.snapshot import Snapshot, read_snapshot

UM_PER_MM = 1000.0
SECONDS_PER_DAY = 86400.0  # NIfTI has no unit of time above the second

MAX_CLASSIC_TIFF = 2**32 - 2**25
"""Size of the voxels [bytes] above which a TIFF needs 64-bit offsets, which ImageJ's own layout
lacks; 2^25 of the 2^32 bytes are left to headers, as in tifffile."""

SCANNER_SPACE = 1  # NIFTI_XFORM_SCANNER_ANAT: coordinates of the scanner
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Change from the axes of ITK and VTK to those of NIfTI: x to the right, y to the front."""

NIFTI_TEXT = 79
"""Characters of the description of a NIfTI image; the last of its 80 bytes ends it."""

GZIP_LEVEL = 2  # higher levels save 2 % of such fields and take half as long again

Values = NDArray[np.float32]
"""A field [z, y, x]."""


class FieldImage(NamedTuple):
    """A field of one time.

    Attributes:
        values: its values [z, y, x].
        grid: its voxels.
        name: of the field.
        time: simulated time [day].
    """

    values: Values
    grid: Grid
    name: str
    time: float


def export(snapshot: Path, folder: Path, fields: tuple[str, ...], kind: str) -> tuple[Path, ...]:
    """Writes fields of a snapshot as images, each complete under its name or absent.

    Args:
        snapshot: the file.
        folder: of the images, which are named as il1_day0007.000.nii.gz.
        fields: their names; empty for all fields.
        kind: one of KINDS.

    Raises:
        InputError: there is no such field or format, or the file has a field of another program.
        OSError: the folder cannot be written to.
    """
    if kind not in KINDS:
        raise InputError(f"{kind!r} is not a known format; it must be one of {', '.join(KINDS)}")
    suffix, write = KINDS[kind]
    found = read_snapshot(snapshot)
    refuse_fields(found, fields)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name in fields or found.fields:
        path = folder / f"{name}_{day_name(found.time)}{suffix}"
        image = FieldImage(found.field(name), found.grid, name, found.time)
        write_complete(path, partial(write, image=image))
        made.append(path)
    return tuple(made)


def refuse_fields(snapshot: Snapshot, fields: tuple[str, ...]) -> None:
    """Refuses fields that a snapshot lacks and, where all are wanted, fields of other programs.

    Raises:
        InputError: there is such a field.
    """
    for name in fields:
        snapshot.refuse_unknown(name)
    if snapshot.ignored and not fields:
        raise InputError(
            f"{snapshot.path} has {printable(snapshot.ignored[0])!r}, which is not a field of this"
            f" program; export the others by name: --fields {','.join(snapshot.fields)}"
        )


def lost_position(snapshot: Path, kind: str) -> str:
    """Position of a snapshot that a format cannot store, in one line; empty where it can."""
    if kind not in WITHOUT_POSITION:
        return ""
    return f"{WITHOUT_POSITION[kind]}: {position_text(read_snapshot(snapshot).grid)}"


def write_complete(path: Path, write: Callable[[Path], None]) -> None:
    """Writes a file to a temporary folder and moves it, so that it replaces even a link.

    Raises:
        OSError: the folder cannot be written to, with the path of the file.
    """
    with TemporaryDirectory(prefix=".export-", dir=path.parent) as unfinished:
        made = Path(unfinished) / path.name
        try:
            write(made)
            close_synced(made.open("rb"))
        except (InputError, MemoryError):
            raise
        except Exception as error:  # each library reports a full disk in its own way
            code = getattr(error, "errno", None) or errno.EIO
            reason = getattr(error, "strerror", None) or (f"{error}".splitlines() or ["?"])[-1]
            raise OSError(code, reason, str(path)) from error
        made.replace(path)


def _nifti(path: Path, image: FieldImage) -> None:
    header = nifti_header(image.grid, image.values.shape, 0.0)
    header["descrip"] = nifti_text(f"{image.name} [{FIELDS[image.name].unit}], day {image.time:g}")
    header["toffset"] = image.time * SECONDS_PER_DAY
    header["cal_min"], header["cal_max"] = image.values.min(), image.values.max()
    with GzipFile(path, "wb", GZIP_LEVEL) as file:
        header.write_to(file)
        file.write(np.ascontiguousarray(image.values, "<f4").data)  # [z, y, x], x fastest


def nifti_header(
    grid: Grid, shape: tuple[int, ...], step: float, notes: str = ""
) -> nibabel.Nifti1Header:
    """Header of an image in one file, in the space of the scan.

    Args:
        grid: voxels.
        shape: of the array, x last: [z, y, x] or [time, z, y, x].
        step: between two times [day].
        notes: text of any length, which nibabel shows as an extension of the header.
    """
    affine = np.eye(4)
    affine[:3, :3] = direction_xyz(grid) * (grid.spacing / UM_PER_MM)
    affine[:3, 3] = first_xyz(grid) / UM_PER_MM
    affine = LPS_TO_RAS @ affine
    extensions = [nibabel.nifti1.Nifti1Extension("comment", notes.encode())] if notes else []
    header = nibabel.Nifti1Header(endianness="<", extensions=extensions)
    header.set_data_dtype("<f4")
    header.set_data_shape(shape[::-1])
    edge = grid.spacing / UM_PER_MM
    header.set_zooms((edge, edge, edge, step * SECONDS_PER_DAY)[: len(shape)])
    header.set_xyzt_units("mm", "sec")
    # readers differ in which of the two they take
    header.set_sform(affine, SCANNER_SPACE)
    header.set_qform(affine, SCANNER_SPACE)
    header.set_slope_inter(1, 0)
    return header


def nifti_text(text: str) -> bytes:
    """Text that fits into the description of a NIfTI image."""
    return text.encode("ascii", "replace")[:NIFTI_TEXT]


def _nrrd(path: Path, image: FieldImage) -> None:
    values, grid = image.values, image.grid
    axes = direction_xyz(grid).T * (grid.spacing / UM_PER_MM)
    head = (
        "NRRD0004",
        "type: float",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, grid.shape[::-1]))}",
        f"space directions: {' '.join(map(_nrrd_vector, axes))}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        'space units: "mm" "mm" "mm"',
        f"space origin: {_nrrd_vector(first_xyz(grid) / UM_PER_MM)}",
    )
    with path.open("wb") as file:
        file.write("\n".join((*head, "", "")).encode("ascii"))
        with GzipFile("", "wb", GZIP_LEVEL, file) as data:
            data.write(np.ascontiguousarray(values, "<f4").data)


def _nrrd_vector(numbers: NDArray[np.float64]) -> str:
    return f"({','.join(repr(float(number)) for number in numbers)})"


def _mha(path: Path, image: FieldImage) -> None:
    values, grid = image.values, image.grid
    made = sitk.GetImageFromArray(values)  # [z, y, x] to (x, y, z)
    made.SetSpacing([grid.spacing / UM_PER_MM] * 3)
    made.SetOrigin((first_xyz(grid) / UM_PER_MM).tolist())
    made.SetDirection(direction_xyz(grid).ravel().tolist())
    sitk.WriteImage(made, str(path), useCompression=True)


def _tiff(path: Path, image: FieldImage) -> None:
    values, grid = image.values, image.grid
    if values.nbytes <= MAX_CLASSIC_TIFF:
        limits = (float(values.min()), float(values.max()))
        tifffile.imwrite(path, values, **imagej_options(grid, limits, {"axes": "ZYX"}))
        return
    tifffile.imwrite(path, values, bigtiff=True, **ome_options(image.name, grid, {"axes": "ZYX"}))


def imagej_options(
    grid: Grid, limits: tuple[float, float], metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """Options of tifffile for a hyperstack of ImageJ with its voxel edge and gray values shown.

    Args:
        grid: voxels.
        limits: values shown as black and as white; equal ones leave them to ImageJ.
        metadata: of the axes and times.
    """
    edge, text = grid.spacing, position_text(grid)
    shown = {"min": limits[0], "max": limits[1]} if limits[0] < limits[1] else {}
    return {
        "imagej": True,
        "photometric": "minisblack",  # or three or four columns would be taken for colors
        "resolution": (1 / edge, 1 / edge),  # voxels a unit
        "resolutionunit": "NONE",
        # "Info" is shown by ImageJ, "place" in the description of the file
        "metadata": {
            "spacing": edge,
            "unit": "um",
            "place": text,
            "Info": text,
            **shown,
            **metadata,
        },
    }


def ome_options(name: str, grid: Grid, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Options of tifffile for an OME-TIFF of a field, with the voxel edge and its units."""
    edges = {f"PhysicalSize{axis}": grid.spacing for axis in "XYZ"}
    units = {f"PhysicalSize{axis}Unit": "µm" for axis in "XYZ"}
    channel = {"Name": f"{FIELDS[name].long_name} [{FIELDS[name].unit}]"}
    return {
        "ome": True,
        "photometric": "minisblack",
        "metadata": {
            **edges,
            **units,
            "Name": name,
            "Channel": channel,
            "Description": position_text(grid),
            **metadata,
        },
    }


def _npy(path: Path, image: FieldImage) -> None:
    values = image.values
    header = np.lib.format.header_data_from_array_1_0(values)
    with path.open("wb") as file:  # np.save does not report a full disk
        np.lib.format.write_array_header_1_0(file, header)
        file.write(np.ascontiguousarray(values).data)


def _vti(path: Path, image: FieldImage) -> None:
    values, grid = image.values, image.grid
    try:
        from vtkmodules.util.numpy_support import numpy_to_vtk
        from vtkmodules.vtkCommonDataModel import vtkImageData
        from vtkmodules.vtkIOXML import vtkXMLImageDataWriter
    except ImportError:
        raise InputError(
            "vti needs the package vtk: pip install vtk (ParaView opens the snapshots as they are)"
        ) from None
    made = vtkImageData()
    made.SetDimensions(*values.shape[::-1])
    made.SetSpacing(*[grid.spacing / UM_PER_MM] * 3)
    made.SetOrigin(*(first_xyz(grid) / UM_PER_MM).tolist())
    made.SetDirectionMatrix(*direction_xyz(grid).ravel().tolist())
    array = numpy_to_vtk(values.ravel(), deep=True)
    array.SetName(image.name)
    made.GetPointData().SetScalars(array)
    writer = vtkXMLImageDataWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(made)
    if not writer.Write():
        raise OSError(errno.EIO, "VTK cannot write it; is the disk full?", str(path))


class Write(Protocol):
    """Writer of a format."""

    def __call__(self, path: Path, image: FieldImage) -> None:
        """Writes a field of one time."""


KINDS: Mapping[str, tuple[str, Write]] = {
    "nifti": (".nii.gz", _nifti),
    "mha": (".mha", _mha),
    "nrrd": (".nrrd", _nrrd),
    "tiff": (".tif", _tiff),
    "npy": (".npy", _npy),
    "vti": (".vti", _vti),
}
"""Formats by name: suffix and writer."""

WITHOUT_POSITION: Mapping[str, str] = {
    "tiff": "TIFF holds the voxel edge, but the position in the scan only as text",
    "ome-tiff": "OME-TIFF holds the voxel edge, but the position in the scan only as text",
    "imagej": "ImageJ holds the voxel edge, but the position in the scan only as text",
    "npy": "npy holds neither the voxel edge nor the position in the scan",
}
"""Formats without the position of an image, and what they store instead."""
