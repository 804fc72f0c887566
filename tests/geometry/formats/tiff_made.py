"""TIFF files for the tests, written and read by other programs than the one under test."""

import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import tifffile
from geometry.formats.volumes import gray
from PIL import Image, ImageSequence

SHAPE = (5, 20, 24)

DESCRIPTION, PHOTOMETRIC, ORIENTATION, SUBFILE = 270, 262, 274, 254
"""Numbers of tags that tests change."""


def volume(dtype: str = "u2") -> np.ndarray:
    """Numbers that use the range of a type and differ along each axis [z, y, x]."""
    return gray(dtype, SHAPE)


def written(file: Path, values: np.ndarray, **options: Any) -> Path:
    """A file that tifffile writes."""
    tifffile.imwrite(file, values, **{"photometric": "minisblack", **options})
    return file


def by_pillow(file: Path) -> np.ndarray:
    """All pages as Pillow shows them [z, y, x]."""
    with Image.open(file) as image:
        return np.stack([np.array(page) for page in ImageSequence.Iterator(image)])


def by_itk(file: Path) -> np.ndarray:
    """All pages as SimpleITK reads them [z, y, x]."""
    return sitk.GetArrayFromImage(sitk.ReadImage(str(file)))


def by_tifffile(file: Path) -> np.ndarray:
    """All pages that are no smaller copies as tifffile reads them [z, y, x]."""
    with tifffile.TiffFile(file) as tiff:
        return np.stack([page.asarray() for page in tiff.pages if not page.subfiletype & 5])


def pillow_stack(file: Path, values: np.ndarray, **options: Any) -> Path:
    """A stack that Pillow writes."""
    pages = [Image.fromarray(page) for page in values]
    pages[0].save(file, save_all=True, append_images=pages[1:], **options)
    return file


def itk_stack(file: Path, values: np.ndarray, compressor: str) -> Path:
    """A stack that SimpleITK writes."""
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(file))
    writer.SetUseCompression(True)
    writer.SetCompressor(compressor)
    writer.Execute(sitk.GetImageFromArray(values))
    return file


def retagged(file: Path, **values: int) -> Path:
    """The same file with other numbers in tags of all its pages, each named t and its number."""
    with tifffile.TiffFile(file) as tiff:
        order = tiff.byteorder
        places = [
            (page.tags[int(name[1:])], value)
            for page in tiff.pages
            for name, value in values.items()
        ]
    data = bytearray(file.read_bytes())
    for tag, value in places:
        struct.pack_into(f"{order}{'H' if tag.dtype == 3 else 'I'}", data, tag.valueoffset, value)
    file.write_bytes(data)
    return file


def structure(file: Path) -> np.ndarray:
    """Bytes of a file that hold no voxels."""
    kept = np.ones(file.stat().st_size, bool)
    with tifffile.TiffFile(file) as tiff:
        for page in tiff.pages:
            for place, count in zip(page.dataoffsets, page.databytecounts, strict=True):
                kept[place : place + count] = False
    return np.flatnonzero(kept)


def damaged(data: bytes, places: np.ndarray, seed: str) -> bytes:
    """A file that was cut or changed, most often where it holds no voxels."""
    chance = random.Random(seed)
    changed = bytearray(data)
    any_place = chance.random() < 0.15
    at = chance.randrange(len(data)) if any_place else int(places[chance.randrange(len(places))])
    kind = chance.choice(("byte", "bit", "cut", "insert", "delete", "swap", "zero"))
    if kind == "byte":
        changed[at] = chance.randrange(256)
    elif kind == "bit":
        changed[at] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del changed[chance.randrange(len(data)) :]
    elif kind == "insert":
        changed[at:at] = chance.randbytes(chance.randrange(1, 9))
    elif kind == "delete":
        del changed[at : at + chance.randrange(1, 9)]
    elif kind == "swap":
        other = int(places[chance.randrange(len(places))])
        changed[at], changed[other] = changed[other], changed[at]
    else:
        changed[at : at + 4] = bytes(len(changed[at : at + 4]))
    return bytes(changed)


def read_by_another(file: Path, values: np.ndarray) -> bool:
    """Whether one of three other programs reads the same voxels in a file."""
    for reader in (by_tifffile, by_pillow, by_itk):
        try:
            other = reader(file)
        except Exception:  # other programs fail in any way
            continue
        if other.shape == values.shape and np.array_equal(other, values, equal_nan=True):
            return True
    return False
