"""Voxels of DICOM slices: decompressed, and as gray values."""

import tempfile
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.pixels import get_decoder, pixel_array

from tissue.geometry.formats.dicom_elements import quiet
from tissue.geometry.formats.dicom_headers import Header, Slice
from tissue.geometry.formats.dicom_stored import Pixels
from tissue.geometry.formats.tiff_codec import captured_messages
from tissue.geometry.image import guarded, refused, unreadable

PRECISE = 24
"""Bits of the whole numbers that float32 holds exactly."""


def stored_type(pixels: Pixels) -> np.dtype:
    """Type of the stored numbers of a file."""
    if pixels.real:
        return np.dtype(f"f{pixels.allocated // 8}")
    size = max(1, pixels.allocated // 8)
    return np.dtype(f"{'i' if pixels.signed else 'u'}{size}")


def gray_type(pixels: Pixels, calibrated: bool) -> np.dtype:
    """Type of the gray values of a file."""
    stored = stored_type(pixels)
    if not calibrated:
        return stored
    return np.dtype("f8" if pixels.stored > PRECISE else "f4")


def gray_values(header: Header, part: Slice, dtype: np.dtype, calibrated: bool) -> np.ndarray:
    """Gray values of a slice [y, x].

    Args:
        header: header of the file of the slice.
        part: the slice.
        dtype: type of the gray values.
        calibrated: whether slope and intercept are applied.

    Raises:
        InputError: the slice is damaged, or its compression is not known.
    """
    with guarded(part.file), quiet():
        stored = _stored(header, part)
    if stored.shape != (header.rows, header.columns):
        raise unreadable(part.file, f"it gave a slice of {stored.shape} voxels")
    if not calibrated:
        return stored.astype(dtype, copy=False)
    return stored * dtype.type(part.slope) + dtype.type(part.intercept)


def _stored(header: Header, part: Slice) -> np.ndarray:
    pixels = header.pixels
    assert pixels
    syntax = pydicom.uid.UID(pixels.syntax)
    # Pillow, which decodes this one, takes eight bits only
    wide = syntax == pydicom.uid.JPEGExtended12Bit and pixels.allocated > 8
    try:
        known = get_decoder(syntax).is_available and not wide
    except NotImplementedError:
        known = False
    if known:
        return pixel_array(part.file, index=part.frame, raw=True, transfer_syntax_uid=pixels.syntax)
    return _by_itk(header, part, pixels, syntax)


def _by_itk(header: Header, part: Slice, pixels: Pixels, syntax: pydicom.uid.UID) -> np.ndarray:
    """A compressed frame by the decoders of ITK, from a file that holds it alone."""
    with part.file.open("rb") as stream:
        stream.seek(pixels.start)
        frame = pydicom.encaps.get_frame(stream, part.frame, number_of_frames=len(header.slices))
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.SOPClassUID = pydicom.uid.CTImageStorage
    data.SOPInstanceUID = pydicom.uid.generate_uid()
    data.Modality = "CT"
    data.Rows, data.Columns = header.rows, header.columns
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored = pixels.allocated, pixels.stored
    data.HighBit, data.PixelRepresentation = pixels.stored - 1, int(pixels.signed)
    data.PixelData = pydicom.encaps.encapsulate([frame])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frame.dcm"
        data.save_as(file, enforce_file_format=True)
        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(file))
        try:
            with captured_messages():
                return np.squeeze(sitk.GetArrayFromImage(reader.Execute()))
        except RuntimeError as error:
            raise refused(
                part.file,
                f"is compressed as {syntax.name} and cannot be decompressed; it may be damaged, or"
                " save it uncompressed",
            ) from error
