"""Volumes in netCDF classic files; a netCDF-4 file is HDF5."""

from functools import partial
from pathlib import Path

import numpy as np

from tissue.errors import InputError
from tissue.geometry.formats.conventions import (
    Notes,
    Positions,
    axes_of,
    by_positions,
    positions,
    text,
)
from tissue.geometry.formats.mango import SIGNS, is_mango, mango_parts, mango_size
from tissue.geometry.formats.netcdf_header import Contents, Variable, read_contents
from tissue.geometry.formats.packing import Packing, packing_of
from tissue.geometry.image import Box, Image, Inventory, guarded_reader, listed, refused, shortened


@guarded_reader
def read(file: Path, dataset: str | None) -> Image:
    """A volume in a netCDF classic file.

    Args:
        file: the file.
        dataset: name of the variable; needed where the file holds several volumes.

    Raises:
        InputError: there is no such volume, or the file is damaged.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        contents = read_contents(stream, size)
    chosen = _choice(file, contents, dataset)
    notes, what = Notes(), f"variable {shortened(chosen.name)}"
    axes = axes_of(file, chosen.shape, chosen.axes, what, notes)
    from_mango = is_mango(contents.attributes)
    packing = packing_of(file, chosen.dtype, chosen.attributes, notes, SIGNS if from_mango else "")
    if from_mango:
        spacing, unit = mango_size(contents.attributes, notes)
        frame = None
    else:
        found = [
            _positions(file, contents, chosen, axis, letter, notes)
            for axis, letter in zip(axes.order, "zyx", strict=True)
        ]
        spacing, unit, frame = by_positions(found)
    value_unit = text(chosen.attributes.get("units", b""))
    stored = chosen.shape[axes.order[0]] if axes.letters == "zyx" else chosen.shape[0]
    return Image(
        file=file,
        shape=tuple(chosen.shape[axis] for axis in axes.order),
        dtype=packing.dtype,
        reader=partial(_box_of, file, chosen, axes.order, packing),
        inventory=Inventory(
            format="netCDF" + (" (mango)" if from_mango else ""),
            axes=axes.letters,
            parts=mango_parts(contents.attributes, stored),
            bytes_needed=chosen.end - chosen.begin,
            bytes_found=max(0, min(chosen.end, size) - chosen.begin),
            spacing_unit=unit,
            calibration=packing.rule,
            ignored=tuple(notes.ignored),
            assumed=tuple(notes.assumed),
            doubts=tuple(notes.doubts),
        ),
        spacing=spacing,
        frame=frame,
        unit="" if value_unit == "1" else shortened(value_unit, 40),
    )


def _choice(file: Path, contents: Contents, dataset: str | None) -> Variable:
    """The volume to read."""
    volumes = [
        name
        for name, each in contents.variables.items()
        if sum(length > 1 for length in each.shape) == 3
    ]
    if dataset is not None:
        name = dataset.strip("/")
        if name not in contents.variables:
            raise InputError(
                f"= {shortened(dataset)!r} is not a variable of {file.name}; it"
                f" holds the 3-D variables {listed(volumes, 20) or '(none)'}",
                key="geometry.dataset",
            )
        return contents.variables[name]
    if len(volumes) == 1:
        return contents.variables[volumes[0]]
    if volumes:
        raise InputError(
            f"{file.name} holds several 3-D variables; name one of {listed(volumes, 20)}",
            key="geometry.dataset",
        )
    held = [
        f"{name} ({' x '.join(map(str, each.shape))})" for name, each in contents.variables.items()
    ]
    raise refused(
        file,
        f"holds no 3-D variable, but {listed(held) or 'nothing'}; save the volume as one variable"
        " with the axes z, y, x",
    )


def _positions(
    file: Path, contents: Contents, volume: Variable, axis: int, letter: str, notes: Notes
) -> Positions | None:
    """Positions along an axis by the variable that has its name."""
    found = contents.variables.get(volume.axes[axis])
    if found is None or len(found.shape) != 1 or found.shape[0] != volume.shape[axis]:
        return None
    if found.end > file.stat().st_size:
        notes.doubts.append(
            f"is cut short: its positions along {letter} lie behind its end; copy it again from"
            " its source"
        )
        return None
    values = np.stack([_plane(file, found, number) for number in range(found.shape[0])])
    unit = text(found.attributes.get("units", b""))
    return positions(
        values.astype(values.dtype.newbyteorder("=")), len(values), unit, letter, notes
    )


def _plane(file: Path, variable: Variable, number: int) -> np.ndarray:
    """One entry along the first axis, on disk until it is used."""
    shape = variable.shape[1:]
    size = int(np.prod(shape, dtype=np.int64)) * variable.dtype.itemsize
    stride = size if variable.stride is None else variable.stride
    begin = variable.begin + number * stride
    return np.memmap(file, variable.dtype, "r", begin, shape)


def _box_of(
    file: Path, variable: Variable, order: tuple[int, ...], packing: Packing, box: Box
) -> np.ndarray:
    """Gray values of a box [z, y, x], one entry of the first axis at a time."""
    ranges = [slice(0, 1)] * len(variable.shape)
    for axis, along in zip(order, box, strict=True):
        ranges[axis] = along
    lengths = [along.stop - along.start for along in ranges]
    values = np.empty(lengths, packing.dtype)
    native = variable.dtype.newbyteorder("=")
    for number in range(ranges[0].start, ranges[0].stop):
        plane = _plane(file, variable, number)[tuple(ranges[1:])].astype(native)
        values[number - ranges[0].start] = packing.unpacked(plane[None])[0]
    dropped = [axis for axis in range(len(ranges)) if axis not in order]
    return values.transpose(*order, *dropped).squeeze(tuple(range(len(order), len(ranges))))
