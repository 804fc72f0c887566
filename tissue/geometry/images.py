"""Reader of images of any format, recognized by their content, not by their names."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tissue.errors import InputError, printable
from tissue.geometry.gate import admit
from tissue.geometry.image import Image, guarded, refused, shortened, unreadable

KNOWN = (
    "NRRD, MetaImage, NIfTI, TIFF, a folder of TIFF, BMP or PNG slices, a folder of DICOM slices,"
    " Scanco AIM or ISQ, .npy, HDF5 or netCDF"
)
HEAD = 2056
"""Bytes at the start of a file that show its format: HDF5 begins behind up to 2 kB of others."""

LONG = 300
"""Characters of a path in a message."""

PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"7z\xbc\xaf": "7z",
}
"""First bytes of packed files and archives."""


class Format(NamedTuple):
    """One format of image files.

    Attributes:
        name: as people call it.
        suffixes: endings of file names, in lower case.
        holds: whether the first bytes of a file are those of this format.
        read: opens a file; takes the dataset of an HDF5 file or the series of a DICOM folder.
        choice: the key that chooses one of several volumes in a file; empty where there is none.
    """

    name: str
    suffixes: tuple[str, ...]
    holds: Callable[[bytes], bool]
    read: Callable[..., Image]
    choice: str = ""


def _starts(*signs: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signs)


@cache
def formats() -> tuple[Format, ...]:
    """Formats of files, in the order in which their signs are looked for."""
    # here, as the libraries of all formats together take longer to import than many a run to plan
    from tissue.geometry.formats import (
        dicom,
        hdf5,
        metaimage,
        netcdf,
        nifti,
        nrrd,
        numpy_array,
        scanco_aim,
        scanco_header,
        scanco_isq,
        tiff,
    )

    hdf5_names = (".h5", ".hdf5", ".hdf", ".nc", ".nxs")
    classic = _starts(b"CDF\x01", b"CDF\x02", b"CDF\x05")
    return (
        Format("NRRD", (".nrrd", ".nhdr"), _starts(b"NRRD0"), nrrd.read),
        Format("numpy array", (".npy",), _starts(b"\x93NUMPY"), numpy_array.read),
        Format("TIFF", (".tif", ".tiff"), tiff.is_tiff, tiff.read),
        Format("HDF5", hdf5_names, hdf5.is_hdf5, hdf5.read, "dataset"),
        Format("netCDF", (".nc",), classic, netcdf.read, "dataset"),
        Format("DICOM", (".dcm", ".dicom", ".ima"), dicom.is_dicom, dicom.read_file),
        Format("Scanco", (".aim", ".isq"), _starts(*scanco_header.SIGNS), scanco_aim.read),
        Format("Scanco", (".aim", ".isq"), _starts(scanco_isq.SIGN), scanco_isq.read),
        Format("NIfTI", (".nii", ".nii.gz", ".hdr"), nifti.is_nifti, nifti.read),
        Format("MetaImage", (".mha", ".mhd"), metaimage.is_metaimage, metaimage.read),
    )


@contextmanager
def named_after(key: str) -> Iterator[None]:
    """Make an error about an image name the key that gave the image."""
    try:
        yield
    except InputError as error:
        raise InputError(error.reason, key=key) from None


def read_image(file: Path, dataset: str | None = None, series: str | None = None) -> Image:
    """Open an image that is complete and unambiguous; its voxels are read on demand.

    Args:
        file: the file, or a folder of slices.
        dataset: path inside an HDF5 or netCDF file; needed where it holds several volumes.
        series: identifier of a DICOM series; needed where a folder holds several.

    Raises:
        InputError: the image is missing, unreadable, incomplete or ambiguous.
    """
    try:
        there = file.exists()
    except (OSError, ValueError) as error:  # a name too long, or with a zero byte
        raise unreadable(file, error) from None
    if not there:
        raise InputError(
            f"there is no {printable(str(file), LONG)}; give the path of an"
            " existing image (a relative path starts at the run file)",
            key="geometry.file",
        )
    if file.is_dir():
        _refuse_choice(file, "dataset", dataset, "")
        from tissue.geometry.formats import folder

        return admit(folder.read(file, series))
    if not file.is_file():
        raise InputError(
            f"{printable(str(file), LONG)} is neither a file nor a folder; give an image",
            key="geometry.file",
        )
    found = _format_of(file)
    _refuse_choice(file, "dataset", dataset, found.choice)
    _refuse_choice(file, "series", series, found.choice)
    image = found.read(file, dataset) if found.choice == "dataset" else found.read(file)
    if not _named_as(file, found):
        note = f"{file.name} is {found.name}, whatever its ending says"
        notes = (*image.inventory.assumed, note)
        image = replace(image, inventory=replace(image.inventory, assumed=notes))
    return admit(image)


def _format_of(file: Path) -> Format:
    from tissue.geometry.formats import nifti

    with guarded(file), file.open("rb") as stream:
        raw = stream.read(4 * HEAD)
    head = nifti.unpacked_head(raw, HEAD)
    packed = next((name for sign, name in PACKED.items() if raw.startswith(sign)), "")
    for each in formats():
        if each.holds(head) and not (packed and each.read is not nifti.read):
            return each
    if packed:
        raise refused(file, f"is packed with {packed}; unpack it, and give what is in it")
    if not head:
        raise unreadable(file, "the file is empty")
    for each in formats():
        if _named_as(file, each):
            raise unreadable(file, f"it does not begin as {each.name} files do")
    raise InputError(
        f"the format of {shortened(file.name)} is not known; give the volume as {KNOWN}",
        key="geometry.file",
    )


def _named_as(file: Path, found: Format) -> bool:
    # Scanco's computers number the versions of a file: SCAN.AIM;1
    name = file.name.lower().partition(";")[0]
    return name.endswith(found.suffixes)


def _refuse_choice(file: Path, key: str, value: str | None, choice: str) -> None:
    if value is not None and key != choice:
        kinds = {"dataset": "an HDF5 or netCDF file", "series": "a folder of several series"}
        name = shortened(file.name)
        raise InputError(
            f"{value!r} is given, but {name} is not {kinds[key]}; remove this key",
            key=f"geometry.{key}",
        )
