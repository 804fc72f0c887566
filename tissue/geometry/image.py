"""Volume in a file: its place, an inventory of the file, and its voxels on demand.

Every reader in `tissue.geometry.formats` returns an `Image`; `tissue.geometry.gate` decides whether
it may be used.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import numpy as np

from tissue.errors import InputError, printable
from tissue.geometry.grid import Frame

MICROMETERS = {
    name: size
    for size, names in (
        (1e-3, "nm nanometer"),
        (1.0, "um \N{MICRO SIGN}m \N{GREEK SMALL LETTER MU}m micron microns"),
        (1.0, "micrometer micrometers micrometre micrometres"),
        (1e3, "mm millimeter millimeters millimetre millimetres"),
        (1e4, "cm centimeter centimetre"),
        (1e6, "m meter metre"),
        (25400.0, "inch"),
    )
    for name in names.split()
}
"""Length units as headers write them [um]."""

DIGITS = 9
"""Decimals of an edge [um] that are kept, so that 4.1 um stays 4.1 um through conversions."""

VoxelSize = tuple[float, float, float]
Spacing = tuple[float | None, float | None, float | None]
Box = tuple[slice, slice, slice]
"""Voxels start to stop of each axis (z, y, x); both numbers are given and the step is 1."""


@dataclass(frozen=True)
class Parts:
    """Parts of one kind that a file or folder is made of, such as pages, series or slices.

    Attributes:
        kind: plural name of the parts.
        found: number of parts that are there.
        used: number of parts that the volume is made of.
        unused: names of parts that are there and not used.
    """

    kind: str
    found: int
    used: int
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inventory:
    """Inventory of a file: everything a reader found, used, converted or ignored.

    Attributes:
        format: name of the format, such as "NRRD" or "folder of TIFF slices".
        axes: letter of each stored axis in the order of the array; "zyx" is what a volume must be.
            Axes of length 1 that stand for a time, a channel or a sample are left out.
        parts: each kind of part that the file consists of.
        bytes_needed: bytes of voxels that the header promises, after decompression; None where a
            reader that checks this itself was used.
        bytes_found: bytes of voxels that are there, after decompression.
        spacing_unit: unit of length as the file writes it, or as the format lays down.
        calibration: rule from stored numbers to gray values, such as "2 * stored - 1000"; empty
            where both are the same.
        ignored: parts without voxels of the volume, one entry each.
        assumed: assumptions about facts that the file does not state, one sentence each.
        doubts: reasons why the file must not be used, one clause with its remedy each.
    """

    format: str
    axes: str = "zyx"
    parts: tuple[Parts, ...] = ()
    bytes_needed: int | None = None
    bytes_found: int | None = None
    spacing_unit: str = ""
    calibration: str = ""
    ignored: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """Lines of the inventory for `run.log` and `tissue check`."""
        facts = [self.format]
        facts += [f"{part.used} of {part.found} {part.kind} used" for part in self.parts]
        if self.spacing_unit:
            facts.append(f"lengths in {self.spacing_unit}")
        if self.calibration:
            facts.append(f"gray value = {self.calibration}")
        if self.ignored:
            facts.append(f"not used: {listed(self.ignored)}")
        return tuple(printable(line, len(line)) for line in ("; ".join(facts), *self.assumed))


@dataclass(frozen=True)
class Image:
    """A volume whose voxels are read when they are asked for.

    Attributes:
        file: the file or folder.
        shape: number of voxels along each axis of the array.
        dtype: type of the voxels that `voxels` returns, after any calibration.
        reader: returns the voxels of a box [z, y, x]; reads no more of the file than it must.
        inventory: findings of the reader about the file.
        spacing: voxel edges (z, y, x) [um]; None on an axis whose edge is not written.
        frame: place in space; None where the file does not say.
        unit: unit of the gray values, where the file knows one.
        labels: whether the values are labels of a segmentation, which no calibration changes.
    """

    file: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    reader: Callable[[Box], np.ndarray]
    inventory: Inventory
    spacing: Spacing = (None, None, None)
    frame: Frame | None = None
    unit: str = ""
    labels: bool = False
    _read: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Name of the file in messages."""
        return shortened(self.file.name)

    @property
    def voxel_size(self) -> VoxelSize | None:
        """Voxel edges (z, y, x) [um]; None where the file does not write all three."""
        z, y, x = self.spacing
        return None if z is None or y is None or x is None else (z, y, x)

    def voxels(self, box: Box | None = None) -> np.ndarray:
        """Gray values of a box, or of all of the volume [z, y, x].

        Raises:
            InputError: the voxels cannot be read, or are not finite.
        """
        wanted = box or full_box(self.shape)
        with guarded(self.file):
            values = np.asarray(self.reader(wanted))
        expected = tuple(along.stop - along.start for along in wanted)
        if values.shape != expected:
            raise unreadable(self.file, f"it gave {values.shape} voxels in place of {expected}")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            bad = int(np.count_nonzero(~np.isfinite(values)))
            raise InputError(
                f"{self.name} holds {bad} NaN or infinite values;"
                " replace them by a gray value or crop them away",
                key="geometry.file",
            )
        return values

    @cached_property
    def values(self) -> np.ndarray:
        """Gray values of all of the volume [z, y, x]."""
        return self.voxels()


def full_box(shape: tuple[int, ...]) -> Box:
    """The box that holds all voxels of a volume."""
    z, y, x = (slice(0, size) for size in shape)
    return (z, y, x)


@contextmanager
def guarded(file: Path) -> Iterator[None]:
    """Turn every failure of a reader into one sentence about its file."""
    try:
        with np.errstate(all="ignore"):  # lengths beyond any number are no lengths
            yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # a damaged file may make any library fail in any way
        raise unreadable(file, error) from error


P = ParamSpec("P")


def guarded_reader(
    read: Callable[Concatenate[Path, P], Image],
) -> Callable[Concatenate[Path, P], Image]:
    """Decorate a reader of files, so that each of its failures is one sentence."""

    @wraps(read)
    def guarded_read(file: Path, /, *args: P.args, **kwargs: P.kwargs) -> Image:
        with guarded(file):
            return read(file, *args, **kwargs)

    return guarded_read


def unreadable(file: Path, reason: object) -> InputError:
    """The refusal of a file that its reader could not take; the reason is cut to one clause."""
    reason = getattr(reason, "strerror", None) or reason  # without the number and the path
    words = str(reason).strip().splitlines() or ["no reason given"]
    clause = shortened(words[-1].partition(". ")[0])
    return InputError(
        f"{shortened(file.name)} cannot be read ({clause}); check that it is"
        " complete and that its ending fits its format, or convert it to NRRD or NIfTI",
        key="geometry.file",
    )


def refused(file: Path, reason: str) -> InputError:
    """The refusal of a file for a reason that names the remedy."""
    return InputError(f"{shortened(file.name)} {reason}", key="geometry.file")


def edges(lengths: Sequence[float | None], scale: float = 1.0) -> Spacing:
    """Voxel edges [um] from those of a header in units of `scale` um; None for an invalid one."""
    z, y, x = (
        (round(abs(length) * scale, DIGITS) or None)
        if length is not None and np.isfinite(length)
        else None
        for length in lengths
    )
    return (z, y, x)


def micrometers(file: Path, unit: str) -> float:
    """Length of a unit that a header names [um].

    Raises:
        InputError: the unit is not known.
    """
    known = MICROMETERS.get(unit.strip().lower())
    if known is None:
        raise refused(
            file,
            f'gives lengths in {shortened(unit)!r}, which is not known; write "mm" or "um" into its'
            " header",
        )
    return known


def listed(names: tuple[str, ...] | list[str], most: int = 5) -> str:
    """Names in a sentence: the first ones, and the number of the others."""
    shown = [shortened(name) for name in names[:most]]
    if len(names) > most:
        shown.append(f"and {len(names) - most} more")
    return ", ".join(shown)


def shortened(text: str, most: int = 120) -> str:
    """Text of a file on one line, without control characters and not too long."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return plain if len(plain) <= most else f"{plain[:most]}..."
