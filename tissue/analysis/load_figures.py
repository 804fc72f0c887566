"""Figures of the load on bone: strain energy density and the stimulus that cells make of it."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tissue.analysis.courses import time_unit
from tissue.analysis.figures import BONE, SOLID
from tissue.analysis.panels import draw_surface
from tissue.analysis.render import picture_of_values
from tissue.analysis.style import new_figure, width
from tissue.errors import InputError
from tissue.model.fields import ENERGY_DENSITY
from tissue.storage.results import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STIMULUS = "load_stimulus"

LOAD_FIELDS = {
    ENERGY_DENSITY: "strain energy density [MPa]",
    STIMULUS: "stimulus of load (0: healthy)",
}
"""Fields that a figure of the load may show, with their labels."""

SHOWN = (0.1, 0.98)
"""Quantiles of the energy in bone that the colors distinguish [1]: next to notches and at cut
trabeculae it is many times the usual, and almost none in loose ends."""

_SOLID = 0.5  # bone volume fraction


def load_on_bone(run: Run, name: str) -> "Figure":
    """A field of the load on the surface of the bone, at the first and the last time that has it.

    Args:
        run: the run.
        name: one of LOAD_FIELDS.

    Raises:
        InputError: no snapshot has the field.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.ticker import LogLocator

    ends = _ends(run, name)
    bones = [run.field(BONE, i) for i in ends]
    fields = [run.field(name, i) for i in ends]
    low, high = limits(name, bones, fields)
    stimulus = name == STIMULUS
    scale = (Normalize if stimulus else LogNorm)(low, high, clip=True)
    colors = colormaps["coolwarm" if stimulus else "viridis"]
    figure = new_figure(width(), width() / 2 + 0.2)
    row = figure.subplots(1, len(ends), squeeze=False)[0]
    unit = time_unit(float(run.times[-1] - run.times[0]))
    for axes, index, bone, values in zip(row, ends, bones, fields, strict=True):
        picture = picture_of_values(
            bone, values, lambda found: np.asarray(colors(scale(found)))[:, :3], width=SOLID
        )
        draw_surface(axes, picture, bone.shape, run.opened[0].grid.spacing)
        axes.set_title(unit.moment(run.times[index]))
    bar = figure.colorbar(
        ScalarMappable(scale, colors),
        ax=list(row),
        label=LOAD_FIELDS[name],
        ticks=None if stimulus else LogLocator(subs=(1, 2, 5)),
        format="{x:g}",
        extend="both",
        shrink=0.75,
        pad=0.02,
    )
    bar.minorticks_off()
    return figure


def limits(
    name: str, bones: list[NDArray[np.float32]], fields: list[NDArray[np.float32]]
) -> tuple[float, float]:
    """Values of the ends of the color bar: the stimulus has 0 in its middle, energy is > 0.

    Args:
        name: of the field.
        bones: bone volume fraction at each time [z, y, x].
        fields: the field at each time [z, y, x].
    """
    found = np.concatenate(
        [values[bone >= _SOLID] for bone, values in zip(bones, fields, strict=True)]
    )
    found = np.abs(found[np.isfinite(found)])
    if name == STIMULUS:
        high = float(np.quantile(found, SHOWN[1])) if found.size else 0.0
        return -(high or 1.0), high or 1.0
    found = found[found > 0]
    if not found.size:
        return 0.1, 1.0
    low, high = (float(each) for each in np.quantile(found, SHOWN))
    return min(low, high / 10), high


def _ends(run: Run, name: str) -> list[int]:
    """Indices of the first and the last snapshot with a field."""
    found = [i for i, each in enumerate(run.opened) if name in each.fields]
    if not found:
        raise InputError(f"{run.name} has no snapshot with {name}; its mechanics is not 'fe'")
    return sorted({found[0], found[-1]})
