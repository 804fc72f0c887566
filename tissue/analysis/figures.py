"""Figures for a paper: at column width, vector where possible, byte for byte reproducible."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tissue.analysis.labels import unique_labels
from tissue.analysis.panels import (
    FAINT,
    FORMED,
    INK,
    LOST,
    PLAIN,
    RUNS,
    colored,
    draw_scale,
    draw_surface,
    drawn,
    frame,
    label,
    tidy,
)
from tissue.analysis.render import picture_of_bone, picture_of_sites, pictures_of_loss
from tissue.analysis.strength import solved
from tissue.errors import InputError
from tissue.model.fields import FIELDS
from tissue.storage.atomic import write_atomically
from tissue.storage.results import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BONE = "bone_volume_fraction"
WIDTH = 7.2  # inch: two columns of a journal
TEXT = 8.0  # points
LEGEND, KEY, NAME, ROW = 100, 8, 50, 0.16
"""Legend above the curves: characters in a line of WIDTH, characters that the key of a run takes,
most characters of a name, and height of a line [inch]."""

MOST_TIMES = 4
"""Most times side by side [1]."""

SOLID, FRAME = 700, 500
"""Width of renderings in a figure and in an animation [pixel]."""

FORMATS = ("pdf", "svg", "png")
DPI = 200

STYLE: Mapping[str, Any] = {
    **PLAIN,
    "font.size": TEXT,
    "axes.titlesize": TEXT + 1,
    "axes.labelsize": TEXT,
    "legend.fontsize": TEXT,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "pdf.fonttype": 42,  # editable text
    "svg.fonttype": "path",
    "svg.hashsalt": "tissue",  # makes ids in files reproducible
}

CURVES: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (
    ("change in BV/TV [%]", (("bv_tv_change_percent", ""),)),
    (
        "rate [\N{MICRO SIGN}m/day]",
        (("resorption_um_per_day", "resorption"), ("formation_um_per_day", "formation")),
    ),
    ("N.Oc/BS [1/mm\N{SUPERSCRIPT TWO}]", (("osteoclasts_per_mm2", ""),)),
    ("N.Ob/BS [1/mm\N{SUPERSCRIPT TWO}]", (("osteoblasts_per_mm2", ""),)),
    ("RANKL/OPG at the surface", (("rankl_pM/opg_pM", ""),)),
    ("IL-1 in marrow [pM]", (("il1_marrow_pM", ""),)),
)
STRENGTH: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (
    ("apparent modulus, z [MPa]", (("apparent_modulus_z_MPa", ""),)),
    ("stiffness, z [N/mm]", (("stiffness_z_N_per_mm", ""),)),
    ("failure load, z [N]", (("failure_load_z_N", ""),)),
)
"""Curves of runs whose mechanics is computed by finite elements."""
STRENGTH_COLUMNS = {column for _, columns in STRENGTH for column, _ in columns}


@contextmanager
def styled() -> Iterator[None]:
    """Set the style of all figures; restore that of matplotlib afterwards."""
    import matplotlib as mpl

    with mpl.rc_context(dict(STYLE)):
        yield


def curves(runs: Sequence[Run]) -> "Figure":
    """Metrics over time; several runs share the axes, with a legend."""
    names = [drawn(name, NAME) for name in unique_labels([run.folder for run in runs])]
    beside = max(1, min(len(runs), 4, LEGEND // (max(map(len, names)) + KEY)))
    shown = [*CURVES, *(STRENGTH if any(map(_has_strength, runs)) else ())]
    rows = len(shown) // 3
    figure = new_figure(WIDTH, 2.05 * rows + ROW * (math.ceil(len(runs) / beside) - 1))
    panels = figure.subplots(rows, 3, sharex=True).ravel()
    for axes, (title, columns) in zip(panels, shown, strict=True):
        for index, run in enumerate(runs):
            strength = columns[0][0] in STRENGTH_COLUMNS
            if strength and not _has_strength(run):
                continue
            # between two solves these stay as they are
            which = solved(run.metrics) if strength else slice(None)
            for position, (column, name) in enumerate(columns):
                alone = len(runs) == 1 and len(columns) > 1
                axes.plot(
                    run.metrics["time_day"][which],
                    _column(run, column)[which],
                    color=(LOST, FORMED)[position] if alone else RUNS[index % len(RUNS)],
                    ls="--" if position and not alone else "-",
                    label=name if alone else None,
                )
        axes.set_ylabel(title)
        tidy(axes, TEXT)
        if len(columns) > 1:
            _add_line_legend(axes, [name for _, name in columns], alone=len(runs) == 1)
    for axes in panels[-3:]:
        axes.set_xlabel("time [day]")
    if len(runs) > 1:
        # matplotlib may omit a label that begins with an underscore
        numbers = list(map(str, range(len(names))))
        legend = figure.legend(panels[0].lines, numbers, loc="outside upper left", ncols=beside)
        for text, name in zip(legend.get_texts(), names, strict=True):
            text.set_text(name)
    return figure


def _has_strength(run: Run) -> bool:
    loads = run.metrics.get("failure_load_z_N", np.empty(0))
    return bool(np.isfinite(loads).any())


def _add_line_legend(axes: "Axes", names: Sequence[str], *, alone: bool) -> None:
    from matplotlib.lines import Line2D

    if alone:
        axes.legend(loc="best")
        return
    lines = [Line2D([], [], color=INK, ls=style) for style in ("-", "--")]
    axes.legend(lines, names, loc="best")


def _column(run: Run, name: str) -> np.ndarray:
    above, _, below = name.partition("/")
    values = run.metrics[above]
    if not below:
        return values
    with np.errstate(divide="ignore", invalid="ignore"):  # without cells there is no mean over them
        return values / run.metrics[below]


def slices(run: Run, name: str) -> "Figure":
    """Field in the middle plane at up to four times, with the outline of bone and a scale."""
    times = _spread(len(run.snapshots))
    planes = [_middle(run.field(name, i)) for i in times]
    low, high = min(p.min() for p in planes), max(p.max() for p in planes)
    unit, long_name, *_ = FIELDS[name]
    rows, columns = planes[0].shape
    figure = new_figure(WIDTH, min(WIDTH / len(times) * rows / columns, 8.0) + 0.75)
    row = figure.subplots(1, len(times), squeeze=False)[0]
    for axes, index, plane in zip(row, times, planes, strict=True):
        image = _show(axes, run, plane, vmin=low, vmax=high, cmap="viridis")
        _outline(axes, run, index)
        axes.set_title(f"day {run.times[index]:g}")
    shown = "" if unit == "1" else f" [{unit}]"
    figure.colorbar(image, ax=list(row), label=f"{long_name}{shown}", shrink=0.75, pad=0.02)
    return figure


def ratio(run: Run) -> "Figure":
    """Map of RANKL over OPG in the middle plane, at the start and at the end.

    Raises:
        InputError: the snapshots lack RANKL or OPG.
    """
    for name in ("rankl", "opg"):
        run.opened[0].refuse_unknown(name)
    ends = (0, len(run.snapshots) - 1)
    planes = [_middle(run.field("rankl", i)) / _middle(run.field("opg", i)) for i in ends]
    low, high = min(p.min() for p in planes), max(p.max() for p in planes)
    figure = new_figure(WIDTH, WIDTH / 2)
    row = figure.subplots(1, 2)
    for axes, index, plane in zip(row, ends, planes, strict=True):
        image = _show(axes, run, plane, vmin=low, vmax=high, cmap="cividis")
        _outline(axes, run, index)
        axes.set_title(f"day {run.times[index]:g}")
    figure.colorbar(image, ax=list(row), label="RANKL/OPG", shrink=0.8, pad=0.02)
    return figure


def sites(run: Run) -> "Figure":
    """Sites of resorption and formation between the first and the last snapshot."""
    before, after = run.field(BONE, 0), run.field(BONE)
    figure = new_figure(WIDTH, WIDTH / 2 + 0.3)
    solid, plane = figure.subplots(1, 2)
    draw_surface(solid, picture_of_sites(before, after, width=SOLID), before.shape)
    old, new = _middle(before), _middle(after)
    _show(plane, run, colored(new, new - old))
    plane.set_title(f"middle plane, day {run.times[0]:g} to {run.times[-1]:g}")
    _add_site_legend(figure)
    return figure


def _add_site_legend(figure: "Figure") -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=LOST, label="resorbed"), Patch(color=FORMED, label="formed")]
    figure.legend(handles=patches, loc="outside lower center", ncols=2)


def loss(run: Run) -> "Figure":
    """Bone before and after in 3-D, with an orange veil over lost bone."""
    before, after = run.field(BONE, 0), run.field(BONE)
    figure = new_figure(WIDTH, WIDTH / 2 + 0.2)
    pictures = pictures_of_loss(before, after, width=SOLID)
    for axes, picture, time in zip(
        figure.subplots(1, 2), pictures, run.times[[0, -1]], strict=True
    ):
        draw_surface(axes, picture, before.shape)
        axes.set_title(f"day {time:g}")
    change = 100 * (after.mean() / before.mean() - 1)
    figure.text(
        0.5, 0.02, f"BV/TV {change:+.1f} %".replace("-", "\N{MINUS SIGN}"), ha="center", color=INK
    )
    label(figure.axes[1], "lost bone", LOST)
    return figure


def animation(run: Run, path: Path) -> None:
    """Write the bone at every snapshot as an animated GIF."""
    from PIL import Image

    before = run.field(BONE, 0)
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
        draw_surface(axes, picture, bone.shape)
        axes.set_title(f"day {time:g}, BV/TV {bone.mean():.3f}")
        frames.append(Image.fromarray(_pixels(figure)[..., :3]))
    made, rest = BytesIO(), [*frames[1:], frames[-1]]
    frames[0].save(made, "gif", save_all=True, append_images=rest, duration=600, loop=0)
    write_atomically(path, made.getbuffer())


FIGURES: Mapping[str, Callable[[Run], "Figure"]] = {
    "ratio": ratio,
    "sites": sites,
    "loss": loss,
}
"""Figures of one run, by the name of their file."""


def save(figure: "Figure", path: Path) -> None:
    """Write a figure without dates, so that its bytes are reproducible."""
    dates = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
    made = BytesIO()
    metadata = dates.get(path.suffix, {})
    figure.savefig(made, format=path.suffix[1:], dpi=DPI, metadata=metadata)
    write_atomically(path, made.getbuffer())


def _pixels(figure: "Figure") -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(140)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def new_figure(width: float, height: float) -> "Figure":
    """Empty figure of a width and height [inch]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _spread(count: int) -> list[int]:
    if not count:
        raise InputError("there are no snapshots to draw yet")
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, MOST_TIMES))})


def _middle(field: np.ndarray) -> np.ndarray:
    """Plane across the middle of the shortest edge of the box; across z where edges are equal."""
    axis = int(np.argmin(field.shape))
    return np.asarray(np.take(field, field.shape[axis] // 2, axis))


def _show(axes: "Axes", run: Run, plane: np.ndarray, **how: Any) -> Any:
    spacing = run.opened[0].grid.spacing
    height, width = (count * spacing for count in plane.shape[:2])
    image = axes.imshow(plane, extent=(0, width, height, 0), interpolation="nearest", **how)
    frame(axes)
    draw_scale(axes, width, height)
    return image


def _outline(axes: "Axes", run: Run, index: int) -> None:
    bone = _middle(run.field(BONE, index))
    spacing = run.opened[0].grid.spacing
    y, x = ((np.arange(count) + 0.5) * spacing for count in bone.shape)
    axes.contour(x, y, bone, levels=[0.5], colors="white", linewidths=0.9)
    axes.contour(x, y, bone, levels=[0.5], colors=FAINT, linewidths=0.3)
