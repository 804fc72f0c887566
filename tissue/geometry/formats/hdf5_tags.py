"""Attributes of a dataset by which ilastik, PlantSeg and Fiji give voxel size and axes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tissue.geometry.formats.conventions import Axes, Notes, numbers, text
from tissue.geometry.image import MICROMETERS, Spacing, edges, shortened


def element_size(
    own: Mapping[str, Any], count: int, axes: Axes, notes: Notes
) -> tuple[Spacing, str]:
    """Voxel edges by the attribute of ilastik, PlantSeg and Fiji: um, slowest axis first."""
    given = numbers(own["element_size_um"])
    unit = text(own.get("element_size_unit", b"um")) or "um"
    if MICROMETERS.get(unit.lower()) != 1.0:
        notes.doubts.append(
            f"gives element_size_um, but as element_size_unit {shortened(unit)!r}; give both in um"
        )
        return (None, None, None), ""
    if given is not None and len(given) == 1:
        given *= count
    if given is None or len(given) not in (3, count):
        shown = shortened(str(np.asarray(own["element_size_um"]).tolist()), 60)
        notes.doubts.append(
            f"gives element_size_um as {shown}; write three numbers, along z, y and x"
        )
        return (None, None, None), ""
    if len(given) == count:
        return edges([given[axis] for axis in axes.order]), "um"
    ranks = np.argsort(np.argsort(axes.order))  # three numbers are those of the axes of space
    return edges([given[rank] for rank in ranks]), "um"


def axistags(own: Mapping[str, Any], count: int) -> list[tuple[str, float, str]]:
    """Name, step and unit of each axis by the attributes of vigra and ilastik."""
    try:
        tags = json.loads(text(own["axistags"]))["axes"]
        units = json.loads(text(own.get("axis_units", b"")) or "{}")
        found = [
            (str(tag["key"]), float(tag.get("resolution", 0.0)), str(units.get(tag["key"]) or ""))
            for tag in tags
        ]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return []
    return found if len(found) == count else []


def tagged_size(
    tagged: Sequence[tuple[str, float, str]], axes: Axes, notes: Notes
) -> tuple[Spacing, str]:
    """Voxel edges by the steps and units of `axistags`."""
    lengths: list[float | None] = []
    units = set()
    for axis, letter in zip(axes.order, "zyx", strict=True):
        _, step, unit = tagged[axis]
        scale = MICROMETERS.get(unit.lower())
        if step and scale is None:
            notes.ignored.append(f"resolution along {letter}, in no unit of length ({unit!r})")
        lengths.append(step * scale if step and scale else None)
        units |= {unit} if step and scale else set()
    return edges(lengths), ", ".join(sorted(units))
