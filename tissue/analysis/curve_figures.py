"""Figure of metrics over time, of one run or of several on common axes."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tissue.analysis.common_start import branch_day
from tissue.analysis.courses import (
    FLAT_NOTE,
    PANELS,
    Course,
    Panel,
    TimeUnit,
    Values,
    coincidence,
    first_shown,
    flattened,
    has_panel,
    limits,
    marks_in_words,
    points,
    refuse_many,
    shown_panels,
    time_unit,
    unlike_lengths,
    unseen_drugs,
    with_one_line,
)
from tissue.analysis.labels import unique_labels
from tissue.analysis.panels import DASHES, FAINT, FORMED, INK, LOST, RUNS, drawn, tidy
from tissue.analysis.style import add_note, narrow, new_figure, text_size, width
from tissue.analysis.treatment import regimens_of
from tissue.errors import InputError
from tissue.storage.results import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEGEND, KEY, NAME, ROW = 14, 8, 50, 0.16
"""Legend above the curves: characters in an inch, characters that the key of a run takes, most
characters of a name, and height of a line [inch]."""

TITLE = 30
"""Characters in a line of the title of a panel, so that it is not wider than the panel [1]."""

LANE = 0.035
"""Height of the strip that shows a treatment where several runs have one, over the panel [1]."""

SHOWN_AS = {False: "Shaded", True: "Strips at the bottom"}
"""Words for how treatments are shown, by whether several runs have one."""

TREATED = "#B4558A"
"""Color of the time of a treatment of a single run; several have their own colors."""


def course_of(run: Run, name: str) -> Course:
    """A run as time courses show it."""
    return Course(name, run.metrics, regimens_of(run.folder), branch_day(run.folder))


def curves(runs: Sequence[Run]) -> "Figure":
    """Metrics over time; several runs share the axes, with a legend.

    Raises:
        InputError: there are too many runs, or none has a value to show.
    """
    from matplotlib.ticker import MaxNLocator

    refuse_many(len(runs))
    names = [drawn(name, NAME) for name in unique_labels([run.folder for run in runs])]
    courses = [course_of(run, name) for run, name in zip(runs, names, strict=True)]
    room = int(LEGEND * width())
    beside = max(1, min(len(runs), 4, room // (max(map(len, names)) + KEY)))
    shown = shown_panels(courses)
    if not shown:
        columns_shown = ", ".join(line.column for panel in PANELS for line in panel.lines)
        raise InputError(
            f"{' and '.join(str(run.folder / 'metrics.csv') for run in runs)} has no values that "
            f"curves show ({columns_shown.replace('/', ', ')}); use the file as the run wrote it"
        )
    if len(runs) > len(RUNS):  # a kind of line then stands for a run
        shown = with_one_line(shown)
    columns = 2 if narrow() else 3
    rows = math.ceil(len(shown) / columns)
    height = (1.6 if narrow() else 2.05) * rows
    kinds = _kinds(shown) if len(runs) > 1 else []
    figure = new_figure(width(), height + ROW * (math.ceil(len([*runs, *kinds]) / beside) - 1))
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    last = max(float(each.metrics["time_day"][-1]) for each in courses)
    unit = time_unit(last - min(float(each.metrics["time_day"][0]) for each in courses))
    flat = [
        panel.title
        for axes, panel in zip(panels, shown, strict=False)
        if _draw_panel(axes, panel, courses, unit)
    ]
    for axes in panels[len(shown) :]:
        axes.remove()
    for number, axes in enumerate(panels[: len(shown)]):
        if number + columns >= len(shown):
            axes.set_xlabel(f"time [{unit.name}]")
            axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
            axes.tick_params(labelbottom=True)
    if len(runs) > 1:
        _add_legend(figure, [*names, *kinds], len(names), beside)
    add_note(figure, _note(courses, shown, flat))
    return figure


def _kinds(panels: Sequence[Panel]) -> list[str]:
    """Names of the curves of a panel that has several, which the kind of line distinguishes."""
    return next(([line.name for line in each.lines] for each in panels if len(each.lines) > 1), [])


def _draw_panel(axes: "Axes", panel: Panel, courses: Sequence[Course], unit: TimeUnit) -> bool:
    """Draw a panel.

    Returns:
        Whether all its curves are flat.
    """
    seen: list[Values] = []
    alone, flat = len(courses) == 1 and len(panel.lines) > 1, True
    lanes = [index for index, course in enumerate(courses) if course.therapy]
    for index, course in enumerate(courses):
        color, dash = run_line(index)
        several = len(lanes) > 1 and course.therapy  # the first of the legend is the uppermost
        lane = len(lanes) - 1 - lanes.index(index) if several else None
        shade(axes, course, unit, TREATED if len(courses) == 1 else color, lane, dash)
        if not has_panel(panel, course):
            continue
        after = first_shown(course, courses)
        for position, line in enumerate(panel.lines):
            times, values = points(panel, line, course, after)
            nonzero = bool(values.any())
            values, level = flattened(values, percent=panel.unit == "%")
            flat &= level and nonzero
            seen.append(values)
            axes.plot(
                times / unit.days,
                values,
                color=(LOST, FORMED)[position] if alone else color,
                ls="--" if position and not alone else dash,
                marker="o" if len(times) == 1 else None,
                label=line.name if alone else None,
            )
    axes.set_title(textwrap.fill(panel.label, TITLE), loc="left", fontsize=text_size(), color=INK)
    low, high = limits(seen)
    below = LANE * (len(lanes) if len(lanes) > 1 else 0)  # the strips lie below the curves
    axes.set_ylim(low - below * (high - low) / (1 - below), high)
    tidy(axes, text_size())
    if alone:
        axes.legend(loc="best")
    return flat


def run_line(index: int) -> tuple[str, str]:
    """Color and kind of line of a compared run."""
    return RUNS[index % len(RUNS)], DASHES[index // len(RUNS)]


def shade(
    axes: "Axes", course: Course, unit: TimeUnit, color: str, lane: int | None, dash: str = "-"
) -> None:
    """Times of treatment, marks of the doses, and the branch of a run.

    Args:
        axes: of a panel.
        course: the run.
        unit: of the time.
        color: of the run.
        lane: number of the strip at the bottom that shows its treatment; None for all the height.
        dash: kind of line of the run; a strip is an outline where it is not "-".
    """
    first, end = (float(each) for each in course.metrics["time_day"][[0, -1]])
    bottom = 0.0 if lane is None else LANE * lane
    for regimen in course.therapy:
        start, stop = regimen.span
        if start > end:
            continue
        right = min(max(stop, start + 0.004 * (end - first)), end)
        top, alpha = (1.0, 0.1) if lane is None else (bottom + 0.8 * LANE, 0.35)
        span = (start / unit.days, right / unit.days)
        if dash == "-":
            axes.axvspan(*span, bottom, top, color=color, alpha=alpha, lw=0, zorder=0)
        else:
            axes.axvspan(*span, bottom, top, ec=color, fc="none", lw=0.8, ls=dash, zorder=0)
        axes.vlines(
            [time / unit.days for time in regimen.marks(first, end)],
            bottom,
            bottom + LANE,
            transform=axes.get_xaxis_transform(),
            color=color,
            lw=1,
            zorder=1,
        )
    if course.branched is not None and first < course.branched < end:
        axes.vlines(
            course.branched / unit.days,
            0,
            1,
            transform=axes.get_xaxis_transform(),
            color=FAINT,
            lw=0.8,
            ls=(0, (4, 3)),
            zorder=1,
        )


def _note(courses: Sequence[Course], panels: Sequence[Panel], flat: Sequence[str]) -> str:
    """Sentences on treatments, branches, lengths, and curves that hide each other."""
    several = len(courses) > 1
    treated = [
        f"{f'{each.name}: ' if several else ''}{regimen.words(float(each.metrics['time_day'][-1]))}"
        for each in courses
        for regimen in each.therapy
    ]
    treated_runs = [each for each in courses if each.therapy]
    branched = [
        f"{each.name} leaves its parent on day {each.branched:g} (dashed line)"
        for each in courses
        if each.branched is not None
    ]
    hidden = [
        f"{panel.title}: {text}"
        for panel in panels
        for text in (_hidden(panel, courses) if several else "", unseen_drugs(panel, courses))
        if text
    ]
    sentences = [
        f"{SHOWN_AS[len(treated_runs) > 1]}{marks_in_words(courses)}: {'; '.join(treated)}"
        if treated
        else "",
        "; ".join(branched),
        unlike_lengths(courses).rstrip("."),
        "; ".join(hidden),
        f"{', '.join(flat)}: {FLAT_NOTE}" if flat else "",
    ]
    return " ".join(f"{each}." for each in sentences if each)


def _hidden(panel: Panel, courses: Sequence[Course]) -> str:
    return coincidence(panel, courses) if len(panel.lines) == 1 else ""


def _add_legend(figure: "Figure", names: Sequence[str], runs: int, beside: int) -> None:
    """Legend above the panels: the runs in their colors, then curves of one panel in black."""
    from matplotlib.lines import Line2D

    looks = [run_line(index) for index in range(runs)]
    looks += [(INK, style) for style in DASHES[: len(names) - runs]]
    order = [each for first in range(beside) for each in range(first, len(names), beside)]
    lines = [Line2D([], [], color=looks[index][0], ls=looks[index][1]) for index in order]
    # matplotlib may omit a label that begins with an underscore
    numbers = list(map(str, order))
    legend = figure.legend(lines, numbers, loc="outside upper left", ncols=beside)
    for text, index in zip(legend.get_texts(), order, strict=True):
        text.set_text(names[index])
