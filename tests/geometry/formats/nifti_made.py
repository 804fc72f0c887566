"""NIfTI files for the tests."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from geometry.formats.volumes import EDGES_MM

AFFINE = np.diag([*EDGES_MM, 1.0])
VERSIONS = (nib.Nifti1Image, nib.Nifti2Image)


def written(file: Path, values: np.ndarray, affine: Any = AFFINE, **fields: Any) -> Path:
    """A file that nibabel writes, with fields of its header set afterwards."""
    kind = fields.pop("kind", nib.Nifti1Image)
    order = fields.pop("order", "<")
    header = kind.header_class(endianness=order)
    header.set_data_dtype(values.dtype)
    image = kind(values.T, affine, header)
    image.header.set_xyzt_units("mm")
    for name, value in fields.items():
        image.header[name] = value
    nib.save(image, file)
    return file


def rewritten(file: Path, **fields: Any) -> Path:
    """The same file with other fields, which nibabel would correct."""
    data = file.read_bytes()
    header = nib.Nifti1Header(data[:348])
    for name, value in fields.items():
        header[name] = value
    file.write_bytes(header.binaryblock + data[348:])
    return file
