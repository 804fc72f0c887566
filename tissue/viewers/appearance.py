"""Appearance of the fields of a run in every viewer: names, units and colors for all times."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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

CUT_OFF = 0.001
"""Share of the values of all times [1] at each end that has the color of the limit: a few voxels
of one time would take most colors."""

BINS = 512
"""Intervals between the limits in which values are counted [1]."""

ROUNDS = 20
"""Rounds that lower the count of a value that most voxels hold, such as 0, until it takes one step
of the colors [1]; each brings it nearer by a factor of 8."""

BY_COUNT = 0.8
"""Part of the colors [1] that values take by how many voxels hold them, and not by their distance
(assumption: at 0.9 the colors of the bundled runs spread only a little further)."""

SAMPLED = 200_000
"""Most values of one time from which the colors are chosen [1]."""

TICKS = 5
"""Number of values that a color bar names."""

TICK_DIGITS = 3
"""Digits of the difference of two of them that are far apart."""


class Appearance(NamedTuple):
    """Appearance of a field.

    Attributes:
        label: its full name.
        unit: of its values; empty for pure numbers.
        low: value of the first color; smaller ones have it too.
        high: value of the last color; larger ones have it too.
        levels: values of all colors, in their order; none for evenly spaced ones.
    """

    label: str
    unit: str
    low: float
    high: float
    levels: tuple[float, ...] = ()

    @property
    def shares(self) -> list[float]:
        """Places of the colors between the limits, from 0 to 1."""
        if not self.levels:
            return [float(share) for share in np.linspace(0, 1, len(COLORS))]
        inside = [(level - self.low) / (self.high - self.low) for level in self.levels[1:-1]]
        return [0.0, *inside, 1.0]

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
    label = FIELDS[name].long_name
    if name == DEFAULT_FIELD:
        return Appearance(label, unit, 0.0, 1.0)
    times = [_sample(values) for values in FieldSeries(run.opened, name).values()]
    low, high = (
        float(limit) for limit in np.quantile(np.concatenate(times), (CUT_OFF, 1 - CUT_OFF))
    )
    if low == high:  # a field that hardly ever changes takes the middle color
        width = abs(high) or 1.0
        return Appearance(label, unit, low - width, high + width)
    return Appearance(label, unit, low, high, color_levels(times, low, high))


def _sample(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Finite values at evenly spaced places of a field, as float64; 0 where none is finite."""
    flat = values.reshape(-1)[:: max(1, values.size // SAMPLED)].astype(np.float64)
    finite = flat[np.isfinite(flat)]
    return finite if finite.size else np.zeros(1)


def color_levels(
    times: Sequence[NDArray[np.float64]], low: float, high: float
) -> tuple[float, ...]:
    """Values of the colors that show the structure of a field at each time.

    Inflammation moves a whole field by more than it differs in space, so that evenly spaced colors
    show each time in almost one color. Here the colors lie closer where some time has more voxels.

    Args:
        times: values of the field at each time.
        low: value of the first color.
        high: value of the last color.

    Returns:
        As many values as `COLORS`, each larger than the one before.
    """
    edges = np.linspace(low, high, BINS + 1)
    counts = [np.histogram(np.clip(each, low, high), edges)[0] / each.size for each in times]
    density = np.max(counts, axis=0)
    for _ in range(ROUNDS):
        density = np.minimum(density, density.sum() / (len(COLORS) - 1))
    steps = (1 - BY_COUNT) / BINS + BY_COUNT * density / density.sum()
    reached = np.concatenate([[0.0], np.cumsum(steps)])
    inner = np.interp(np.linspace(0, 1, len(COLORS))[1:-1], reached, edges)
    return (low, *(float(level) for level in inner), high)


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
