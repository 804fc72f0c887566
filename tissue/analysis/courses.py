"""Time courses as figures and pages show them: panels, units of time, ticks and noise."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tissue.analysis.common_start import SAME_TIME
from tissue.analysis.strength import solved
from tissue.analysis.treatment import MOST_MARKS, Regimen
from tissue.errors import InputError

Values = NDArray[np.float64]

NOISE = 1e-3
"""Relative change below which a curve is flat [1]: the solves of a step leave up to 5e-4 at the
usual accuracy (assumption)."""

POINT_NOISE = 0.01
"""Change below which a curve in percent is flat [percentage point] (assumption)."""

MONTH, YEAR = 30.4375, 365.25
"""Mean lengths [day]."""

LONGEST_IN_DAYS = 200
"""Length up to which a run is counted in days [day]."""

MOST_RUNS = 16
"""Most runs in a figure or a page [1]: each has its own color and kind of line."""

COUNTED = "what {drug} has bound is counted too"
UNSEEN_DRUGS = {
    "il1": {
        "il1_receptor_drug_pM": "{drug} blocks the receptor and leaves IL-1 itself as it is: the "
        "other curves show the effect",
        "il1_beta_drug_pM": COUNTED,
        "il1_drug_pM": COUNTED,
    },
    "rankl": {"rankl_drug_pM": COUNTED},
}
"""Notes on concentrations that a drug does not lower, though it takes their effect: by the solute
that columns of curves begin with, and by the column of the drug."""

FLAT_NOTE = f"flat, it changes by less than {100 * NOISE:g} %, the accuracy of the solver"
"""Note of a panel whose curves do not change by more than the accuracy of the solver."""


class Line(NamedTuple):
    """A curve of a panel: a column of metrics.csv, or a ratio 'above/below', and its name."""

    column: str
    name: str = ""


class Panel(NamedTuple):
    """Curves that share axes.

    Attributes:
        title: name of the quantity.
        unit: of its values; empty for none.
        lines: its curves.
        strength: whether only solves by finite elements give it.
    """

    title: str
    unit: str
    lines: tuple[Line, ...]
    strength: bool = False

    @property
    def label(self) -> str:
        """Title with its unit."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title


PER_MM2 = "1/mm\N{SUPERSCRIPT TWO}"

PANELS = (
    Panel("BV/TV since the start", "%", (Line("bv_tv_change_percent"),)),
    Panel(
        "rate at the surface",
        "\N{MICRO SIGN}m/day",
        (Line("resorption_um_per_day", "resorption"), Line("formation_um_per_day", "formation")),
    ),
    Panel("osteoclasts, N.Oc/BS", PER_MM2, (Line("osteoclasts_per_mm2"),)),
    Panel("osteoblasts, N.Ob/BS", PER_MM2, (Line("osteoblasts_per_mm2"),)),
    Panel("RANKL/OPG at the surface", "", (Line("rankl_pM/opg_pM"),)),
    Panel("IL-1 in marrow", "pM", (Line("il1_marrow_pM"),)),
    Panel("apparent modulus, z", "MPa", (Line("apparent_modulus_z_MPa"),), strength=True),
    Panel("stiffness, z", "N/mm", (Line("stiffness_z_N_per_mm"),), strength=True),
    Panel("failure load, z", "N", (Line("failure_load_z_N"),), strength=True),
)
"""Panels of figures and pages."""


class Course(NamedTuple):
    """A run as time courses show it.

    Attributes:
        name: of the run.
        metrics: columns of metrics.csv.
        therapy: its regimens.
        branched: time at which it left its parent [day].
    """

    name: str
    metrics: Mapping[str, Values]
    therapy: Sequence[Regimen] = ()
    branched: float | None = None


def shown_panels(courses: Sequence[Course]) -> list[Panel]:
    """Panels of which some run has values."""
    return [panel for panel in PANELS if any(has_panel(panel, each) for each in courses)]


def with_one_line(panels: Iterable[Panel]) -> list[Panel]:
    """Panels, those of several lines as a panel for each line."""
    found: list[Panel] = []
    for panel in panels:
        found += [
            panel._replace(title=f"{line.name}, {panel.title}", lines=(line._replace(name=""),))
            if len(panel.lines) > 1
            else panel
            for line in panel.lines
        ]
    return found


def refuse_many(count: int) -> None:
    """Refuse more runs than colors and kinds of lines distinguish.

    Raises:
        InputError: naming how many are allowed.
    """
    if count > MOST_RUNS:
        raise InputError(
            f"{count} runs are given, and lines of at most {MOST_RUNS} can be distinguished; give "
            "fewer runs"
        )


def has_panel(panel: Panel, course: Course) -> bool:
    """Whether a run has values of a panel; of strength, that it was computed."""
    key = "failure_load_z_N" if panel.strength else panel.lines[0].column.partition("/")[0]
    values = course.metrics.get(key)
    return values is not None and bool(np.isfinite(values).any())


def points(panel: Panel, line: Line, course: Course, after: float) -> tuple[Values, Values]:
    """Times [day] and values of a curve from a time on; strength only where it was solved."""
    times = course.metrics["time_day"]
    above, _, below = line.column.partition("/")
    values = course.metrics[above]
    if below:
        with np.errstate(divide="ignore", invalid="ignore"):  # without cells there is no mean
            values = values / course.metrics[below]
    kept = (times >= after - SAME_TIME) & np.isfinite(values)
    if panel.strength:
        kept &= solved(course.metrics)
    return times[kept], values[kept]


def first_shown(course: Course, others: Iterable[Course]) -> float:
    """Time from which the curve of a run is drawn [day]: a branch's from the branch on.

    Before, it is the one of its parent, where the parent is drawn too.
    """
    if course.branched is None:
        return -math.inf
    own = course.metrics["time_day"] <= course.branched + SAME_TIME
    before = course.metrics["bv_tv"][own]
    for other in others:
        if other is course or other.branched == course.branched:
            continue
        if np.array_equal(other.metrics["bv_tv"][: len(before)], before):
            return course.branched
    return -math.inf


def coincidence(panel: Panel, courses: Sequence[Course]) -> str:
    """Sentence about runs whose curves of a panel lie on each other; empty where none do."""
    line = panel.lines[0]
    found = []
    for number, course in enumerate(courses[1:], start=1):
        for other in courses[:number]:
            if not (has_panel(panel, course) and has_panel(panel, other)):
                continue
            after = -math.inf if course.branched is None else course.branched
            times, values = points(panel, line, course, after)
            common = times <= other.metrics["time_day"][-1]
            if not common.any():
                continue
            there = np.interp(times, *points(panel, line, other, -math.inf))[common]
            allowed = NOISE * max(float(np.abs(there).max()), 1e-30)
            if float(np.abs(values[common] - there).max()) <= allowed:
                found.append(f"{course.name} lies on {other.name}")
                break
    return ", ".join(found)


def unseen_drugs(panel: Panel, courses: Sequence[Course]) -> str:
    """Sentence about drugs whose effect a concentration does not show; empty without these."""
    solutes = {line.column.partition("_")[0] for line in panel.lines}
    found: dict[str, list[str]] = {}
    for solute in UNSEEN_DRUGS.keys() & solutes:
        for column, note in UNSEEN_DRUGS[solute].items():
            names = [each.name for each in courses if np.any(each.metrics.get(column, 0) > 0)]
            if names:
                found.setdefault(note, []).extend(names)
    several = len(courses) > 1
    return "; ".join(
        note.format(drug=f"the drug of {' and '.join(names)}" if several else "the drug")
        for note, names in found.items()
    )


def flattened(values: Values, *, percent: bool = False) -> tuple[Values, bool]:
    """A curve without the noise of the solver, and whether it was flattened.

    Args:
        values: of the curve.
        percent: the values are changes in percent, 0 where nothing changed.
    """
    if values.size < 2:
        return values, False
    allowed = POINT_NOISE if percent else NOISE * float(np.abs(values).max())
    if float(np.ptp(values)) > allowed:
        return values, False
    level = 0.0 if percent and abs(values[0]) <= allowed else float(values.mean())
    return np.full_like(values, level), True


class TimeUnit(NamedTuple):
    """Unit of a time axis: its name, and days in it."""

    name: str
    days: float

    def moment(self, day: float) -> str:
        """A time [day] in this unit, in words."""
        return f"{self.name} {round(day / self.days, 1):g}" if self.days > 1 else f"day {day:g}"


def time_unit(days: float) -> TimeUnit:
    """Unit in which a run of some days is read best."""
    if days <= LONGEST_IN_DAYS:
        return TimeUnit("day", 1.0)
    return TimeUnit("month", MONTH) if days <= 3 * YEAR else TimeUnit("year", YEAR)


def limits(curves: Iterable[Values]) -> tuple[float, float]:
    """Ends of an axis of values, with a margin; a flat curve lies in the middle."""
    found = [each for each in curves if each.size]
    low = min((float(each.min()) for each in found), default=0.0)
    high = max((float(each.max()) for each in found), default=1.0)
    if high - low <= NOISE * max(abs(low), abs(high)):
        margin = 0.1 * max(abs(low), abs(high)) or 1.0
    else:
        margin = 0.06 * (high - low)
    return low - margin, high + margin


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values between two ends, at most `most`."""
    length = high - low
    power = 10.0 ** math.floor(math.log10(length / most))
    step = next(k * power for k in (1, 2, 5, 10, 20) if length / (k * power) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def tick_texts(values: Sequence[float]) -> list[str]:
    """Numbers of an axis, all with the same decimals and without an offset."""
    if len(values) < 2:
        return [f"{value:.3g}" for value in values]
    step = min(np.diff(values))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    return [
        f"{value if abs(value) > 1e-12 else 0.0:.{decimals}f}".replace("-", "\N{MINUS SIGN}")
        for value in values
    ]


def marks_in_words(courses: Iterable[Course]) -> str:
    """Clause about the doses that have a mark; empty where none has."""
    marked = []
    for course in courses:
        first, end = (float(each) for each in course.metrics["time_day"][[0, -1]])
        marked += [
            bool(each.marks(first, end)) for each in course.therapy if each.given(first, end)
        ]
    if not any(marked):
        return ""
    some = "" if all(marked) else f" of treatments that have at most {MOST_MARKS}"
    return f", with a mark for each dose{some}"


def unlike_lengths(courses: Sequence[Course]) -> str:
    """Sentences about runs that start or end at different times; empty where none do."""
    times = [each.metrics["time_day"] for each in courses]
    starts, ends = ({float(each[at]) for each in times} for at in (0, -1))
    listed = "; ".join(
        f"{course.name} from day {each[0]:g} to {each[-1]:g}"
        for course, each in zip(courses, times, strict=True)
    )
    found = []
    if len(ends) > 1:
        found.append("a shorter line is a run that is over" if len(starts) == 1 else "")
    if len(starts) > 1:
        found.append("changes of each count from its own start")
    about = ", and ".join(filter(None, found))
    return f"The runs have different times ({listed}): {about}." if found else ""
