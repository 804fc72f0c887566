"""The one picture that tells how a run went."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tissue.analysis.render import box_edges, picture_of_bone, pictures_of_loss
from tissue.errors import InputError
from tissue.storage.snapshot import Snapshot, list_snapshots, read_snapshot
from tissue.storage.tables import read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float32]
Metrics = dict[str, NDArray[np.float64]]

# Told apart by every kind of colour vision; what is lost is orange in every panel.
_LOST = "#D55E00"
_FORMED = "#0072B2"
_INK = "#222222"
_FAINT = "#8A8A8A"
_SIZE = (14.0, 8.0)  # [inch]
_DPI = 140
_WIDTH = 560  # of a rendering [pixel]
_VISIBLE = 0.2  # change of the bone volume fraction that is seen


@dataclass(frozen=True)
class _Moment:
    """The bone at one time, and how it has changed until then."""

    snapshot: Snapshot
    bone: Array
    change: Array

    @property
    def title(self) -> str:
        return f"day {self.snapshot.time:g}"


def write_summary(folder: Path, name: str | None = None) -> Path:
    """Draws `summary.png`: curves, a slice and the bone in 3-D, at the start and at the end.

    Args:
        folder: a run folder with metrics.csv and at least one snapshot.
        name: of the run, by default that of the folder.

    Returns:
        The path of the picture.

    Raises:
        InputError: there is no row or no snapshot yet, or the snapshots do not fit together.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder = Path(folder)
    metrics = _metrics(folder)
    moments = _moments(folder)
    figure = Figure(figsize=_SIZE, dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _draw_heading(figure, name or folder.resolve().name, metrics)
    _draw_bones(figure, moments)
    _draw_curves(figure, metrics)
    path = folder / "summary.png"
    temporary = path.with_name("summary.png.tmp")
    figure.savefig(temporary, format="png", pil_kwargs={"optimize": True})
    temporary.replace(path)
    return path


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
        raise InputError(f"{folder / 'metrics.csv'} lacks {', '.join(missing)}; run it again.")
    if not metrics["time_day"].size:
        raise InputError(f"{folder / 'metrics.csv'} has no rows yet; wait for the first.")
    return metrics


def _moments(folder: Path) -> list[_Moment]:
    paths = list_snapshots(folder)
    if not paths:
        raise InputError(f"{folder} has no snapshots (snap_*.hdf); give the folder of a run.")
    first = read_snapshot(paths[0])
    before = first.field("bone_volume_fraction")
    moments = [_Moment(first, before, np.zeros_like(before))]
    if len(paths) > 1:
        last = read_snapshot(paths[-1])
        if last.grid != first.grid:
            raise InputError(f"{folder} mixes snapshots of different grids; separate the runs.")
        after = last.field("bone_volume_fraction")
        moments.append(_Moment(last, after, after - before))
    return moments


def _draw_heading(figure: "Figure", name: str, metrics: Metrics) -> None:
    start, end = metrics["bv_tv"][[0, -1]]
    days = metrics["time_day"][-1] - metrics["time_day"][0]
    change = metrics["bv_tv_change_percent"][-1]
    size = min(20.0, 760 / len(name))  # a long name gets smaller, not cut off
    figure.text(0.025, 0.955, name, fontsize=size, weight="bold", color=_INK, va="center")
    said = f"BV/TV {start:.3f} \N{RIGHTWARDS ARROW} {end:.3f}"
    if np.isfinite(change):
        said += f"   ({change:+.1f} %)".replace("-", "\N{MINUS SIGN}")
    said += f"   in {days:g} days"
    figure.text(0.975, 0.955, said, fontsize=17, color=_INK, va="center", ha="right")


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
            x + 0.5 * share, 0.90, moment.title, fontsize=14, color=_INK, ha="center", va="center"
        )
        if moment.change.min() < -_VISIBLE:
            figure.text(x + 0.02, 0.90, "lost bone", color=_LOST, weight="bold", va="center")
        axes = figure.add_axes((x, 0.345, share, 0.535))
        _draw_surface(axes, pictures[column], moment.bone.shape)
        _draw_slice(figure.add_axes((x + 0.01, 0.035, share - 0.02, 0.28)), moment)


def _draw_surface(axes: "Axes", picture: Array, shape: tuple[int, ...]) -> None:
    rows, columns, _ = picture.shape
    front, behind = box_edges(shape)
    for edges, order in ((behind, 0), (front, 2)):
        for edge in edges:
            axes.plot(*(edge * (columns, rows)).T, color=_FAINT, lw=0.7, alpha=0.75, zorder=order)
    axes.imshow(picture, extent=(0, columns, rows, 0), zorder=1, interpolation="antialiased")
    margin = 0.01 * columns
    axes.set(xlim=(-margin, columns + margin), ylim=(rows + margin, -margin))
    axes.set_axis_off()


def _draw_slice(axes: "Axes", moment: _Moment) -> None:
    grid = moment.snapshot.grid
    nz, ny, nx = grid.shape
    width, height = nx * grid.spacing, ny * grid.spacing
    change = moment.change[nz // 2]
    axes.imshow(
        _coloured(moment.bone[nz // 2], change),
        extent=(0, width, height, 0),
        interpolation="bilinear",
    )
    axes.set(xticks=[], yticks=[])
    z = grid.origin[0] + grid.spacing * (nz // 2)
    axes.set_ylabel(f"slice at z = {z:.0f} \N{MICRO SIGN}m", color=_FAINT, fontsize=10)
    for spine in axes.spines.values():
        spine.set(color=_FAINT, linewidth=0.7)
    _draw_scale(axes, _round_length(0.3 * width), 0.012 * height)
    if change.min() < -_VISIBLE:
        _draw_label(axes, "lost bone", _LOST)
    if change.max() > _VISIBLE:
        _draw_label(axes, "formed bone", _FORMED, top=0.85)


def _draw_scale(axes: "Axes", length: float, thickness: float) -> None:
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    bar = AnchoredSizeBar(
        axes.transData,
        length,
        f"{length:g} \N{MICRO SIGN}m",
        loc="lower right",
        size_vertical=thickness,
        pad=0.4,
        sep=3,
        borderpad=0.5,
        color=_INK,
        fill_bar=True,
    )
    bar.patch.set(alpha=0.85, edgecolor="none")
    axes.add_artist(bar)


def _draw_label(axes: "Axes", text: str, colour: str, top: float = 0.96) -> None:
    boxed = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 3}
    label = axes.text(0.04, top, text, color=colour, weight="bold", va="top", bbox=boxed)
    label.set_transform(axes.transAxes)


def _coloured(bone: Array, change: Array) -> NDArray[np.float64]:
    """Marrow pale, bone grey, lost orange, formed blue; mixed in a voxel as their volumes are."""
    from matplotlib.colors import to_rgb

    marrow, old, lost, formed = (
        np.array(to_rgb(name)) for name in ("#F4F1EC", "#6B6B6B", _LOST, _FORMED)
    )
    gain = np.clip(change, 0, 1)[..., None]
    loss = np.clip(-change, 0, 1)[..., None]
    kept = np.clip(bone, 0, 1)[..., None] - gain
    picture = marrow + kept * (old - marrow) + gain * (formed - marrow) + loss * (lost - marrow)
    clipped: NDArray[np.float64] = np.clip(picture, 0, 1)
    return clipped


def _round_length(limit: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that does not exceed the limit."""
    power = 10.0 ** np.floor(np.log10(limit))
    return float(max(factor * power for factor in (1, 2, 5) if factor * power <= limit * 1.0001))


def _draw_curves(figure: "Figure", metrics: Metrics) -> None:
    time = metrics["time_day"]
    marker = "o" if time.size == 1 else None
    change = figure.add_axes((0.725, 0.515, 0.25, 0.35))
    rates = figure.add_axes((0.725, 0.09, 0.25, 0.35), sharex=change)
    change.plot(time, metrics["bv_tv_change_percent"], color=_INK, lw=2.2, marker=marker)
    change.axhline(0, color=_FAINT, lw=0.8, zorder=0)
    change.set_ylabel("change in BV/TV [%]")
    change.tick_params(labelbottom=False)
    for name, colour in (("resorption", _LOST), ("formation", _FORMED)):
        values = metrics[f"{name}_um_per_day"]
        rates.plot(time, values, color=colour, lw=2.2, marker=marker, label=name)
    rates.set_ylim(bottom=min(0.0, rates.get_ylim()[0]))
    rates.set(xlabel="time [day]", ylabel="rate at bone surface [\N{MICRO SIGN}m/day]")
    rates.legend(frameon=False, fontsize=11, loc="best")
    for axes in (change, rates):
        _tidy(axes)
    figure.align_ylabels([change, rates])


def _tidy(axes: "Axes") -> None:
    axes.margins(x=0.02)
    axes.grid(color="#E6E6E6", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.tick_params(colors=_INK, labelsize=11, color=_FAINT)
    axes.xaxis.label.set(size=12, color=_INK)
    axes.yaxis.label.set(size=12, color=_INK)
