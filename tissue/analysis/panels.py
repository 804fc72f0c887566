"""Parts of figures and the style that they share."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tissue.analysis.rays import box_edges, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float32]

# distinguishable with every kind of color vision; lost bone is orange in every panel
LOST, FORMED = "#D55E00", "#0072B2"
INK, FAINT = "#222222", "#8A8A8A"
PLAIN: Mapping[str, Any] = {
    "text.parse_math": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
}
"""Settings of matplotlib that turn off mathematics and LaTeX in texts: two $ in the name of a run
would be mathematics, and % would end a label."""

RUNS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colors of compared runs, in their order."""

DASHES = ("-", "--", ":")
"""Kinds of line of compared runs: each for as many runs as there are colors."""


def drawn(name: str, most: int) -> str:
    """Name as text of a figure: on one line, in characters that a font may have.

    Args:
        name: name of a run or a folder.
        most: most characters [1]; of a longer name both ends are shown.
    """
    # the bytes of a file name need not be text
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    line = "".join(each if each.isprintable() else " " for each in text)
    if len(line) <= most:
        return line
    kept = most // 2 - 1
    return f"{line[:kept]} \N{HORIZONTAL ELLIPSIS} {line[-kept:]}"


def draw_surface(
    axes: "Axes", picture: Array, shape: tuple[int, ...], spacing: float | None = None
) -> None:
    """Draw a rendered bone in its box, with a scale bar.

    Args:
        axes: to draw on.
        picture: as from `render`.
        shape: number of voxels [z, y, x].
        spacing: edge of a voxel [um]; no scale bar without it.
    """
    rows, columns, _ = picture.shape
    front, behind = box_edges(shape)
    for edges, order in ((behind, 0), (front, 2)):
        for edge in edges:
            axes.plot(*(edge * (columns, rows)).T, color=FAINT, lw=0.7, alpha=0.75, zorder=order)
    axes.imshow(picture, extent=(0, columns, rows, 0), zorder=1, interpolation="antialiased")
    margin = 0.01 * columns
    axes.set(xlim=(-margin, columns + margin), ylim=(rows + margin, -margin))
    axes.set_axis_off()
    if spacing:
        pixel = spacing * width_of(shape) / columns
        draw_scale(axes, columns, rows, pixel)


def draw_scale(axes: "Axes", width: float, height: float, unit: float = 1.0) -> None:
    """Draw a scale bar of a round length.

    Args:
        axes: to draw on.
        width: of the axes, in their own unit.
        height: of the axes, in their own unit.
        unit: of the axes [um].
    """
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    length = round_length(0.3 * width * unit)
    bar = AnchoredSizeBar(
        axes.transData,
        length / unit,
        f"{length:g} \N{MICRO SIGN}m",
        loc="lower right",
        size_vertical=0.012 * height,
        pad=0.4,
        sep=3,
        borderpad=0.5,
        color=INK,
        fill_bar=True,
    )
    bar.patch.set(alpha=0.85, edgecolor="none")
    axes.add_artist(bar)


def frame(axes: "Axes") -> None:
    """Draw a thin frame without ticks around a picture."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=FAINT, linewidth=0.7)


def label(axes: "Axes", text: str, color: str, top: float = 0.96) -> None:
    """Write a word in the corner of a picture."""
    boxed = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 3}
    drawn = axes.text(0.04, top, text, color=color, weight="bold", va="top", bbox=boxed)
    drawn.set_transform(axes.transAxes)


def colored(bone: Array, change: Array) -> NDArray[np.float64]:
    """Colors of a slice, mixed by volume: marrow pale, bone gray, lost orange, formed blue."""
    from matplotlib.colors import to_rgb

    marrow, old, lost, formed = (
        np.array(to_rgb(name)) for name in ("#F4F1EC", "#6B6B6B", LOST, FORMED)
    )
    gain = np.clip(change, 0, 1)[..., None]
    loss = np.clip(-change, 0, 1)[..., None]
    kept = np.clip(bone, 0, 1)[..., None] - gain
    picture = marrow + kept * (old - marrow) + gain * (formed - marrow) + loss * (lost - marrow)
    clipped: NDArray[np.float64] = np.clip(picture, 0, 1)
    return clipped


def round_length(limit: float) -> float:
    """Largest of 1, 2 and 5 times a power of ten that does not exceed a limit."""
    power = 10.0 ** np.floor(np.log10(limit))
    return float(max(factor * power for factor in (1, 2, 5) if factor * power <= limit * 1.0001))


def tidy(axes: "Axes", size: float = 11) -> None:
    """Style the axes of curves: a faint grid, two spines, readable labels."""
    axes.margins(x=0.02)
    axes.grid(color="#E6E6E6", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=size, color=FAINT)
    axes.xaxis.label.set(size=size + 1, color=INK)
    axes.yaxis.label.set(size=size + 1, color=INK)
