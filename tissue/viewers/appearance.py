"""Appearance of the fields of a run in every viewer: names, units and limits over all times."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tissue.errors import InputError
from tissue.model.fields import FIELDS
from tissue.storage.export_series import FieldSeries
from tissue.storage.layout import DEFAULT_FIELD
from tissue.storage.results import Run

FIRST_CHOICES = ("rankl", "osteoclasts", "il1")
"""Fields that a viewer shows at first, the best one first."""

BONE_COLOR = (0.76, 0.66, 0.51)
"""Red, green and blue of bone [1], dark enough for light and shade to be seen on it."""


COLORS = (
    *((0.989, 0.941, 0.698), (0.997, 0.741, 0.511), (0.987, 0.536, 0.382)),
    *((0.922, 0.341, 0.377), (0.767, 0.234, 0.458), (0.595, 0.176, 0.501)),
    *((0.421, 0.113, 0.505), (0.246, 0.059, 0.448), (0.079, 0.054, 0.212)),
)
"""Red, green and blue of evenly spaced values [1], the smallest first: magma of matplotlib in
reverse, without its ends, so that low values have the light colors of bone."""

TICKS = 5
"""Number of values that a color bar names."""

TICK_DIGITS = 3
"""Digits of the difference of two of them that are far apart."""


class Appearance(NamedTuple):
    """Appearance of a field.

    Attributes:
        label: its full name.
        unit: of its values; empty for pure numbers.
        low: value of the first color, the smallest at any time.
        high: value of the last color, the largest at any time.
    """

    label: str
    unit: str
    low: float
    high: float

    @property
    def title(self) -> str:
        """Full name with the unit."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    @property
    def ticks(self) -> list[float]:
        """Values with few digits that a color bar names, from its first color to its last."""
        digits = TICK_DIGITS - 1 - math.floor(math.log10(self.high - self.low))
        step = 10.0**-digits
        ends = math.ceil(self.low / step) * step, math.floor(self.high / step) * step
        return [round(float(value), digits) for value in np.linspace(*ends, TICKS)]


def appearances(run: Run) -> Mapping[str, Appearance]:
    """Appearance of each field that all snapshots of a run hold.

    Raises:
        InputError: there is no snapshot, or one cannot be read.
    """
    if not run.opened:
        raise InputError(f"{run.folder} holds no snapshots; give the folder of a run")
    shared = [name for name in run.fields if all(name in each.fields for each in run.opened)]
    return {name: _appearance(run, name) for name in shared}


def _appearance(run: Run, name: str) -> Appearance:
    unit = "" if FIELDS[name].unit == "1" else FIELDS[name].unit
    low, high = (0.0, 1.0) if name == DEFAULT_FIELD else FieldSeries(run.opened, name).limits()
    if low == high:  # a field that never changes takes the middle color
        width = abs(high) or 1.0
        low, high = low - width, high + width
    return Appearance(FIELDS[name].long_name, unit, low, high)


def shown_field(run: Run, wanted: str = "") -> str:
    """Name of the field that a viewer shows at first.

    Args:
        run: with one snapshot or more.
        wanted: name of a field; empty for the best one that there is.

    Raises:
        InputError: there is no such field.
    """
    if wanted:
        run.opened[0].refuse_unknown(wanted)
        return wanted
    return next((name for name in FIRST_CHOICES if name in run.fields), DEFAULT_FIELD)
