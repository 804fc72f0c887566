"""Figures of the bone and its fields: at column width, vector where possible, reproducible."""

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tissue.analysis.common_start import percent, signed
from tissue.analysis.courses import NOISE, tick_texts, time_unit
from tissue.analysis.displacement import at_surface, moved
from tissue.analysis.panels import (
    FAINT,
    FORMED,
    LOST,
    colored,
    draw_scale,
    draw_surface,
    frame,
)
from tissue.analysis.render import picture_of_bone, picture_of_values, pictures_of_loss
from tissue.analysis.style import add_note, narrow, new_figure, text_size, width
from tissue.errors import InputError
from tissue.model.fields import FIELDS
from tissue.storage.atomic import write_atomically
from tissue.storage.results import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

BONE = "bone_volume_fraction"
AXES = ("z", "y", "x")

MOST_TIMES = 4
"""Most times side by side [1]; in a narrow figure half of them."""

SOLID, FRAME = 700, 500
"""Width of renderings in a figure and in an animation [pixel]."""

GRAY = "#BEBAB4"
"""Color of bone in a field of the marrow."""

SHOWN = (0.02, 0.98)
"""Quantiles of a solute in marrow that the colors distinguish [1]."""

MOST, LEAST = 0.98, 0.05
"""Share of the surface whose distances the colors distinguish [1], and least end of their scale
[voxel]."""

FINER = 8
"""Pixels along a voxel of a plane of lost and formed bone [1]."""

RANGES = ("each", "all")
"""Ranges of the colors of slices: those of each time, or one for all times."""

Plane = NDArray[np.float32]


class Cut(NamedTuple):
    """Plane across the middle of the shortest edge of the box; across z where edges are equal.

    Attributes:
        axis: the plane is across it.
        place: of the plane along it [um].
        number: of the plane [voxel].
    """

    axis: int
    place: float
    number: int

    def of(self, field: Plane) -> Plane:
        """Values in the plane, with z upwards where it is in the plane."""
        plane = np.asarray(np.take(field, self.number, self.axis))
        return plane[::-1] if self.axis else plane

    @property
    def words(self) -> str:
        """Place and directions of the plane."""
        down, right = (name for axis, name in enumerate(AXES) if axis != self.axis)
        up = "up" if self.axis else "down"
        place = f"{AXES[self.axis]} = {self.place:.0f} \N{MICRO SIGN}m"
        return f"plane {place}, {down} {up}, {right} to the right"


def cut_of(run: Run) -> Cut:
    """The plane that figures of a run show."""
    grid = run.opened[0].grid
    axis = int(np.argmin(grid.shape))
    index = grid.shape[axis] // 2
    return Cut(axis, grid.origin[axis] + grid.spacing * index, index)


def slices(run: Run, name: str, ranges: str = "each") -> "Figure":
    """Field in a middle plane at up to four times, with the surface of bone and a scale.

    Args:
        run: the run.
        name: of the field.
        ranges: one of RANGES.
    """
    times = _spread(run)
    cut = cut_of(run)
    planes = [cut.of(run.field(name, i)) for i in times]
    bones = [cut.of(run.field(BONE, i)) for i in times]
    unit, long_name, *_ = FIELDS[name]
    marrow = unit == "pM"
    ends = [_ends(plane, bone, marrow) for plane, bone in zip(planes, bones, strict=True)]
    if ranges == "all":
        ends = [(min(low for low, _ in ends), max(high for _, high in ends))] * len(ends)
    rows, columns = planes[0].shape
    height = min(0.93 * width() / len(times) * rows / columns, 8.0) + 0.72
    figure = new_figure(width(), height)
    row = figure.subplots(1, len(times), squeeze=False)[0]
    span = float(run.times[-1] - run.times[0])
    colors = "gist_yarg" if name == BONE else "viridis"
    extend = "both" if marrow else "neither"
    for axes, index, plane, bone, (low, high) in zip(row, times, planes, bones, ends, strict=True):
        image = _show(axes, run, plane, vmin=low, vmax=high, cmap=colors)
        _outline(axes, run, bone, filled=marrow)
        axes.set_title(time_unit(span).moment(run.times[index]))
        if ranges == "each":
            bar = figure.colorbar(
                image, ax=axes, location="bottom", pad=0.02, aspect=16, extend=extend
            )
            _mark(bar, low, high)
    shown = "" if unit == "1" else f" [{unit}]"
    label = f"{long_name[0].upper()}{long_name[1:]}{shown}"
    if ranges == "all":
        figure.colorbar(image, ax=list(row), label=label, shrink=0.75, pad=0.02, extend=extend)
    note = f"{label}; {cut.words}"
    note += "; each time has a range of its own" if ranges == "each" and len(times) > 1 else ""
    add_note(figure, f"{note}{'; bone is gray' if marrow else ''}.")
    return figure


def ratio(run: Run) -> "Figure":
    """Map of RANKL over OPG in the middle plane, at the start and at the end.

    Raises:
        InputError: the snapshots lack RANKL or OPG.
    """
    for name in ("rankl", "opg"):
        run.opened[0].refuse_unknown(name)
    cut, ends = cut_of(run), (0, len(run.snapshots) - 1)
    planes = [cut.of(run.field("rankl", i)) / cut.of(run.field("opg", i)) for i in ends]
    bones = [cut.of(run.field(BONE, i)) for i in ends]
    limits = [_ends(plane, bone, True) for plane, bone in zip(planes, bones, strict=True)]
    figure = new_figure(width(), width() / 2 + 0.3)
    row = figure.subplots(1, 2)
    span = float(run.times[-1] - run.times[0])
    for axes, index, plane, bone, (low, high) in zip(row, ends, planes, bones, limits, strict=True):
        image = _show(axes, run, plane, vmin=low, vmax=high, cmap="cividis")
        _outline(axes, run, bone, filled=True)
        axes.set_title(time_unit(span).moment(run.times[index]))
        bar = figure.colorbar(image, ax=axes, location="bottom", pad=0.02, aspect=24)
        _mark(bar, low, high)
    add_note(figure, f"RANKL/OPG in marrow fluid; {cut.words}; each time has a range of its own.")
    return figure


def sites(run: Run) -> "Figure":
    """Distance by which the surface moved from the first to the last snapshot, and a slice."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    before, after = run.field(BONE, 0), run.field(BONE)
    spacing, cut = run.opened[0].grid.spacing, cut_of(run)
    distance = moved(before, after, spacing)
    sizes = np.abs(at_surface(distance, after))
    most = max(LEAST * spacing, float(np.quantile(sizes, MOST)) if sizes.size else 0.0)
    colors, scale = _diverging(), Normalize(-most, most, clip=True)
    picture = picture_of_values(
        after, distance, lambda found: np.asarray(colors(scale(found)))[:, :3],
        width=SOLID, inside=False,
    )  # fmt: skip
    aspect = np.clip(cut.of(before).shape[0] / cut.of(before).shape[1], 0.9, 1.3)
    figure = new_figure(width(), width() / 2 * float(aspect) + 0.3)
    solid, plane = figure.subplots(1, 2)
    draw_surface(solid, picture, before.shape, spacing)
    figure.colorbar(
        ScalarMappable(scale, colors),
        ax=solid,
        location="bottom",
        label="surface moved [\N{MICRO SIGN}m]",
        extend="both",
        shrink=0.8,
        aspect=28,
        pad=0.02,
    )
    old, new = cut.of(before), cut.of(after)
    lost, formed = _show_change(plane, run, old, new)
    unit = time_unit(float(run.times[-1] - run.times[0]))
    first, last = unit.moment(run.times[0]), unit.moment(run.times[-1])
    solid.set_title(f"{first} to {last}")
    plane.set_title("lost and formed")
    _add_site_legend(plane, lost, formed)
    add_note(figure, f"Left: the bone at {last}, orange where it was lost. Right: {cut.words}.")
    return figure


def _diverging() -> "LinearSegmentedColormap":
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("moved", [LOST, "#EBD9BC", FORMED])


def _show_change(axes: "Axes", run: Run, old: Plane, new: Plane) -> tuple[bool, bool]:
    """Draw what is bone at both times and at one of them.

    Returns:
        Whether any was lost, and whether any was formed.
    """
    how = {"order": 1, "mode": "nearest", "grid_mode": True}
    before, after = (ndimage.zoom(each, FINER, **how) >= 0.5 for each in (old, new))
    lost, formed = before & ~after, after & ~before
    solid = np.asarray(after, np.float32)
    _show(axes, run, colored(solid, np.asarray(formed, np.float32) - lost), FINER)
    return bool(lost.any()), bool(formed.any())


def _add_site_legend(axes: "Axes", lost: bool, formed: bool) -> None:
    """Legend of the colors that are there."""
    from matplotlib.patches import Patch

    shown = (("lost", LOST, lost), ("formed", FORMED, formed))
    patches = [Patch(color=color, label=name) for name, color, there in shown if there]
    if patches:
        axes.legend(handles=patches, loc="upper left", framealpha=0.85, frameon=True, edgecolor="w")


def loss(run: Run) -> "Figure":
    """Bone before and after in 3-D, with an orange veil over lost bone."""
    before, after = run.field(BONE, 0), run.field(BONE)
    figure = new_figure(width(), width() / 2 + 0.2)
    pictures = pictures_of_loss(before, after, width=SOLID)
    unit = time_unit(float(run.times[-1] - run.times[0]))
    moments = [unit.moment(time) for time in run.times[[0, -1]]]
    for axes, picture, moment in zip(figure.subplots(1, 2), pictures, moments, strict=True):
        draw_surface(axes, picture, before.shape, run.opened[0].grid.spacing)
        axes.set_title(moment)
    start, end = float(before.mean()), float(after.mean())
    add_note(
        figure,
        f"BV/TV {start:.3f} at {moments[0]} and {end:.3f} at {moments[1]} "
        f"({signed(percent(start, end))}). Orange: bone lost in between.",
    )
    return figure


def animation(run: Run, path: Path) -> None:
    """Write the bone at every snapshot as an animated GIF."""
    from PIL import Image

    before = run.field(BONE, 0)
    unit = time_unit(float(run.times[-1] - run.times[0]))
    frames = []
    for index, time in enumerate(run.times):
        figure = new_figure(3.6, 4.0)
        axes = figure.subplots()
        bone = run.field(BONE, index)
        picture = (
            pictures_of_loss(before, bone, width=FRAME)[1]
            if index
            else picture_of_bone(before, width=FRAME)
        )
        draw_surface(axes, picture, bone.shape, run.opened[0].grid.spacing)
        axes.set_title(f"{unit.moment(time)}, BV/TV {bone.mean():.3f}")
        frames.append(Image.fromarray(_pixels(figure)[..., :3]))
    made, rest = BytesIO(), [*frames[1:], frames[-1]]
    frames[0].save(made, "gif", save_all=True, append_images=rest, duration=600, loop=0)
    with made.getbuffer() as content:
        write_atomically(path, content)


FIGURES: Mapping[str, Callable[[Run], "Figure"]] = {
    "ratio": ratio,
    "sites": sites,
    "loss": loss,
}
"""Figures of one run, by the name of their file."""


def _pixels(figure: "Figure") -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(140)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def _spread(run: Run) -> list[int]:
    count = len(run.snapshots)
    if not count:
        raise InputError("there are no snapshots to draw yet")
    most = min(count, MOST_TIMES // 2 if narrow() else MOST_TIMES)
    # three or more that are evenly spaced rather than one more that is not
    even = next((each for each in range(most, 2, -1) if (count - 1) % (each - 1) == 0), most)
    return sorted({round(i) for i in np.linspace(0, count - 1, even)})


def _ends(plane: Plane, bone: Plane, marrow: bool) -> tuple[float, float]:
    """Ends of the colors of a plane, of its marrow where the field is one of marrow."""
    inside = plane[bone < 0.5] if marrow and (bone < 0.5).any() else plane
    low, high = (float(each) for each in np.quantile(inside, SHOWN if marrow else (0, 1)))
    return (low, high) if high - low > NOISE * abs(high) else (low, low)


def _mark(bar: "Colorbar", low: float, high: float) -> None:
    """Number the ends and the middle of a color bar."""
    values = [low, 0.5 * (low + high), high] if high > low else [low]
    bar.set_ticks(values, labels=tick_texts(values))


def _show(axes: "Axes", run: Run, plane: np.ndarray, finer: int = 1, **how: Any) -> Any:
    spacing = run.opened[0].grid.spacing / finer
    height, width = (count * spacing for count in plane.shape[:2])
    smooth = "bilinear" if plane.ndim == 2 else "nearest"
    image = axes.imshow(plane, extent=(0, width, height, 0), interpolation=smooth, **how)
    frame(axes)
    draw_scale(axes, width, height)
    return image


def _outline(axes: "Axes", run: Run, bone: Plane, *, filled: bool) -> None:
    """Surface of the bone in a plane; the bone itself is gray where the field is of marrow."""
    spacing = run.opened[0].grid.spacing
    y, x = ((np.arange(count) + 0.5) * spacing for count in bone.shape)
    if filled and bone.max() >= 0.5:
        edge = np.pad(bone, 1, mode="edge")  # up to the edge of the picture
        beyond = [
            np.concatenate([each[:1] - spacing, each, each[-1:] + spacing]) for each in (y, x)
        ]
        axes.contourf(beyond[1], beyond[0], edge, levels=[0.5, 2.0], colors=[GRAY])
        axes.set(xlim=(0, len(x) * spacing), ylim=(len(y) * spacing, 0))
    size = 0.11 * text_size()
    if bone.min() < 0.5 < bone.max():
        axes.contour(x, y, bone, levels=[0.5], colors="white", linewidths=size)
        axes.contour(x, y, bone, levels=[0.5], colors=FAINT, linewidths=0.35 * size)
