"""Order and place of the slices of a volume, with the checks that they make one."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import degrees
from pathlib import Path

import numpy as np

from tissue.geometry.formats.dicom_headers import Slice
from tissue.geometry.formats.place import nested
from tissue.geometry.grid import Frame
from tissue.geometry.image import Spacing, edges, listed, refused

COSINE_TOLERANCE = 1e-3
"""Deviation of direction cosines from unit length and right angles: they have three to six
decimals."""

PARALLEL = 2e-4
"""Difference of direction cosines from the most frequent ones, rounded to four decimals; less than
half a voxel at the far end of 2000."""

STEP_TOLERANCE = 0.02
"""Deviation of a slice from its even place, as a share of the step between slices."""

SIDEWAYS_TOLERANCE = 0.1
"""Deviation of the last slice from the normal through the first, in voxels of the slices."""

ROUNDING = 1e-3
"""Rounding of positions that are written with three decimals [mm]."""

ROUNDING_SHARE = 0.2
"""Share of a voxel that rounding may come to."""


@dataclass(frozen=True)
class Place:
    """Slices in their order, and where they lie.

    Attributes:
        order: the slices along the normal; None where a segmentation leaves out an empty one.
        spacing: voxel edges (z, y, x) [um].
        frame: place in space; None where the slices do not say.
        assumed: assumptions about facts that they do not state.
    """

    order: tuple[Slice | None, ...]
    spacing: Spacing
    frame: Frame | None
    assumed: tuple[str, ...] = ()


def place(source: Path, slices: Sequence[Slice], sparse: bool) -> Place:
    """The slices in the order of their positions.

    Args:
        source: the file or folder, for complaints.
        slices: at least one slice.
        sparse: whether empty slices may be left out, as in a segmentation.

    Raises:
        InputError: they are not parallel, evenly spaced, upright and each at a place of its own.
    """
    refuse_unlike(source, slices, "PixelSpacing", lambda each: each.spacing)
    spacing = slices[0].spacing
    y, x = spacing or (None, None)
    if y is not None and x is not None and (y <= 0 or x <= 0):
        raise refused(source, f"has a PixelSpacing of {y:g} x {x:g} mm; correct its header")
    known = [each.position is not None for each in slices]
    if not any(known):
        return _by_number(source, slices, (y, x))
    if not all(known):
        lost = [each.name for each in slices if each.position is None]
        raise refused(
            source,
            f"has slices without a position (ImagePositionPatient): {listed(lost)}; move them out"
            " of the folder if they are no slices of the volume, or export it again",
        )
    row, column, normal = _axes(source, slices)
    points = np.array([each.position for each in slices])
    ranks = np.argsort(points @ normal, kind="stable")
    order = [slices[rank] for rank in ranks]
    points = points[ranks] - points[ranks[0]]
    along = points @ normal
    z = _step(source, order, along, sparse)
    _refuse_tilt(source, order, points - np.outer(along, normal), along, min(y or z, x or z))
    filled: list[Slice | None] = list(order)
    assumed: tuple[str, ...] = ()
    if sparse and z:
        numbers = np.rint(along / z).astype(int)
        filled = [None] * (int(numbers[-1]) + 1)
        for number, each in zip(numbers, order, strict=True):
            filled[number] = each
        if len(filled) > len(order):
            assumed = (
                f"{len(filled) - len(order)} slices that the segmentation leaves out are empty",
            )
    first = order[0].position
    assert first
    return Place(
        order=tuple(filled),
        spacing=edges([z or None, y, x], 1e3),
        frame=Frame(
            origin=(first[2] * 1e3, first[1] * 1e3, first[0] * 1e3),
            direction=nested(np.stack([normal, column, row], axis=1)[::-1]),
        ),
        assumed=assumed,
    )


def refuse_unlike(
    source: Path, slices: Sequence[Slice], what: str, key: Callable[[Slice], object]
) -> None:
    """Refuse slices that differ in a fact that a volume has once.

    Raises:
        InputError: two slices differ.
    """
    kinds = Counter(key(each) for each in slices)
    if len(kinds) < 2:
        return
    usual = kinds.most_common(1)[0][0]
    one = next(each for each in slices if key(each) == usual)
    other = [each for each in slices if key(each) != usual]
    raise refused(
        source,
        f"has slices of different {what}: {_shown(key(one))} in {one.name} and"
        f" {_shown(key(other[0]))} in {listed([each.name for each in other])};"
        " keep those of one volume in the folder",
    )


def _shown(value: object) -> str:
    if value is None or value == "":
        return "none"
    return " x ".join(f"{part}" for part in value) if isinstance(value, tuple) else f"{value}"


def _axes(source: Path, slices: Sequence[Slice]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors along a row, along a column, and along the normal of all slices (x, y, z)."""
    lost = [each.name for each in slices if each.orientation is None]
    if lost:
        raise refused(
            source,
            f"has slices that do not say how they are turned (ImageOrientationPatient):"
            f" {listed(lost)}; convert the volume to NRRD or NIfTI with a program that knows it",
        )
    turned = np.array([each.orientation for each in slices])
    kinds, counts = np.unique(turned.round(4), axis=0, return_counts=True)
    far = np.abs(turned - kinds[np.argmax(counts)]).max(axis=1) > PARALLEL
    other = [each.name for each, off in zip(slices, far, strict=True) if off]
    if other:
        one = next(each.name for each in slices if each.name not in other)
        raise refused(
            source,
            f"has slices that are not parallel: {listed(other)} against {one}; move localizers and"
            " slices of other orientations out of the folder",
        )
    row, column = turned[0, :3], turned[0, 3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    errors = (abs(row @ column), *(abs(length - 1) for length in lengths))
    if not max(errors) <= COSINE_TOLERANCE:
        raise refused(
            source,
            f"has axes that are not at right angles or not of length 1 (ImageOrientationPatient"
            f" {_shown(slices[0].orientation)}); correct its header",
        )
    row = row / lengths[0]
    column = column - (column @ row) * row
    column = column / np.linalg.norm(column)
    return row, column, np.cross(row, column)


def _step(source: Path, order: list[Slice], along: np.ndarray, sparse: bool) -> float:
    """Distance between slices [mm]; 0 where there is one slice."""
    if len(order) < 2:
        return abs(order[0].between or 0.0)
    steps = np.diff(along)
    apart = steps[steps > 1e-6]
    usual = float(np.median(apart)) if apart.size else 0.0
    if steps.min() <= 0.1 * usual:
        raise refused(source, _repeated(order, int(np.argmin(steps))))
    if sparse:
        usual = abs(order[0].between or 0) or float(apart.min())
        even = along - np.rint(along / usual) * usual
        gaps = np.zeros(0, int)
    else:
        gaps = np.flatnonzero(steps > 1.5 * usual)
        usual = usual if gaps.size else float(along[-1] / (len(order) - 1))
        even = along - np.arange(len(order)) * usual
    if gaps.size:
        at = int(gaps[0])
        lost = round(float(steps[at]) / usual) - 1
        places = f" and {gaps.size - 1} more gaps" if gaps.size > 1 else ""
        raise refused(
            source,
            f"has a gap between {order[at].name} and {order[at + 1].name}: {steps[at]:.6g} mm where"
            f" the others are {usual:.6g} mm apart, room for {lost} missing slices{places};"
            " copy all slices from the source",
        )
    worst = int(np.argmax(np.abs(even)))
    if abs(even[worst]) > _allowed(usual, STEP_TOLERANCE):
        raise refused(
            source,
            f"has unevenly spaced slices: {order[worst].name} lies {abs(even[worst]):.4g} mm from"
            f" its even place, with steps of {steps.min():.6g} to {steps.max():.6g} mm; copy all"
            " slices from the source, or resample them to even steps",
        )
    return usual


def _repeated(order: list[Slice], at: int) -> str:
    one, other = order[at], order[at + 1]
    pairs = dict(one.marks), dict(other.marks)
    reasons = [
        f"the {key} is {pairs[0].get(key)} and {pairs[1].get(key)}"
        for key in dict.fromkeys((*pairs[0], *pairs[1]))
        if pairs[0].get(key) != pairs[1].get(key)
    ]
    if one.acquisition != other.acquisition:
        reasons.append(f"the acquisition is {one.acquisition} and {other.acquisition}")
    because = f" ({', '.join(reasons)})" if reasons else ""
    return (
        f"has several slices at the same position: {one.name} and {other.name}{because}; keep those"
        " of one volume in the folder"
    )


def _refuse_tilt(
    source: Path, order: list[Slice], sideways: np.ndarray, along: np.ndarray, edge: float
) -> None:
    shifts = np.linalg.norm(sideways, axis=1)
    worst = int(np.argmax(shifts))
    if shifts[worst] <= _allowed(edge, SIDEWAYS_TOLERANCE):
        return
    angle = degrees(np.arctan2(shifts[worst], along[worst]))
    raise refused(
        source,
        f"has slices that are not stacked along their normal: {order[worst].name} lies"
        f" {shifts[worst]:.4g} mm sideways of {order[0].name}, as from a gantry tilt of"
        f" {angle:.3g} degrees; resample the volume to right angles",
    )


def _allowed(edge: float, share: float) -> float:
    """Deviation [mm] from an even place that is allowed along a voxel edge."""
    return max(share * edge, min(ROUNDING, ROUNDING_SHARE * edge))


def _by_number(
    source: Path, slices: Sequence[Slice], edge: tuple[float | None, float | None]
) -> Place:
    """Slices without positions, in the order of their location or number."""
    if any(each.frame for each in slices):
        raise refused(
            source,
            "has frames that do not say where they lie (they may be times or channels); save the"
            " volume as NRRD, NIfTI or single slices with their positions",
        )
    if all(each.location is not None for each in slices):
        order = sorted(slices, key=lambda each: each.location or 0.0)
        along = np.array([each.location for each in order], float)
        z = _step(source, order, along - along[0], sparse=False)
        remark = "its slices have no position (ImagePositionPatient): SliceLocation orders them"
        return Place(tuple(order), edges([z or None, *edge], 1e3), None, (remark,))
    if len(slices) > 1 and any(each.instance is None for each in slices):
        raise refused(
            source,
            "has slices with neither a position nor a number (ImagePositionPatient, SliceLocation,"
            " InstanceNumber), so that their order is not known; save it as NRRD or NIfTI",
        )
    order = sorted(slices, key=lambda each: each.instance or 0)
    for one, other in pairwise(order):
        if (other.instance or 0) - (one.instance or 0) != 1:
            raise refused(
                source,
                f"has slices without positions whose numbers are not in sequence: {one.name} is"
                f" followed by {other.name}; copy all slices from the source",
            )
    refuse_unlike(source, slices, "SpacingBetweenSlices", lambda each: each.between)
    remark = (
        "its slices have no position (ImagePositionPatient): InstanceNumber orders them, and"
        " SpacingBetweenSlices, where it is written, is the voxel edge in z"
    )
    return Place(tuple(order), edges([order[0].between, *edge], 1e3), None, (remark,))
