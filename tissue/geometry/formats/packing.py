"""Packed numbers: gray values that are stored as integers, with marks for missing values.

The CF conventions (cfconventions.org, sections 2.5 and 8.1) lay down that value = stored *
scale_factor + add_offset, and that `_FillValue`, `missing_value` and `valid_range` mark stored
numbers as missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tissue.geometry.formats.conventions import Notes, numbers, text
from tissue.geometry.image import refused, shortened

ROUNDING = 1e-6
"""Share of a limit of gray values by which a stored number may miss it: rounding."""


@dataclass(frozen=True)
class Packing:
    """Rule by which stored numbers become gray values.

    Attributes:
        file: for a refusal.
        stored: type of the stored numbers.
        scale: factor.
        offset: what is added.
        missing: numbers that mark a missing value, with the name of the attribute.
        low: lowest stored number that is a value.
        high: highest one.
        signs: why a negative number is refused, as a clause; empty where none is.
    """

    file: Path
    stored: np.dtype
    scale: float = 1.0
    offset: float = 0.0
    missing: tuple[tuple[str, float], ...] = ()
    low: float = -np.inf
    high: float = np.inf
    signs: str = ""

    @property
    def is_packed(self) -> bool:
        """Whether gray values differ from stored numbers."""
        return (self.scale, self.offset) != (1.0, 0.0)

    @property
    def dtype(self) -> np.dtype:
        """Type of the gray values, which holds every stored integer exactly."""
        native = self.stored.newbyteorder("=")
        if native.kind == "f" and native.itemsize > 8:
            return np.dtype(np.float64)
        if not self.is_packed:
            return native
        small = native.itemsize <= (4 if native.kind == "f" else 2)
        return np.dtype(np.float32 if small else np.float64)

    @property
    def rule(self) -> str:
        """The rule in words; empty where gray values are the stored numbers."""
        return f"{self.scale:.9g} * stored {self.offset:+.9g}" if self.is_packed else ""

    def unpacked(self, raw: np.ndarray) -> np.ndarray:
        """Gray values of stored numbers.

        Raises:
            InputError: some of them are marked as missing.
        """
        if self.stored.kind in "iu":
            raw = raw.view(self.stored.newbyteorder("="))
        for name, value in self.missing:
            self._refuse(int(np.count_nonzero(raw == value)), f"{name} {value:.9g}")
        if self.low > -np.inf or self.high < np.inf:
            outside = int(np.count_nonzero((raw < self.low) | (raw > self.high)))
            self._refuse(outside, f"outside {self.low:.9g} to {self.high:.9g}")
        if self.signs and raw.size and raw.min() < 0:
            raise refused(self.file, self.signs)
        if not self.is_packed:
            return raw.astype(self.dtype, copy=False)
        values = np.empty(raw.shape, self.dtype)
        # what is too large for its type becomes infinite, which the image refuses by itself
        with np.errstate(over="ignore", invalid="ignore"):
            for plane, one in zip(raw, values, strict=True):
                one[...] = plane.astype(np.float64) * self.scale + self.offset
        return values

    def _refuse(self, count: int, mark: str) -> None:
        if count:
            raise refused(
                self.file,
                f"holds {count} voxels that it marks as missing ({mark}); replace them by a gray"
                " value, or crop them away",
            )


def packing_of(
    file: Path, stored: np.dtype, attributes: Mapping[str, Any], notes: Notes, signs: str = ""
) -> Packing:
    """The rule that attributes give.

    Args:
        file: for refusals.
        stored: type of the numbers in the file.
        attributes: of the dataset.
        notes: receives doubts about them.
        signs: why a negative number is refused, where `_Unsigned` does not say.
    """
    kind = stored
    says = text(attributes.get("_Unsigned", b"")).lower()
    if stored.kind in "iu" and says in ("true", "false"):
        kind = np.dtype(f"{'u' if says == 'true' else 'i'}{stored.itemsize}")
    found = {"scale_factor": 1.0, "add_offset": 0.0}
    for name in found:
        if name not in attributes:
            continue
        given = numbers(attributes[name])
        if given is None or len(given) != 1 or not np.isfinite(given[0]):
            notes.doubts.append(f"gives {name} as {_shown(attributes[name])}; write one number")
        else:
            found[name] = given[0]
    if found["scale_factor"] == 0:
        notes.doubts.append("gives scale_factor as 0, so that all voxels are alike; write it anew")
    marks = [
        (name, mark)
        for name in ("_FillValue", "missing_value")
        for mark in _as_stored(attributes.get(name), kind)
        if np.isfinite(mark)
    ]
    low, high = _valid(attributes, kind, found["scale_factor"], found["add_offset"])
    # the same mark may be given twice
    missing = tuple({value: (name, value) for name, value in reversed(marks)}.values())
    return Packing(
        file,
        kind,
        found["scale_factor"],
        found["add_offset"],
        missing,
        low,
        high,
        "" if says in ("true", "false") else signs,
    )


def _valid(
    attributes: Mapping[str, Any], kind: np.dtype, scale: float, offset: float
) -> tuple[float, float]:
    """Lowest and highest stored number that is a value."""
    given = {
        name: attributes[name]
        for name in ("valid_range", "valid_min", "valid_max")
        if name in attributes
    }
    low, high = -np.inf, np.inf
    if len(both := _as_stored(given.get("valid_range"), kind)) == 2:
        low, high = both
    for lowest in _as_stored(given.get("valid_min"), kind)[:1]:
        low = lowest
    for highest in _as_stored(given.get("valid_max"), kind)[:1]:
        high = highest
    of_gray = any(np.asarray(value).dtype.kind == "f" for value in given.values())
    if of_gray and kind.kind in "iu" and scale:
        # limits of another type than the stored numbers are those of the gray values
        low, high = sorted(((low - offset) / scale, (high - offset) / scale))
        low, high = low - ROUNDING * max(1.0, abs(low)), high + ROUNDING * max(1.0, abs(high))
    return low, high


def _as_stored(value: object, kind: np.dtype) -> list[float]:
    """Numbers of an attribute as the type of the stored numbers has them."""
    given = np.asarray(value)
    if value is None or given.dtype.kind not in "iuf" or given.size == 0:
        return []
    if kind.kind in "iu" and given.dtype.kind in "iu" and given.dtype.itemsize == kind.itemsize:
        given = given.astype(given.dtype.newbyteorder("=")).view(kind.newbyteorder("="))
    elif kind.kind == "f":
        with np.errstate(over="ignore"):
            given = given.astype(kind.newbyteorder("="))
    return [float(each) for each in given.ravel()]


def _shown(value: object) -> str:
    return shortened(str(value), 40)
