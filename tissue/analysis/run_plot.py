"""Figure of a run for a notebook: the bone before and after, and the main curves."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tissue.analysis.common_start import since_start
from tissue.analysis.panels import FORMED, LOST, colored, draw_scale, frame, label, tidy
from tissue.analysis.style import styled
from tissue.storage.results import Fields, Results, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BONE = "bone_volume_fraction"
WIDTH, HEIGHT = 10.0, 2.9
"""Size of the figure [inch]."""

TEXT = 8.0  # points


def run_plot(run: Results) -> "Figure":
    """Draw the bone at the start and at the end, bone loss, and cells over time.

    Args:
        run: on disk or in memory, finished or not.

    Returns:
        A figure, which a notebook shows where it is the last value of a cell.

    Raises:
        InputError: a snapshot is damaged.
    """
    if isinstance(run, Run):
        run = since_start(run)  # the pictures of a branch begin where its curves do
    with styled():
        figure = _new_figure()
        pictures = bool(run.opened)
        axes = figure.subplots(
            1, 2 + 2 * pictures, width_ratios=[*((1, 1) if pictures else ()), 1.25, 1.25]
        )
        if pictures:
            first, last = run.opened[0], run.opened[-1]
            _draw_bone(axes[0], first, first)
            _draw_bone(axes[1], first, last)
            _add_legend(axes[1], first.time)
        days = run.metrics["time_day"]
        start = f"day {days[0]:g}"
        axes[-2].plot(days, run.metrics["bv_tv_change_percent"], color=LOST)
        axes[-2].set_ylabel(f"change in BV/TV since {start} [%]")
        axes[-2].axhline(0.0, color="#BBBBBB", lw=0.8)
        scaled = axes[-1]
        for column, name, color in (
            ("osteoclasts_per_mm2", "osteoclasts", LOST),
            ("osteoblasts_per_mm2", "osteoblasts", FORMED),
        ):
            scaled.plot(days, 100 * _relative(run.metrics[column]), color=color, label=name)
        scaled.set_ylabel(f"cells per surface [% of {start}]")
        scaled.legend(loc="best")
        for each in axes[-2:]:
            each.set_xlabel("time [day]")
            tidy(each, TEXT)
    return figure


def _relative(values: np.ndarray) -> np.ndarray:
    """Values over the first; NaN where that is zero."""
    return values / values[0] if values[0] else np.full(len(values), np.nan)


def _draw_bone(axes: "Axes", first: Fields, now: Fields) -> None:
    """Slice across the middle of z: bone gray, lost bone orange, formed bone blue."""
    start, bone = (each.field(BONE)[each.grid.shape[0] // 2] for each in (first, now))
    height, width = (count * now.grid.spacing for count in bone.shape)
    picture = colored(bone, bone - start)
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
    frame(axes)
    draw_scale(axes, width, height)
    label(axes, f"day {now.time:g}", "#222222")


def _add_legend(axes: "Axes", start: float) -> None:
    """Meaning of the colors, with the day [day] from which changes count."""
    from matplotlib.patches import Patch

    axes.legend(
        handles=[Patch(color=LOST, label="lost"), Patch(color=FORMED, label="formed")],
        title=f"since day {start:g}",
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=2,
    )


def _new_figure() -> "Figure":
    """Empty figure that a notebook shows without pyplot."""
    from io import BytesIO

    from matplotlib.figure import Figure

    class Shown(Figure):
        def _repr_png_(self) -> bytes:
            file = BytesIO()
            self.savefig(file, format="png", dpi=110)
            return file.getvalue()

        def __repr__(self) -> str:
            return "<Figure of a run: save it with savefig(PATH)>"

    figure: Any = Shown(figsize=(WIDTH, HEIGHT), layout="constrained")
    drawn: Figure = figure
    return drawn
