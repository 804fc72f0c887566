"""NRRD files for the tests."""

from pathlib import Path

import numpy as np
from geometry.formats.volumes import gray

NAMES = {
    "u1": "uchar",
    "i1": "signed char",
    "u2": "ushort",
    "i2": "short",
    "u4": "unsigned int",
    "i4": "int32",
    "u8": "uint64",
    "i8": "long long",
    "f4": "float",
    "f8": "double",
}
VECTORS = "(0.008,0,0) (0,0.01,0) (0,0,0.0125)"
PLACED = f"space: left-posterior-superior\nspace directions: {VECTORS}\nspace origin: (1,2,3)\n"
MM = 'space units: "mm" "mm" "mm"\n'


def header(
    lines: str = "", encoding: str = "raw", dtype: str = "i2", sizes: str = "8 7 6"
) -> bytes:
    """A header of a volume of little-endian numbers, without the empty line at its end."""
    text = (
        f"NRRD0005\ntype: {NAMES[dtype]}\ndimension: {len(sizes.split())}\nsizes: {sizes}\n"
        f"endian: little\nencoding: {encoding}\n{lines}"
    )
    return text.encode()


def written(file: Path, lines: str = "", values: np.ndarray | None = None) -> Path:
    """A file with these further lines of a header."""
    data = (gray() if values is None else values).astype("<i2").tobytes()
    file.write_bytes(header(lines) + b"\n" + data)
    return file


def detached(folder: Path, lines: str, encoding: str = "raw") -> Path:
    """A header whose voxels are elsewhere."""
    file = folder / "a.nhdr"
    file.write_bytes(header(PLACED, encoding) + lines.encode())
    return file
