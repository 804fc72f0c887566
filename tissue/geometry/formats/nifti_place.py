"""Place of a NIfTI volume: its unit, its two statements of the place, and where they disagree."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from tissue.geometry.formats.place import SHEAR, Placed, placed, without_stand_ins
from tissue.geometry.image import MICROMETERS, edges, refused

UNITS = {0: "", 1: "m", 2: "mm", 3: "um"}
"""Units of length by their code (bits 0 to 2 of xyzt_units)."""

CODES = range(6)
"""Codes of the kinds of a place; 0 says that there is none."""

TO_LPS = np.diag([-1.0, -1.0, 1.0])
"""Turns the space of NIfTI (x to the right, y to the front) into LPS."""

EDGE_RTOL = 1e-3
"""Relative difference of two statements of one edge that comes from rounding."""

QUATERNION_ROUNDING = 3 * float(np.finfo(np.float32).eps)
"""Excess of the square of a unit quaternion that comes from its rounding to float32."""

SAME_PLACE = 0.5
"""Largest distance [voxels] between two statements of one place that counts as the same place."""


@dataclass(frozen=True)
class _Affine:
    """A statement of the place, in the space of NIfTI: vectors between voxels, first voxel [um]."""

    name: str
    columns: np.ndarray
    origin: np.ndarray


def place_of(file: Path, fields: Any, sizes: Sequence[int]) -> tuple[str, Placed]:
    """Unit of length as the header writes it, and the place of the volume.

    Args:
        file: the file.
        fields: its header as nibabel reads it.
        sizes: number of entries along each axis, the fastest first.

    Raises:
        InputError: the unit is not one of NIfTI's.
    """
    code = int(fields["xyzt_units"]) & 7
    if code not in UNITS:
        raise refused(
            file,
            f"gives lengths in the unit {code}, which NIfTI does not define; write 2 (mm) or"
            " 3 (um) into xyzt_units of its header",
        )
    for name in ("sform_code", "qform_code"):
        if int(fields[name]) not in CODES:
            raise refused(
                file,
                f"has {name} {int(fields[name])}, which NIfTI does not define; write 1 into its"
                " header where that place is right, and 0 where it is not",
            )
    unit = UNITS[code] or "mm"
    place = _place(fields, sizes, MICROMETERS[unit])
    if not UNITS[code]:
        note = "NIfTI: no unit of length is written; mm is assumed"
        place = replace(place, assumed=(*place.assumed, note))
    # the usual libraries name mm even where nobody set a voxel size
    return UNITS[code], without_stand_ins(place, "NIfTI") if unit == "mm" else place


def _place(fields: Any, sizes: Sequence[int], scale: float) -> Placed:
    pixdim = np.abs([plain(edge) for edge in fields["pixdim"][1:4]]) * scale
    lengths = np.where(np.isfinite(pixdim), pixdim, 0.0)
    given = []
    if int(fields["sform_code"]) > 0:
        given.append(_matrix(fields, scale))
    if int(fields["qform_code"]) > 0:
        given.append(_rotation(fields, scale, lengths))
    bad = next((each.name for each in given if not np.isfinite(each.columns).all()), None)
    if bad is not None:
        doubt = f"gives a place ({bad}) that is not a rotation; correct it, or set its code to 0"
        return Placed(edges(lengths[::-1].tolist()), doubts=(doubt,))
    if not given:
        return Placed(edges(lengths[::-1].tolist()))
    doubts: tuple[str, ...] = ()
    if len(given) == 2:
        far = _distance(given[0], given[1], sizes)
        if not far <= SAME_PLACE:
            doubts = (
                f"gives two places (sform and qform) that are {far:.3g} voxels apart; set the"
                " code of the wrong one to 0 in its header",
            )
        elif _sheared(given[0]):  # rounded or nearly upright; the rotation says the same
            given.reverse()
    place = _with_edges(given[0], lengths)
    return replace(place, doubts=(*doubts, *place.doubts))


def _rotation(fields: Any, scale: float, lengths: np.ndarray) -> _Affine:
    from nibabel.quaternions import fillpositive, quat2mat

    parts = np.array([float(fields[f"quatern_{part}"]) for part in "bcd"])
    try:
        rotation = quat2mat(fillpositive(parts, w2_thresh=QUATERNION_ROUNDING)).astype(float)
    except ValueError:  # longer than a rotation is
        rotation = np.full((3, 3), np.nan)
    turn = float(fields["pixdim"][0])
    if turn == -1:
        rotation[:, 2] *= -1
    elif turn not in (0, 1):  # other programs take such a number differently
        rotation[:] = np.nan
    origin = np.array([plain(fields[f"qoffset_{along}"]) for along in "xyz"])
    return _Affine("qform", rotation * lengths, origin * scale)


def _matrix(fields: Any, scale: float) -> _Affine:
    rows = [[plain(part) for part in fields[f"srow_{along}"]] for along in "xyz"]
    affine = np.array(rows) * scale
    return _Affine("sform", affine[:, :3], affine[:, 3])


def _with_edges(affine: _Affine, lengths: np.ndarray) -> Placed:
    """Place that a statement gives, with the edges (x, y, z) that the header gives beside it."""
    own = np.linalg.norm(affine.columns, axis=0)
    place = placed(TO_LPS @ affine.columns, list(TO_LPS @ affine.origin))
    wrong = (lengths > 0) & (np.abs(own - lengths) > EDGE_RTOL * lengths)
    doubts = [
        f"gives two lengths for the {axis} edge of a voxel, {length:.6g} um (pixdim) and"
        f" {other:.6g} um ({affine.name}); correct the wrong one"
        for axis, length, other, bad in zip("xyz", lengths, own, wrong, strict=True)
        if bad
    ]
    # the edges of the header are rounded once, those of the vectors several times
    spacing = edges(np.where(lengths > 0, lengths, own)[::-1].tolist())
    return replace(place, spacing=spacing, doubts=(*place.doubts, *doubts))


def _sheared(affine: _Affine) -> bool:
    unit = affine.columns / np.maximum(np.linalg.norm(affine.columns, axis=0), np.finfo(float).tiny)
    return bool(np.abs(unit.T @ unit - np.eye(3)).max() > SHEAR)


def _distance(one: _Affine, other: _Affine, sizes: Sequence[int]) -> float:
    """Largest distance of a corner of the volume between two statements [shortest edge]."""
    x, y, z = (float(size - 1) for size in (*sizes, 1, 1)[:3])
    corners = np.array(list(product((0.0, x), (0.0, y), (0.0, z)))).T
    apart = (one.columns - other.columns) @ corners + (one.origin - other.origin)[:, None]
    edge = np.linalg.norm(one.columns, axis=0).min()
    return float(np.linalg.norm(apart, axis=0).max() / edge) if edge > 0 else np.inf


def plain(value: Any) -> float:
    """A number as people wrote it: 0.008 rather than the nearest float32."""
    return float(str(np.asarray(value)[()]))
