"""Snapshots in the formats of 3-D image programs; voxel size, origin and axes are kept."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from tissue.errors import InputError
from tissue.storage.snapshot import Snapshot, read_snapshot

MM = 1e-3
"""One um in mm, the length unit of medical image formats."""


def export(snapshot: Path, folder: Path, fields: tuple[str, ...], kind: str) -> tuple[Path, ...]:
    """Writes fields of a snapshot as images.

    Args:
        snapshot: the file.
        folder: where they go, as NAME_STEP.SUFFIX.
        fields: their names; all that there are where it is empty.
        kind: one of KINDS.

    Raises:
        InputError: there is no such field or format.
    """
    if kind not in KINDS:
        raise InputError(f"{kind!r} is not a known format; it must be one of {', '.join(KINDS)}")
    suffix, write = KINDS[kind]
    whole = read_snapshot(snapshot)
    for name in fields:
        whole.refuse_unknown(name)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name in fields or whole.fields:
        path = folder / f"{name}_{whole.step:010d}{suffix}"
        write(path, whole.field(name), whole)
        made.append(path)
    return tuple(made)


def _image(values: NDArray[np.float32], snapshot: Snapshot, scale: float) -> sitk.Image:
    image = sitk.GetImageFromArray(values)  # [z, y, x] to (x, y, z)
    image.SetSpacing([snapshot.grid.spacing * scale] * 3)
    image.SetOrigin([x * scale for x in snapshot.grid.origin[::-1]])
    return image


def _medical(path: Path, values: NDArray[np.float32], snapshot: Snapshot) -> None:
    # lengths in mm, as every reader of these formats expects
    sitk.WriteImage(_image(values, snapshot, MM), str(path), useCompression=True)


def _tiff(path: Path, values: NDArray[np.float32], snapshot: Snapshot) -> None:
    import tifffile

    grid = snapshot.grid
    place = {"spacing": grid.spacing, "unit": "um", "axes": "ZYX", "origin_um": grid.origin}
    tifffile.imwrite(
        path,
        values,
        photometric="minisblack",  # or three or four columns would be taken for colours
        resolution=(1e4 / grid.spacing,) * 2,
        resolutionunit="CENTIMETER",
        metadata=place,
    )


def _npy(path: Path, values: NDArray[np.float32], snapshot: Snapshot) -> None:
    np.save(path, values)


def _vti(path: Path, values: NDArray[np.float32], snapshot: Snapshot) -> None:
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
    image.SetSpacing(*[snapshot.grid.spacing] * 3)
    image.SetOrigin(*snapshot.grid.origin[::-1])
    array = numpy_to_vtk(values.ravel(), deep=True)
    array.SetName(path.stem.rpartition("_")[0])
    image.GetPointData().SetScalars(array)
    writer = vtkXMLImageDataWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(image)
    writer.Write()


Write = Callable[[Path, NDArray[np.float32], Snapshot], None]
KINDS: Mapping[str, tuple[str, Write]] = {
    "nifti": (".nii.gz", _medical),
    "mha": (".mha", _medical),
    "nrrd": (".nrrd", _medical),
    "tiff": (".tif", _tiff),
    "npy": (".npy", _npy),
    "vti": (".vti", _vti),
}
"""Formats by name: suffix and writer."""
