"""Volumes as scanners write them: Scanco AIM and ISQ, and DICOM series."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from tissue.errors import InputError

SCANCO = re.compile(r"\.(aim|isq)(;\d+)?$", re.IGNORECASE)

DIGITS = 7  # of an edge [mm]; headers hold it in single precision
DENSITY = "mg HA/cm^3"
UNCALIBRATED = "the scanner's own unit"

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
    if kind[1].lower() == "isq":
        return _isq(file, py_aimio.isq_info(str(file)))
    unit = DENSITY
    try:
        values, header = py_aimio.read_aim(str(file), density=True)
    except ValueError:  # it holds no calibration
        values, header = py_aimio.read_aim(str(file))
        unit = UNCALIBRATED
    x, y, z = (round(float(edge), DIGITS) for edge in header["spacing"])
    return np.asarray(values), (z, y, x), unit


def _isq(file: Path, header: Mapping[str, Any]) -> Volume:
    """The volume behind a header.

    The package reads no more than 2 GB of it, takes um for mm, and leaves out the scaling of the
    calibration; ITK's reader of these files does not.
    """
    shape = header["dimensions_p"][::-1]
    if min(shape) < 1:
        raise ValueError(f"it has {shape} voxels")
    values = np.fromfile(file, "<i2", math.prod(shape), offset=header["data_offset"])
    values = values.reshape(shape)
    z, y, x = (
        round(length / count / 1e3, DIGITS)
        for length, count in zip(header["dimensions_um"][::-1], shape, strict=True)
    )
    slope, scaling = header.get("rescale_slope"), header["mu_scaling"]
    if not (slope and scaling):
        return values, (z, y, x), UNCALIBRATED
    density = values * np.float32(slope / scaling) + np.float32(header["rescale_intercept"])
    return density, (z, y, x), DENSITY


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
