"""Summary picture of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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
    made = BytesIO()
    with mpl.rc_context(dict(PLAIN)):
        figure = _drawn(name or folder.resolve().name, metrics, moments)
        figure.savefig(made, format="png", pil_kwargs={"optimize": True})
    write_atomically(folder / SUMMARY, made.getbuffer())
    return folder / SUMMARY


def _drawn(name: str, metrics: Metrics, moments: Sequence[_Moment]) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _draw_heading(figure, drawn(name, _NAME), metrics)
    _draw_bones(figure, moments)
    _draw_curves(figure, metrics)
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
    paths = list_snapshots(folder)
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


def _draw_heading(figure: "Figure", name: str, metrics: Metrics) -> None:
    start, end = metrics["bv_tv"][[0, -1]]
    days = metrics["time_day"][-1] - metrics["time_day"][0]
    change = metrics["bv_tv_change_percent"][-1]
    size = min(20.0, 760 / len(name))  # a long name is drawn smaller
    figure.text(0.025, 0.955, name, fontsize=size, weight="bold", color=INK, va="center")
    text = f"BV/TV {start:.3f} \N{RIGHTWARDS ARROW} {end:.3f}"
    if np.isfinite(change):
        text += f"   ({change:+.1f} %)".replace("-", "\N{MINUS SIGN}")
    text += f"   in {days:g} days"
    figure.text(0.975, 0.955, text, fontsize=17, color=INK, va="center", ha="right")


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
        draw_surface(axes, pictures[column], moment.bone.shape)
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


def _draw_curves(figure: "Figure", metrics: Metrics) -> None:
    time = metrics["time_day"]
    marker = "o" if time.size == 1 else None
    change = figure.add_axes((0.725, 0.515, 0.25, 0.35))
    rates = figure.add_axes((0.725, 0.09, 0.25, 0.35), sharex=change)
    change.plot(time, metrics["bv_tv_change_percent"], color=INK, lw=2.2, marker=marker)
    change.axhline(0, color=FAINT, lw=0.8, zorder=0)
    change.set_ylabel("change in BV/TV [%]")
    change.tick_params(labelbottom=False)
    for name, color in (("resorption", LOST), ("formation", FORMED)):
        values = metrics[f"{name}_um_per_day"]
        rates.plot(time, values, color=color, lw=2.2, marker=marker, label=name)
    rates.set_ylim(bottom=min(0.0, rates.get_ylim()[0]))
    rates.set(xlabel="time [day]", ylabel="rate at bone surface [\N{MICRO SIGN}m/day]")
    rates.legend(frameon=False, fontsize=11, loc="best")
    for axes in (change, rates):
        tidy(axes)
    figure.align_ylabels([change, rates])
