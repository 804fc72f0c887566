"""Attributes of the program mango of the Australian National University (netCDF and HDF5)."""

from collections.abc import Mapping
from typing import Any

from tissue.geometry.formats.conventions import Notes, numbers, text
from tissue.geometry.image import MICROMETERS, Parts, Spacing, edges, shortened

SIGNS = (
    "holds negative numbers, which mango means as large positive ones; add the attribute _Unsigned"
    ' = "true" or "false" to its variable'
)
"""Refusal of negative numbers in a format without unsigned types."""


def is_mango(attributes: Mapping[str, Any]) -> bool:
    """Whether the attributes of a file are those of mango."""
    return "voxel_size_xyz" in attributes


def mango_size(attributes: Mapping[str, Any], notes: Notes) -> tuple[Spacing, str]:
    """Voxel edges (z, y, x) [um] and the unit of the file."""
    given, unit = numbers(attributes["voxel_size_xyz"]), text(attributes.get("voxel_unit", b""))
    scale = MICROMETERS.get(unit.lower())
    if scale is None or given is None or len(given) != 3:
        notes.ignored.append(f"voxel_size_xyz, whose voxel_unit is {shortened(unit)!r}")
        return (None, None, None), ""
    return edges(given[::-1], scale), unit


def mango_parts(attributes: Mapping[str, Any], slices: int) -> tuple[Parts, ...]:
    """Files or slices of a volume that is split into several files.

    Args:
        attributes: of the file.
        slices: number of slices in it.
    """
    files = numbers(attributes.get("number_of_files")) or [1.0]
    total = numbers(attributes.get("zdim_total")) or [slices]
    if is_mango(attributes) and files[0] > 1:
        return (Parts("files", int(files[0]), 1),)
    if is_mango(attributes) and total[0] != slices:
        return (Parts("slices", int(total[0]), slices),)
    return ()
