"""Forecast of the memory and time of a run on a machine."""

from typing import NamedTuple

from tissue.machine.device import usable_memory
from tissue.machine.host import allowed_memory, load_note
from tissue.scenario.config import RunConfig
from tissue.simulation.cost import MEMORY_MARGIN, WallTime, memory_here
from tissue.simulation.gpus import Shape
from tissue.simulation.text import duration, size

SMALLER_GRID_REMEDY = "use coarser voxels, a smaller box or float32"
SMALLER_BONE_REMEDY = (
    "load less bone (geometry.crop, or a smaller geometry.synthetic.shape) or use a machine "
    "with more memory"
)
"""Remedies where the memory is too small for the fields of a run, and for loading its bone."""


class MachineForecast(NamedTuple):
    """Memory and time of a run on a machine.

    Attributes:
        where: the machine, as in "cannot run here".
        need: memory that the run needs [bytes].
        available: memory available to it [bytes]; None where that is unknown.
        remedy: advice where the available memory is too small.
        memory, time: both as text; empty for a time that was not measured or predicted.
        sharing: lines of text about devices that share the grid.
    """

    where: str
    need: int
    available: int | None
    remedy: str
    memory: str
    time: str = ""
    sharing: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the memory is large enough, as far as that is known."""
        return self.available is None or self.need <= self.available

    @property
    def surely_fits(self) -> bool:
        """Whether the memory is large enough even with the largest error of a forecast so far."""
        return self.available is None or self._most <= self.available

    @property
    def verdict(self) -> str:
        """Whether the run can be started."""
        if self.available is None:
            return f"ready to run {self.where}, if it has {size(self._most)} of memory"
        if self.surely_fits:
            return f"ready to run {self.where}"
        return f"{'may not fit' if self.fits else 'cannot run'} {self.where}: it {self._shortage}"

    @property
    def warning(self) -> str:
        """Warning that the memory may be too small; empty where it is not."""
        if self.available is None or self.surely_fits:
            return ""
        return f"the run {self._shortage}: {self.remedy}"

    @property
    def _most(self) -> int:
        """Memory of the run with the largest error of a forecast so far [bytes]."""
        return round(MEMORY_MARGIN * self.need)

    @property
    def _shortage(self) -> str:
        """Needed and available memory as text."""
        assert self.available is not None
        most = f" (up to {size(self._most)})" if self.fits else ""
        need, available = size(self.need), size(self.available)
        return f"needs about {need}{most} of memory and {available} are available"


def forecast_here(
    config: RunConfig,
    shape: Shape,
    expected: WallTime | None,
    loading: int,
    solved_share: float | None,
) -> MachineForecast:
    """Forecast of a run on this machine.

    Args:
        config: the run.
        shape: voxels (z, y, x) of its grid.
        expected: estimated wall time.
        loading: memory to read or synthesize the bone [bytes].
        solved_share: share of the voxels that hold bone [1] where load is computed by finite
            elements; None elsewhere.
    """
    time, need = "", memory_here(config, shape, solved_share)
    if expected:
        busy = load_note()
        time = (
            f"about {duration(expected.total)} here on an idle machine"
            f"{f', longer now{busy}' if busy else ''}: "
            f"{duration(expected.start)} to start the first time, about {expected.steps} steps of "
            f"{duration(expected.step)}{later_solves(expected)}, "
            f"{duration(expected.end)} for the picture"
        )
    text = f"about {size(need)}"
    if loading > need:
        text = f"about {size(loading)} to load the bone, then {text} to simulate it"
    return max(
        MachineForecast("here", need, usable_memory(), SMALLER_GRID_REMEDY, text, time),
        MachineForecast(
            "here", loading, allowed_memory(), SMALLER_BONE_REMEDY, text, time
        ),  # of the host, never of a GPU
        key=lambda forecast: forecast.need / max(forecast.available or 0, 1),
    )


def later_solves(expected: WallTime) -> str:
    """Solves of finite elements after a comma; empty where there are none."""
    if not expected.solves:
        return ""
    return f", about {expected.solves} solves of finite elements of {duration(expected.solve)}"
