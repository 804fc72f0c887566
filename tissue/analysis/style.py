"""Style of figures: widths of pages and of columns of journals, files, and notes."""

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tissue.analysis.panels import PLAIN
from tissue.storage.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("pdf", "svg", "png")
DPI = 200

INCH = 25.4
"""Length of an inch [mm]."""


class Style(NamedTuple):
    """Width of figures [mm], and size of their text [point]."""

    width: float
    text: float


STYLES: Mapping[str, Style] = {
    "page": Style(183.0, 8.0),
    "single": Style(88.0, 6.5),
    "double": Style(178.0, 7.5),
}
"""Styles by name: a page, and the columns of a journal, 85 to 90 and 170 to 180 mm wide
(assumption: most journals ask for a width between these)."""

NARROW = 120.0
"""Width below which panels stand in two columns [mm]."""


@contextmanager
def styled(name: str = "page") -> Iterator[None]:
    """Set the style of all figures; restore that of matplotlib afterwards.

    Args:
        name: one of STYLES.
    """
    import matplotlib as mpl

    style = STYLES[name]
    settings: Mapping[str, Any] = {
        **PLAIN,
        "figure.figsize": (style.width / INCH, style.width / INCH),
        "font.size": style.text,
        "axes.titlesize": style.text + 0.5,
        "axes.labelsize": style.text,
        "xtick.labelsize": style.text,
        "ytick.labelsize": style.text,
        "legend.fontsize": style.text,
        "legend.frameon": False,
        "lines.linewidth": 1.4 if style.width > NARROW else 1.1,
        "axes.formatter.useoffset": False,
        "axes.formatter.limits": (-6, 7),
        "pdf.fonttype": 42,  # editable text
        "svg.fonttype": "path",
        "svg.hashsalt": "tissue",  # makes ids in files reproducible
    }
    with mpl.rc_context(dict(settings)):
        yield


def width() -> float:
    """Width of figures in the style that is set [inch]."""
    import matplotlib as mpl

    return float(mpl.rcParams["figure.figsize"][0])


def text_size() -> float:
    """Size of text in the style that is set [point]."""
    import matplotlib as mpl

    return float(mpl.rcParams["font.size"])


def narrow() -> bool:
    """Whether the style that is set has the width of one column."""
    return width() * INCH < NARROW


def new_figure(width: float, height: float) -> "Figure":
    """Empty figure of a width and height [inch]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def add_note(figure: "Figure", text: str) -> None:
    """Write sentences below the panels of a figure, which becomes as much higher."""
    if not text:
        return
    wide, high = figure.get_size_inches()
    size = text_size()
    lines = textwrap.wrap(text, int(wide * 72 / (0.56 * size)))
    figure.set_size_inches(wide, high + (len(lines) + 0.6) * 1.25 * size / 72)
    figure.supxlabel("\n".join(lines), fontsize=size, color="#5C5C5C", x=0.01, ha="left")


def save(figure: "Figure", path: Path) -> None:
    """Write a figure without dates, so that its bytes are reproducible."""
    dates = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
    made = BytesIO()
    metadata = dates.get(path.suffix, {})
    figure.savefig(made, format=path.suffix[1:], dpi=DPI, metadata=metadata)
    with made.getbuffer() as content:
        write_atomically(path, content)
