"""Export of snapshots to the formats of 3-D image programs, in the space and units of the scan.

Lengths are in mm, as readers of these formats expect, except in TIFF, whose programs use um.
"""

import errno
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np
import SimpleITK as sitk
import tifffile
from numpy.typing import NDArray

from tissue.errors import InputError, printable
from tissue.geometry.grid import Grid
from tissue.storage.atomic import close_synced
from tissue.storage.deflate import GzipFile
from tissue.storage.frame import direction_xyz, first_xyz, position_text
from tissue.storage.names import day_name
from tissue.storage.snapshot import read_snapshot

UM_PER_MM = 1000.0

MAX_CLASSIC_TIFF = 2**32 - 2**25
"""Size of the voxels [bytes] above which a TIFF needs 64-bit offsets, which ImageJ's own layout
lacks; 2^25 of the 2^32 bytes are left to headers, as in tifffile."""

SCANNER_SPACE = 1  # NIFTI_XFORM_SCANNER_ANAT: coordinates of the scanner
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Change from the axes of ITK and VTK to those of NIfTI: x to the right, y to the front."""

GZIP_LEVEL = 2  # higher levels save 2 % of such fields and take half as long again

Values = NDArray[np.float32]
"""A field [z, y, x]."""


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
    for name in fields:
        found.refuse_unknown(name)
    if found.ignored and not fields:
        raise InputError(
            f"{snapshot} has {printable(found.ignored[0])!r}, which is not a field of this program;"
            f" export the others by name: --fields {','.join(found.fields)}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name in fields or found.fields:
        path = folder / f"{name}_{day_name(found.time)}{suffix}"
        _write_image(path, write, found.field(name), found.grid, name)
        made.append(path)
    return tuple(made)


def lost_position(snapshot: Path, kind: str) -> str:
    """Position of a snapshot that a format cannot store, in one line; empty where it can."""
    if kind not in WITHOUT_POSITION:
        return ""
    return f"{WITHOUT_POSITION[kind]}: {position_text(read_snapshot(snapshot).grid)}"


def _write_image(path: Path, write: "Write", values: Values, grid: Grid, name: str) -> None:
    """Writes an image to a temporary folder and moves it, so that it replaces even a link."""
    with TemporaryDirectory(prefix=".export-", dir=path.parent) as unfinished:
        made = Path(unfinished) / path.name
        try:
            write(made, values, grid, name)
            close_synced(made.open("rb"))
        except (InputError, MemoryError):
            raise
        except Exception as error:  # each library reports a full disk in its own way
            code = getattr(error, "errno", None) or errno.EIO
            reason = getattr(error, "strerror", None) or (f"{error}".splitlines() or ["?"])[-1]
            raise OSError(code, reason, str(path)) from error
        made.replace(path)


def _nifti(path: Path, values: Values, grid: Grid, name: str) -> None:
    affine = np.eye(4)
    affine[:3, :3] = direction_xyz(grid) * (grid.spacing / UM_PER_MM)
    affine[:3, 3] = first_xyz(grid) / UM_PER_MM
    affine = LPS_TO_RAS @ affine
    image = nibabel.Nifti1Image(values.T, affine)  # [z, y, x] to [x, y, z], the same bytes
    image.header.set_xyzt_units("mm")
    # readers differ in which of the two they take
    image.set_sform(affine, SCANNER_SPACE)
    image.set_qform(affine, SCANNER_SPACE)
    with GzipFile(path, "wb", GZIP_LEVEL) as file:
        image.to_stream(file)


def _nrrd(path: Path, values: Values, grid: Grid, name: str) -> None:
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


def _mha(path: Path, values: Values, grid: Grid, name: str) -> None:
    image = sitk.GetImageFromArray(values)  # [z, y, x] to (x, y, z)
    image.SetSpacing([grid.spacing / UM_PER_MM] * 3)
    image.SetOrigin((first_xyz(grid) / UM_PER_MM).tolist())
    image.SetDirection(direction_xyz(grid).ravel().tolist())
    sitk.WriteImage(image, str(path), useCompression=True)


def _tiff(path: Path, values: Values, grid: Grid, name: str) -> None:
    edge, text = grid.spacing, position_text(grid)
    if values.nbytes <= MAX_CLASSIC_TIFF:
        tifffile.imwrite(
            path,
            values,
            imagej=True,
            photometric="minisblack",  # or three or four columns would be taken for colors
            resolution=(1 / edge, 1 / edge),  # voxels a unit
            resolutionunit="NONE",
            # "Info" is shown by ImageJ, "place" in the description of the file
            metadata={"axes": "ZYX", "spacing": edge, "unit": "um", "place": text, "Info": text},
        )
        return
    edges = {f"PhysicalSize{axis}": edge for axis in "XYZ"}
    units = {f"PhysicalSize{axis}Unit": "µm" for axis in "XYZ"}
    tifffile.imwrite(
        path,
        values,
        ome=True,
        bigtiff=True,
        photometric="minisblack",
        metadata={"axes": "ZYX", **edges, **units, "Description": text},
    )


def _npy(path: Path, values: Values, grid: Grid, name: str) -> None:
    header = np.lib.format.header_data_from_array_1_0(values)
    with path.open("wb") as file:  # np.save does not report a full disk
        np.lib.format.write_array_header_1_0(file, header)
        file.write(np.ascontiguousarray(values).data)


def _vti(path: Path, values: Values, grid: Grid, name: str) -> None:
    try:
        from vtkmodules.util.numpy_support import numpy_to_vtk
        from vtkmodules.vtkCommonDataModel import vtkImageData
        from vtkmodules.vtkIOXML import vtkXMLImageDataWriter
    except ImportError:
        raise InputError(
            "vti needs the package vtk: pip install vtk (ParaView opens the snapshots as they are)"
        ) from None
    image = vtkImageData()
    image.SetDimensions(*values.shape[::-1])
    image.SetSpacing(*[grid.spacing / UM_PER_MM] * 3)
    image.SetOrigin(*(first_xyz(grid) / UM_PER_MM).tolist())
    image.SetDirectionMatrix(*direction_xyz(grid).ravel().tolist())
    array = numpy_to_vtk(values.ravel(), deep=True)
    array.SetName(name)
    image.GetPointData().SetScalars(array)
    writer = vtkXMLImageDataWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(image)
    if not writer.Write():
        raise OSError(errno.EIO, "VTK cannot write it; is the disk full?", str(path))


Write = Callable[[Path, Values, Grid, str], None]
"""Writes the field of a name on a grid."""

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
    "npy": "npy holds neither the voxel edge nor the position in the scan",
}
"""Formats without the position of an image, and what they store instead."""
