"""Names and positions of axes, as HDF5, NeXus and netCDF files share them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tissue.geometry.grid import Frame, Matrix
from tissue.geometry.image import MICROMETERS, Spacing, edges, listed, refused, shortened

OTHER_AXES = {
    "t": ("t", "time", "times", "frame", "frames", "timepoint", "scan"),
    "c": ("c", "channel", "channels", "energy", "wavelength", "component", "rgb", "color", "band"),
    "a": ("rotation_angle", "angle", "angles", "theta", "omega", "phi", "projection"),
}
"""Names of axes of other kinds than space, by the letter that stands for them."""

SPACE_AXES = {
    "z": ("slice", "slices", "plane", "planes", "depth", "section", "page", "k"),
    "y": ("row", "rows", "height", "j"),
    "x": ("column", "columns", "col", "width", "i"),
}
"""Names of axes of space besides those that hold the letter itself, as tomo_zdim does."""

NAMELESS = re.compile(r"\.?|\?|(phony_)?(dim|axis|d)_?\d*")
"""Names that programs give to axes of which nothing is known."""

STEP_TOLERANCE = 1e-3
"""Deviation of the steps of evenly spaced positions, as a share of a step: rounding in a file."""


def text(value: object) -> str:
    """An attribute as text, whatever type and encoding it has; arrays of one count as one."""
    if isinstance(value, np.ndarray | list | tuple):
        return text(value[0]) if len(value) == 1 else ""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8").strip("\0 ")
        except UnicodeDecodeError:  # a micro sign of an older program
            return value.decode("latin-1").strip("\0 ")
    return value.strip("\0 ") if isinstance(value, str) else ""


def texts(value: object) -> list[str]:
    """A list of names, or one text with colons between them."""
    if isinstance(value, np.ndarray | list | tuple):
        found = [text(each) for each in np.asarray(value, dtype=object).ravel()]
        return found if len(found) != 1 else texts(found[0])
    return [part.strip() for part in re.split("[:,]", text(value).strip("[]"))]


def numbers(value: object) -> list[float] | None:
    """All numbers of an attribute in a row; None where it holds anything else."""
    try:
        if isinstance(value, str | bytes):
            found = [float(part) for part in re.split(r"[,;\s]+", text(value).strip("[]() "))]
        else:
            found = [float(each) for each in np.asarray(value).ravel()]
    except (TypeError, ValueError):
        return None
    return found or None


def axis_letter(name: str) -> str | None:
    """Letter of an axis by its name: z, y, x, or one of `OTHER_AXES`.

    Returns:
        The letter; "" where the name says nothing, None where it is not known.
    """
    plain = name.strip().lower()
    if NAMELESS.fullmatch(plain):
        return ""
    for letters in (OTHER_AXES, SPACE_AXES):
        for letter, known in letters.items():
            if plain in known:
                return letter
    found = re.fullmatch(r"(?:.*_)?([xyz])(?:_?dim|_?axis|_?pos|c)?", plain)
    return found[1] if found else None


@dataclass
class Notes:
    """Findings of a reader about a file; see `Inventory` for the meaning of the lists."""

    ignored: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Axes:
    """Axes of space in an array.

    Attributes:
        order: numbers of the axes of the array in the order z, y, x; as stored where the letters
            are others.
        letters: letters of these axes; "zyx" for a volume.
    """

    order: tuple[int, ...]
    letters: str


def axes_of(
    file: Path, shape: Sequence[int], names: Sequence[str], what: str, notes: Notes
) -> Axes:
    """Axes of space of an array.

    Axes of length 1 that are not axes of space are dropped.

    Args:
        file: for a refusal.
        shape: of the array.
        names: of its axes; empty where they have none.
        what: name of the array, for a refusal.
        notes: receives assumptions.

    Raises:
        InputError: more than three axes are left, or one has a name that is not known.
    """
    letters = [axis_letter(name) for name in names] if names else [""] * len(shape)
    kept = list(range(len(shape)))
    # axes that are surely not of space go first
    for dropped in (tuple(OTHER_AXES), (None,), ("",)):
        for axis in list(kept):
            if len(kept) > 3 and shape[axis] == 1 and letters[axis] in dropped:
                kept.remove(axis)
    if len(kept) != 3:
        lengths = " x ".join(str(shape[axis]) for axis in kept)
        raise refused(
            file,
            f"has {len(kept)} axes ({lengths}) in {what}; save one volume with the axes z, y, x,"
            " such as one time point or one channel, as a dataset of its own",
        )
    for axis in kept:
        if letters[axis] is None:
            raise refused(
                file,
                f"names the axes of {what} {listed(list(names))}, and {shortened(names[axis])!r} is"
                " not known; name them z, y, x if they are those of a volume",
            )
    found = [letters[axis] or "" for axis in kept]
    named = [letter for letter in found if letter]
    if not named:
        notes.assumed.append(f"{what} names no axes: they are taken as z, y, x")
        return Axes(tuple(kept), "zyx")
    missing = [letter for letter in "zyx" if letter not in named]
    if len(named) == 2 and len(missing) == 1:
        number = found.index("")
        found[number] = missing[0]
        notes.assumed.append(
            f"axis {number + 1} of {what} has no name: it is taken as {missing[0]}"
        )
    if "a" in found or "" in found:
        raise refused(
            file,
            f"names the axes of {what} {listed(list(names))}, which are not those of a volume;"
            " save a volume with the axes z, y, x, or correct the names",
        )
    if sorted(found) != ["x", "y", "z"]:
        return Axes(tuple(kept), "".join(found))
    return Axes(tuple(kept[found.index(letter)] for letter in "zyx"), "zyx")


@dataclass(frozen=True)
class Positions:
    """Positions of the voxels along one axis.

    Attributes:
        step: from one voxel to the next [um]; negative where positions fall.
        first: center of the first voxel [um].
        unit: as the file writes it.
    """

    step: float
    first: float
    unit: str


def positions(
    values: np.ndarray, count: int, unit: str, axis: str, notes: Notes
) -> Positions | None:
    """Even positions along an axis, where the values are even.

    Args:
        values: one a voxel, or one more: the borders of the voxels, as NeXus has them.
        count: number of voxels.
        unit: that the file gives them in.
        axis: name of the axis.
        notes: receives doubts about them.
    """
    scale = MICROMETERS.get(unit.lower())
    if scale is None:
        notes.ignored.append(f"positions along {axis}, in no unit of length ({shortened(unit)!r})")
        return None
    if values.ndim != 1 or values.size not in (count, count + 1) or values.dtype.kind not in "iuf":
        notes.ignored.append(f"positions along {axis}, of which there are not as many as voxels")
        return None
    places = values.astype(np.float64)
    if values.size == count + 1:
        places = (places[1:] + places[:-1]) / 2
    step = (places[-1] - places[0]) / max(1, count - 1)
    # a float32 of a large position has a coarse last digit
    digit = float(np.finfo(values.dtype).eps) if values.dtype.kind == "f" else 0.0
    allowed = STEP_TOLERANCE * abs(step) + 4 * digit * float(np.max(np.abs(places)))
    even = places[0] + step * np.arange(count)
    if not (np.isfinite(places).all() and step != 0 and np.max(np.abs(places - even)) <= allowed):
        notes.doubts.append(
            f"has uneven positions along {axis}; save it anew with slices at even steps"
        )
        return None
    doubt = 4 * (digit or float(np.finfo(np.float64).eps)) * float(np.max(np.abs(places)))
    return Positions(
        _shortest(float(step), doubt / max(1, count - 1)) * scale,
        _shortest(float(places[0]), doubt) * scale,
        unit,
    )


def _shortest(number: float, doubt: float) -> float:
    """The number with the fewest digits that is as good: 0.02 where rounding left 0.02000001."""
    found = (float(f"{number:.{digits}g}") for digits in range(1, 17))
    return next((each for each in found if abs(each - number) <= doubt), number) + 0.0


def by_positions(found: Sequence[Positions | None]) -> tuple[Spacing, str, Frame | None]:
    """Voxel edges, their unit and the place that positions along z, y and x give."""
    spacing = edges([each.step if each else None for each in found])
    units = sorted({each.unit for each in found if each})
    frame = None
    if all(each is not None for each in found):
        z, y, x = (each for each in found if each is not None)
        direction: Matrix = (
            (float(np.sign(z.step)), 0.0, 0.0),
            (0.0, float(np.sign(y.step)), 0.0),
            (0.0, 0.0, float(np.sign(x.step))),
        )
        frame = Frame((z.first, y.first, x.first), direction)
    return spacing, ", ".join(units), frame
