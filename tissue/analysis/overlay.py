"""Picture of a segmentation on its scan, for a check before a run."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tissue.analysis.panels import FAINT, INK, LOST, PLAIN, drawn
from tissue.geometry.planes import as_gray
from tissue.geometry.segment import Segmentation
from tissue.storage.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE, TEXT, DPI = (10.0, 10.4), 9.0, 130
"""Figure [inch], text [points] and resolution [pixel/inch]."""

MOST = 1200
"""Most pixels along an edge of a plane; of a larger one every second, third... voxel is drawn."""

DROPPED, CLOSED, OUTSIDE = "#CC79A7", "#0072B2", "#56B4E9"
RANGE = (0.2, 99.8)
"""Percentiles of the gray values drawn black and white [%]."""

SAMPLE = 2_000_000
"""Most voxels in the histogram [1]."""

NAME = 60
"""Most characters of a name in the heading [1]."""


def write_segmentation(found: Segmentation, cleaned: np.ndarray, path: Path) -> None:
    """Write the picture of a segmentation as PNG, completely or not at all.

    Args:
        found: scan, threshold and segmented bone.
        cleaned: bone that a simulation keeps, on the voxels of `found.bone`.
        path: file to write.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib import rc_context

    with rc_context({**PLAIN, "font.size": TEXT}):
        drawing = segmentation_figure(found, cleaned)
        made = BytesIO()
        drawing.savefig(made, format="png", dpi=DPI, metadata={"Software": None})
    with made.getbuffer() as content:
        write_atomically(path, content)


def segmentation_figure(found: Segmentation, cleaned: np.ndarray) -> "Figure":
    """Three planes through the middle of the scan with the outline of bone, and the histogram."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    figure = Figure(figsize=SIZE, layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    counted = found.gray if found.scanned is None else found.gray[found.scanned]
    counted = as_gray(counted.ravel()[:: max(1, counted.size // SAMPLE)])
    low, high = np.percentile(counted, RANGE)
    low, high = min(low, found.threshold), max(high, found.threshold)
    for axis, panel in enumerate(panels[:3]):
        _draw_plane(panel, found, cleaned, axis, (float(low), float(high)))
    _draw_histogram(panels[3], counted, found, (float(low), float(high)))
    marks = [
        Line2D([], [], color=LOST, label="outline of bone"),
        Patch(color=DROPPED, label="dropped: loose from the rest"),
        Patch(color=CLOSED, label="filled: closed pocket of marrow"),
    ]
    if found.scanned is not None:
        marks.append(Patch(color=OUTSIDE, alpha=0.35, label="excluded: region, or padding"))
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False)
    unit = f" {found.image.unit}" if found.image.unit else ""
    figure.suptitle(
        f"{drawn(found.image.file.name, NAME)}\n"
        f"bone above {found.threshold:g}{unit}: BV/TV {found.bone_share:.3f},"
        f" {cleaned.mean():.3f} of the box after cleaning"
    )
    return figure


def _draw_plane(
    panel: "Axes", found: Segmentation, cleaned: np.ndarray, axis: int, limits: tuple[float, float]
) -> None:
    rows, columns = ("yx", "zx", "zy")[axis]
    extents = [n * edge / 1e3 for n, edge in zip(found.gray.shape, found.voxel_size, strict=True)]
    start = [a.start * edge / 1e3 for a, edge in zip(found.box, found.voxel_size, strict=True)]
    down, along = ("zyx".index(name) for name in (rows, columns))
    # z points up, as in a standing bone; y points down, as scanners show a slice
    box = (start[along], start[along] + extents[along], start[down], start[down] + extents[down])
    # the segmented volume may be finer than the file, and fill a little less of the box
    fine = found.sampling.fine / 1e3 if found.sampling.interpolate else None
    inner = tuple(n * (fine or found.voxel_size[i] / 1e3) for i, n in enumerate(found.bone.shape))
    part = (start[along], start[along] + inner[along], start[down], start[down] + inner[down])
    low, high = limits
    middle = found.gray.shape[axis] // 2
    gray = as_gray(_plane(found.gray, axis, middle))
    panel.imshow(gray, cmap="gray", vmin=low, vmax=high, extent=box, origin="lower")
    # the plane of the finer volume through the center of that of the scan
    size = found.voxel_size[axis] / found.sampling.fine if found.sampling.interpolate else 1.0
    same = min(int((middle + 0.5) * size), found.bone.shape[axis] - 1)
    bone, kept = _plane(found.bone, axis, same), _plane(cleaned, axis, same)
    _fill(panel, bone & ~kept, DROPPED, part)
    _fill(panel, kept & ~bone, CLOSED, part)
    if found.scanned is not None:
        _fill(panel, ~_plane(found.scanned, axis, middle), OUTSIDE, box, 0.35)
    if bone.any() and not bone.all():
        shown = bone.astype(float)
        panel.contour(shown, [0.5], colors=LOST, linewidths=0.9, extent=part, origin="lower")
    panel.set(xlabel=f"{columns} [mm]", ylabel=f"{rows} [mm]", aspect="equal")
    panel.set(xlim=box[:2], ylim=box[2:] if rows == "z" else box[3:1:-1])
    number = found.box[axis].start + middle
    panel.set_title(f"plane {'zyx'[axis]} = {number} of the scan", fontsize=TEXT)


def _plane(volume: np.ndarray, axis: int, number: int) -> np.ndarray:
    """Plane across an axis, subsampled where it is large."""
    plane = np.take(volume, number, axis)
    return np.asarray(plane[tuple(slice(None, None, -(-size // MOST)) for size in plane.shape)])


def _fill(
    panel: "Axes", marked: np.ndarray, color: str, extent: tuple[float, ...], alpha: float = 0.8
) -> None:
    from matplotlib.colors import to_rgba

    if marked.any():
        picture = np.zeros((*marked.shape, 4))
        picture[marked] = to_rgba(color, alpha)
        panel.imshow(picture, extent=extent, origin="lower", interpolation="nearest")  # type: ignore[arg-type]


def _draw_histogram(
    panel: "Axes", values: np.ndarray, found: Segmentation, limits: tuple[float, float]
) -> None:
    from matplotlib.ticker import NullFormatter

    low, high = limits
    margin = 0.05 * (high - low) or 1.0
    counts, edges = np.histogram(values, bins=160, range=(low - margin, high + margin))
    shares = 100 * counts / values.size
    panel.stairs(shares, edges, fill=True, color=FAINT)
    panel.axvline(found.threshold, color=LOST)
    unit = found.image.unit or "unit of the scan"
    panel.set(xlabel=f"gray value [{drawn(unit, NAME)}]", ylabel="share of the scanned voxels [%]")
    panel.set(yscale="log", xlim=(edges[0], edges[-1]))
    # plain numbers, as powers of ten on a log axis would be set as mathematics
    panel.yaxis.set_major_formatter(lambda share, _: f"{share:g}")
    panel.yaxis.set_minor_formatter(NullFormatter())
    bone = np.mean(values > found.threshold)
    panel.set_title(f"marrow {1 - bone:.1%}", loc="left", color=INK, fontsize=TEXT)
    panel.set_title(f"bone {bone:.1%}", loc="right", color=INK, fontsize=TEXT)
    panel.set_title(f"threshold {found.threshold:g}", color=LOST, fontsize=TEXT)
