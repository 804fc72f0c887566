"""MetaImage files for the tests."""

from pathlib import Path

from geometry.formats.volumes import gray

NAMES = {
    "u1": "MET_UCHAR",
    "i1": "MET_CHAR",
    "u2": "MET_USHORT",
    "i2": "MET_SHORT",
    "u4": "MET_UINT",
    "i4": "MET_INT",
    "u8": "MET_ULONG_LONG",
    "i8": "MET_LONG_LONG",
    "f4": "MET_FLOAT",
    "f8": "MET_DOUBLE",
}
SPACED = "ElementSpacing = 0.008 0.01 0.0125\n"
PLACED = f"{SPACED}Offset = 1 2 3\n"


def header(lines: str = "", dtype: str = "i2", sizes: str = "8 7 6") -> str:
    """A header without its last line."""
    return (
        f"ObjectType = Image\nNDims = {len(sizes.split())}\nDimSize = {sizes}\n"
        f"ElementType = {NAMES[dtype]}\n{lines}"
    )


def written(file: Path, lines: str = PLACED, data: bytes | None = None) -> Path:
    """A file with these further lines of a header."""
    stored = gray().astype("<i2").tobytes() if data is None else data
    file.write_bytes(f"{header(lines)}ElementDataFile = LOCAL\n".encode() + stored)
    return file


def detached(folder: Path, last: str, lines: str = PLACED) -> Path:
    """A header whose voxels are elsewhere."""
    file = folder / "a.mhd"
    file.write_text(f"{header(lines)}ElementDataFile = {last}\n", encoding="utf-8")
    return file
