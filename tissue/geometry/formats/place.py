"""Voxel edges and place of a volume, from the vectors between neighboring voxels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import degrees, isfinite

import numpy as np

from tissue.geometry.grid import Frame, Matrix
from tissue.geometry.image import Spacing, edges

SHEAR = 1e-3
"""Largest cosine between two axes that count as orthogonal; registration writes larger ones."""

STAND_IN = 1.0
"""Edge [mm] that programs write where no voxel size was ever set."""

STAND_IN_RATIO = 10.0
"""Ratio of a stand-in to a true edge of the same volume above which it is recognized;
slices of computed tomography are up to some 5 times as thick as their pixels are wide."""


@dataclass(frozen=True)
class Placed:
    """Voxel edges and place of a volume as its header gives them.

    Attributes:
        spacing: voxel edges (z, y, x) [um]; None where the header gives none.
        frame: place in space; None where the header gives none.
        assumed: assumptions about facts that the header does not state, one sentence each.
        doubts: reasons why the volume must not be used, one clause with its remedy each.
    """

    spacing: Spacing = (None, None, None)
    frame: Frame | None = None
    assumed: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def placed(columns: np.ndarray, origin: Sequence[float] | None) -> Placed:
    """Edges and place from the vectors between voxels.

    Args:
        columns: vector (x, y, z) [um] from a voxel to the next along each axis, one column an axis,
            the fastest axis first; in LPS.
        origin: center of the first voxel (x, y, z) [um]; None where the header gives none.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # too long for a number
        lengths = [float(np.linalg.norm(column)) for column in columns.T]
    spacing = edges(lengths[::-1])
    if any(edge is None for edge in spacing):
        return Placed(spacing)
    unit = columns / np.array(lengths)
    doubts = []
    for one, other in combinations(range(3), 2):
        cosine = float(unit[:, one] @ unit[:, other])
        if abs(cosine) > SHEAR:
            angle = degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
            doubts.append(
                f"has axes that are not orthogonal: {'xyz'[one]} and {'xyz'[other]} meet at"
                f" {angle:.4g} degrees, a shear as registration writes it; resample it onto"
                " orthogonal axes, or remove its axes from the header"
            )
    frame = None
    if origin is not None and all(isfinite(along) for along in origin):
        x, y, z = (float(along) for along in origin)
        frame = Frame((z, y, x), nested(unit[::-1, ::-1]))
    return Placed(spacing, frame, doubts=tuple(doubts))


def nested(matrix: np.ndarray) -> Matrix:
    """Convert a matrix of three rows to nested tuples."""
    rows = [(float(row[0]), float(row[1]), float(row[2])) for row in matrix + 0.0]
    return (rows[0], rows[1], rows[2])


def _plain(frame: Frame | None) -> bool:
    """Whether a place is the default of programs where nobody set one: no shift, no turn."""
    return frame is None or (
        frame.origin == Frame().origin and bool((np.abs(frame.direction) == np.eye(3)).all())
    )


def without_stand_ins(place: Placed, name: str) -> Placed:
    """Edges and place without the 1 mm that programs write where nobody set a voxel size.

    Args:
        place: as the header gives it, in mm that the header does not name, or that every file of
            its format names.
        name: name of the format.
    """
    lengths = [None if edge is None else edge / 1e3 for edge in place.spacing]
    if all(length == STAND_IN for length in lengths):
        remark = f"{name}: 1 mm on every axis stands for a voxel size that was never set"
        frame = None if _plain(place.frame) else place.frame
        return Placed((None, None, None), frame, (*place.assumed, remark), place.doubts)
    others = [length for length in lengths if length is not None and length != STAND_IN]
    if STAND_IN not in lengths or not others or min(others) * STAND_IN_RATIO > STAND_IN:
        return place
    z, y, x = (None if edge == STAND_IN * 1e3 else edge for edge in place.spacing)
    remark = f"{name}: 1 mm beside {min(others):.4g} mm stands for an edge that was never set"
    return Placed((z, y, x), place.frame, (*place.assumed, remark), place.doubts)
