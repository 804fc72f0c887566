"""Curves of a page as SVG, which prints, scales and can be read without a script."""

from collections.abc import Sequence
from html import escape

import numpy as np

from tissue.analysis.courses import (
    FLAT_NOTE,
    Course,
    Panel,
    Values,
    coincidence,
    first_shown,
    flattened,
    has_panel,
    limits,
    points,
    shown_panels,
    tick_texts,
    ticks,
    time_unit,
    unseen_drugs,
    with_one_line,
)

WIDTH, HEIGHT = 440, 232
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 40
"""Size of a chart, and the margins of its axes [px]."""

LANE = 9
"""Height of the strip that shows a treatment where several runs have one [px]."""

MOST_POINTS = 400
"""Most points of a curve [1]."""

COLORS = 4
"""Colors of lines [1]; more runs have them again, with dashes."""

LOST, FORMED = 1, 0
"""Numbers of the colors that mean lost and formed bone, as in the 3-D pictures of a page."""


class Chart:
    """Panel as SVG with its legend."""

    def __init__(self, panel: Panel, courses: Sequence[Course]) -> None:
        """Draw the curves of a panel."""
        self.title = panel.label
        self.legend: list[tuple[int, str]] = []
        days = [each.metrics["time_day"] for each in courses]
        self.first = float(min(each[0] for each in days))
        self.last = float(max(each[-1] for each in days)) or 1.0
        if self.last <= self.first:
            self.last = self.first + 1
        drawn, flat = self._curves(panel, courses)
        notes = [
            FLAT_NOTE if flat else "",
            coincidence(panel, courses),
            unseen_drugs(panel, courses),
        ]
        self.note = "; ".join(filter(None, notes))
        self.low, self.high = limits([values for *_, values in drawn])
        strips = sum(1 for each in courses if each.therapy)
        if strips > 1:  # they lie below the curves
            share = LANE * strips / (HEIGHT - TOP - BOTTOM)
            self.low -= share * (self.high - self.low) / (1 - share)
        self.svg = self._svg(courses, drawn)

    def _curves(
        self, panel: Panel, courses: Sequence[Course]
    ) -> tuple[list[tuple[int, str, Values, Values]], bool]:
        drawn, flat = [], []
        for index, course in enumerate(courses):
            if not has_panel(panel, course):
                continue
            for position, line in enumerate(panel.lines):
                times, values = points(panel, line, course, first_shown(course, courses))
                values, is_flat = flattened(values, percent=panel.unit == "%")
                meaning = len(courses) == 1 and len(panel.lines) > 1
                number = (LOST, FORMED)[position] if meaning else index
                name = " ".join(filter(None, (course.name if len(courses) > 1 else "", line.name)))
                self.legend.append((number, name or panel.title))
                drawn.append((number, name or panel.title, *_thinned(times, values)))
                flat.append(is_flat)
        return drawn, bool(flat) and all(flat)

    def _x(self, day: float) -> float:
        return LEFT + (day - self.first) / (self.last - self.first) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        return TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)

    def _svg(
        self, courses: Sequence[Course], drawn: Sequence[tuple[int, str, Values, Values]]
    ) -> str:
        foot = HEIGHT - BOTTOM
        parts = [*self._spans(courses), *self._axes()]
        for index, course in enumerate(courses):
            if course.branched is not None and self.first < course.branched < self.last:
                x = self._x(course.branched)
                parts.append(
                    f'<line class="branch" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{foot}">'
                    f"<title>{escape(course.name)} branches, day {course.branched:g}</title></line>"
                    f'<text class="small" x="{x + 3:.1f}" y="{TOP + 9 + 11 * index}">branch</text>'
                )
        for number, name, times, values in drawn:
            path = " ".join(
                f"{self._x(t):.1f},{self._y(v):.2f}" for t, v in zip(times, values, strict=True)
            )
            if len(times) == 1:
                parts.append(
                    f'<circle class="{_filled(number)}" cx="{self._x(times[0]):.1f}" '
                    f'cy="{self._y(values[0]):.2f}" r="4"><title>{escape(name)}</title></circle>'
                )
            elif len(times):
                parts.append(
                    f'<polyline class="{_line(number)}" points="{path}">'
                    f"<title>{escape(name)}</title></polyline>"
                )
        parts.append(f'<line class="now" y1="{TOP}" y2="{foot}" visibility="hidden"/>')
        about = "; ".join(
            f"{name}: {values[0]:.4g} to {values[-1]:.4g}"
            for _, name, _, values in drawn
            if len(values)
        )
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" data-first="{self.first:.9g}" '
            f'data-last="{self.last:.9g}" data-left="{LEFT}" data-right="{WIDTH - RIGHT}" '
            f'data-low="{self.low:.9g}" data-high="{self.high:.9g}" data-top="{TOP}" '
            f'data-foot="{foot}" tabindex="0" '
            f'aria-label="{escape(self.title)}. {escape(about)}">{"".join(parts)}</svg>'
        )

    def _spans(self, courses: Sequence[Course]) -> list[str]:
        """Times of treatment, shaded, with a mark for each dose."""
        parts, foot = [], HEIGHT - BOTTOM
        treated = [index for index, course in enumerate(courses) if course.therapy]
        for index, course in enumerate(courses):
            several = len(treated) > 1 and course.therapy  # the first run is the uppermost
            lane = len(treated) - 1 - treated.index(index) if several else None
            y = foot - 4 - LANE * (lane or 0)
            top, height = (TOP, foot - TOP) if lane is None else (y - 7, LANE - 1)
            kind = "span" if lane is None else f"strip {_filled(index)}"
            first, end = (float(each) for each in course.metrics["time_day"][[0, -1]])
            for regimen in course.therapy:
                start, stop = regimen.span
                if start > end:
                    continue
                left, right = self._x(max(start, self.first)), self._x(min(stop, end))
                width = max(right - left, 2)
                parts.append(
                    f'<rect class="{kind}" x="{left:.1f}" y="{top}" width="{width:.1f}" '
                    f'height="{height}"><title>{escape(course.name)}: '
                    f"{escape(regimen.words(end))}</title></rect>"
                )
                color = _filled(index if len(courses) > 1 else COLORS - 1)
                parts += [
                    f'<path class="dose {color}" d="M{self._x(t):.1f} {y - 5}l3.5 6h-7z"/>'
                    for t in regimen.marks(first, end)
                ]
        return parts

    def _axes(self) -> list[str]:
        foot, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        parts = []
        values = ticks(self.low, self.high)
        for value, text in zip(values, tick_texts(values), strict=True):
            y = self._y(value)
            parts.append(
                f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
            )
        unit = time_unit(self.last - self.first)
        times = ticks(self.first / unit.days, self.last / unit.days, 8)
        for time, text in zip(times, tick_texts(times), strict=True):
            x = self._x(time * unit.days)
            parts.append(
                f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{foot}" y2="{foot + 4}"/>'
                f'<text x="{x:.1f}" y="{foot + 17}" text-anchor="middle">{text}</text>'
            )
        parts.append(
            f'<line class="tick" x1="{LEFT}" x2="{right}" y1="{foot}" y2="{foot}"/>'
            f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 6}" text-anchor="middle">'
            f"{unit.name}</text>"
        )
        return parts


def charts(courses: Sequence[Course]) -> list[Chart]:
    """Charts of all panels; those with several curves are split where runs are compared."""
    panels = shown_panels(courses)
    if len(courses) > 1:
        panels = with_one_line(panels)
    return [Chart(panel, courses) for panel in panels]


def _line(number: int) -> str:
    """Classes of the line of a run."""
    dash = number // COLORS
    return f"line{number % COLORS} dash{dash}" if dash else f"line{number % COLORS}"


def _filled(number: int) -> str:
    """Classes of a shape in the color of a run; an outline where the line has dashes."""
    return f"{_line(number)} outline" if number >= COLORS else f"dot{number}"


def _thinned(times: Values, values: Values) -> tuple[Values, Values]:
    """Few enough points of a curve for a page, with both ends."""
    if len(times) <= MOST_POINTS:
        return times, values
    kept = np.unique(np.linspace(0, len(times) - 1, MOST_POINTS).round().astype(int))
    return times[kept], values[kept]
