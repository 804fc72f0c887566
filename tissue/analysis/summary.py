"""Summary picture of a run."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tissue.analysis.common_start import branch_day, changes_in_words, snapshots_since_start
from tissue.analysis.courses import FLAT_NOTE, Course, flattened, limits, time_unit
from tissue.analysis.curve_figures import TREATED, shade
from tissue.analysis.panels import (
    FAINT,
    FORMED,
    INK,
    LOST,
    PLAIN,
    colored,
    draw_scale,
    draw_surface,
    drawn,
    frame,
    label,
    tidy,
)
from tissue.analysis.render import picture_of_bone, pictures_of_loss
from tissue.analysis.treatment import regimens_of
from tissue.errors import InputError
from tissue.storage.atomic import write_atomically
from tissue.storage.snapshot import Snapshot, list_snapshots, read_snapshot
from tissue.storage.tables import read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUMMARY = "summary.png"

Array = NDArray[np.float32]
Metrics = dict[str, NDArray[np.float64]]

_SIZE = (14.0, 8.0)  # [inch]
_DPI = 140
_WIDTH = 560  # of a rendering [pixel]
_NAME = 120  # most characters of the name of a run, which must stay readable [1]
_VISIBLE = 0.2  # change of the bone volume fraction that shows in a picture [1]


@dataclass(frozen=True)
class _Moment:
    """Bone at one time and its change since the start."""

    snapshot: Snapshot
    bone: Array
    change: Array

    @property
    def title(self) -> str:
        return f"day {self.snapshot.time:g}"


def summary_is_current(folder: Path) -> bool:
    """Whether the picture of a run is as new as its tables and snapshots."""
    try:
        shown = [folder / "metrics.csv", *list_snapshots(folder)]
        newest = max(path.stat().st_mtime_ns for path in shown)
        return (folder / SUMMARY).stat().st_mtime_ns >= newest
    except FileNotFoundError:
        return False


def write_summary(folder: Path, name: str | None = None) -> Path:
    """Draw `summary.png`: curves, a slice and the bone in 3-D, at the start and at the end.

    Args:
        folder: folder of a run with metrics.csv and at least one snapshot.
        name: name of the run; that of the folder by default.

    Returns:
        The path of the picture.

    Raises:
        InputError: there is no row or no snapshot yet, or the snapshots have different grids.
    """
    import matplotlib as mpl

    folder = Path(folder)
    metrics = _metrics(folder)
    moments = _moments(folder)
    name = name or folder.resolve().name
    course = Course(name, metrics, regimens_of(folder), branch_day(folder))
    made = BytesIO()
    with mpl.rc_context({**PLAIN, "axes.formatter.useoffset": False}):
        figure = _drawn(course, moments)
        figure.savefig(made, format="png", pil_kwargs={"optimize": True})
    with made.getbuffer() as content:
        write_atomically(folder / SUMMARY, content)
    return folder / SUMMARY


def _drawn(course: Course, moments: Sequence[_Moment]) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _draw_heading(figure, course)
    _draw_bones(figure, moments)
    _draw_curves(figure, course)
    return figure


def _metrics(folder: Path) -> Metrics:
    metrics = read_table(folder / "metrics.csv")
    needed = (
        "time_day",
        "bv_tv",
        "bv_tv_change_percent",
        "resorption_um_per_day",
        "formation_um_per_day",
    )
    missing = [name for name in needed if name not in metrics]
    if missing:
        raise InputError(f"{folder / 'metrics.csv'} lacks {', '.join(missing)}; run it again")
    if not metrics["time_day"].size:
        raise InputError(f"{folder / 'metrics.csv'} has no rows yet; wait for the first")
    return metrics


def _moments(folder: Path) -> list[_Moment]:
    paths = snapshots_since_start(folder)
    if not paths:
        raise InputError(f"{folder} has no snapshots (snap_*.hdf); give the folder of a run")
    first = read_snapshot(paths[0])
    before = first.field("bone_volume_fraction")
    moments = [_Moment(first, before, np.zeros_like(before))]
    if len(paths) > 1:
        last = read_snapshot(paths[-1])
        if last.grid != first.grid:
            raise InputError(f"{folder} mixes snapshots of different grids; separate the runs")
        after = last.field("bone_volume_fraction")
        moments.append(_Moment(last, after, after - before))
    return moments


def _draw_heading(figure: "Figure", course: Course) -> None:
    name = drawn(course.name, _NAME)
    first, *since = changes_in_words("bv_tv", course.metrics, course.branched)
    size = min(20.0, 760 / len(name))  # a long name is drawn smaller
    figure.text(0.025, 0.955, name, fontsize=size, weight="bold", color=INK, va="center")
    right: dict[str, Any] = {"color": INK, "va": "center", "ha": "right"}
    figure.text(0.975, 0.962, f"BV/TV {first}", fontsize=15, **right)
    for text in since:
        figure.text(0.975, 0.928, text, fontsize=12, **right)


def _draw_bones(figure: "Figure", moments: Sequence[_Moment]) -> None:
    left, width = 0.015, 0.64
    share = width / len(moments)
    bones = [moment.bone for moment in moments]
    pictures = (
        pictures_of_loss(*bones, width=_WIDTH)
        if len(bones) == 2
        else [picture_of_bone(*bones, width=_WIDTH)]
    )
    for column, moment in enumerate(moments):
        x = left + column * share
        figure.text(
            x + 0.5 * share, 0.90, moment.title, fontsize=14, color=INK, ha="center", va="center"
        )
        if moment.change.min() < -_VISIBLE:
            figure.text(x + 0.02, 0.90, "lost bone", color=LOST, weight="bold", va="center")
        axes = figure.add_axes((x, 0.345, share, 0.535))
        grid = moment.snapshot.grid
        draw_surface(axes, pictures[column], grid.shape, grid.spacing)
        _draw_slice(figure.add_axes((x + 0.01, 0.035, share - 0.02, 0.28)), moment)


def _draw_slice(axes: "Axes", moment: _Moment) -> None:
    grid = moment.snapshot.grid
    nz, ny, nx = grid.shape
    width, height = nx * grid.spacing, ny * grid.spacing
    change = moment.change[nz // 2]
    axes.imshow(
        colored(moment.bone[nz // 2], change),
        extent=(0, width, height, 0),
        interpolation="bilinear",
    )
    frame(axes)
    z = grid.origin[0] + grid.spacing * (nz // 2)
    axes.set_ylabel(f"slice at z = {z:.0f} \N{MICRO SIGN}m", color=FAINT, fontsize=10)
    draw_scale(axes, width, height)
    if change.min() < -_VISIBLE:
        label(axes, "lost bone", LOST)
    if change.max() > _VISIBLE:
        label(axes, "formed bone", FORMED, top=0.85)


def _draw_curves(figure: "Figure", course: Course) -> None:
    metrics, branched = course.metrics, course.branched
    unit = time_unit(float(metrics["time_day"][-1] - metrics["time_day"][0]))
    time = metrics["time_day"] / unit.days
    marker = "o" if time.size == 1 else None
    change = figure.add_axes((0.725, 0.515, 0.25, 0.35))
    rates = figure.add_axes((0.725, 0.09, 0.25, 0.35), sharex=change)
    values, flat = flattened(metrics["bv_tv_change_percent"], percent=True)
    change.plot(time, values, color=INK, lw=2.2, marker=marker)
    change.set_ylim(*limits([values, np.zeros(1)]))
    change.axhline(0, color=FAINT, lw=0.8, zorder=0)
    change.set_ylabel(f"BV/TV since {unit.moment(metrics['time_day'][0])} [%]")
    change.tick_params(labelbottom=False)
    if flat and metrics["bv_tv_change_percent"].any():
        _note_flat(change)
    flat = True
    for name, color in (("resorption", LOST), ("formation", FORMED)):
        values, level = flattened(metrics[f"{name}_um_per_day"])
        flat &= level and bool(values.any())
        rates.plot(time, values, color=color, lw=2.2, marker=marker, label=name)
    rates.set_ylim(bottom=min(0.0, rates.get_ylim()[0]))
    rates.set(xlabel=f"time [{unit.name}]", ylabel="rate at bone surface [\N{MICRO SIGN}m/day]")
    rates.legend(frameon=False, fontsize=11, loc="best")
    if flat:
        _note_flat(rates)
    for axes in (change, rates):
        tidy(axes)
        shade(axes, course, unit, TREATED, None)
    if branched is not None and metrics["time_day"][0] < branched < metrics["time_day"][-1]:
        change.text(
            branched / unit.days, 1.01, "branch", transform=change.get_xaxis_transform(),
            ha="center", va="bottom", fontsize=10, color=INK,
        )  # fmt: skip
    figure.align_ylabels([change, rates])


def _note_flat(axes: "Axes") -> None:
    """Say at the bottom of a panel why its curves are flat."""
    text = "\n".join(textwrap.wrap(FLAT_NOTE, 44))
    axes.text(
        0.97, 0.05, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=9, color=INK
    )
