"""Volumes as scanners write them: Scanco AIM and ISQ, and DICOM series."""

import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from tissue.errors import InputError

SCANCO = re.compile(r"\.(aim|isq)(;\d+)?$", re.IGNORECASE)

Volume = tuple[np.ndarray, tuple[float, float, float], str]
"""Values [z, y, x], voxel edges (z, y, x) [mm], and the unit of the values."""


def is_scanco(file: Path) -> bool:
    """Whether a name ends as those of Scanco's images do, with or without a version."""
    return bool(SCANCO.search(file.name))


def read_scanco(file: Path) -> Volume:
    """An AIM or ISQ, in mg HA/cm^3 where the file knows its calibration.

    Raises:
        InputError: the package that reads them is missing.
        ValueError, RuntimeError, OSError: the file is damaged.
    """
    try:
        import py_aimio
    except ImportError:
        raise InputError(
            f"[geometry] file: {file.name} needs the package aimio-py: pip install"
            " 'tissue-sim[scanco]', or convert it to NRRD."
        ) from None
    kind = SCANCO.search(file.name)
    assert kind
    isq = kind[1].lower() == "isq"
    try:
        values, header = (
            py_aimio.read_isq(str(file), unit="density")
            if isq
            else py_aimio.read_aim(str(file), density=True)
        )
        unit = "mg HA/cm^3"
    except ValueError:  # it holds no calibration
        values, header = py_aimio.read_isq(str(file)) if isq else py_aimio.read_aim(str(file))
        unit = "the scanner's own unit"
    x, y, z = (round(float(edge), 7) for edge in header["spacing"])
    return np.asarray(values), (z, y, x), unit


def series_in(folder: Path) -> tuple[str, ...]:
    """Names of the DICOM series in a folder."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # that there are none is no warning here
    try:
        return tuple(sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)))
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def read_dicom(folder: Path) -> Volume:
    """The one DICOM series in a folder, its slices in the order of their places.

    Raises:
        InputError: there are several series.
        RuntimeError: a slice is damaged.
    """
    found = series_in(folder)
    if len(found) > 1:
        raise InputError(
            f"[geometry] file: the folder {folder} holds {len(found)} DICOM series;"
            " keep one of them in a folder of its own."
        )
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), found[0]))
    image = reader.Execute()
    x, y, z = image.GetSpacing()
    return sitk.GetArrayFromImage(image), (z, y, x), "HU, or as the slices say"
