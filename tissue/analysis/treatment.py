"""Treatments of a run as figures and pages show them: regimens of its run file, and their doses."""

import math
import tomllib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tissue import units
from tissue.analysis.common_start import SAME_TIME
from tissue.numerals import shortened

MOST_MARKS = 60
"""Most doses of a regimen that have a mark each [1]."""


class Regimen(NamedTuple):
    """Doses of one drug.

    Attributes:
        drug: its name.
        dose: every dose, with its unit.
        times: of the doses [day].
    """

    drug: str
    dose: str
    times: tuple[float, ...]

    @property
    def span(self) -> tuple[float, float]:
        """Time of the first dose, and the end of the last interval [day]."""
        gap = self.times[-1] - self.times[-2] if len(self.times) > 1 else 0.0
        return self.times[0], self.times[-1] + gap

    def given(self, first: float, end: float) -> list[float]:
        """Times of the doses between two times [day]."""
        return [time for time in self.times if first <= time <= end + SAME_TIME]

    def marks(self, first: float, end: float) -> list[float]:
        """Times of the doses that have a mark [day]; none where they are too many."""
        given = self.given(first, end)
        return given if len(given) <= MOST_MARKS else []

    def words(self, end: float) -> str:
        """Drug, dose and times up to the end of a run [day], for people."""
        given = self.given(-math.inf, end)
        if not given:
            return f"{self.drug} {self.dose} (no dose before the end)"
        if len(given) == 1:
            return f"{self.drug} {self.dose} once, on day {given[0]:g}"
        gaps = np.diff(given)
        even, daily = float(np.ptp(gaps)) < SAME_TIME, abs(gaps[0] - 1) < SAME_TIME
        every = "" if not even else " daily" if daily else f" every {gaps[0]:g} days"
        span = f"day {given[0]:g} to {given[-1]:g}"
        return f"{self.drug} {self.dose}{every}, {len(given)} doses from {span}"


def regimens(text: str) -> list[Regimen]:
    """Regimens of a run file; none where the file is damaged, which the commands report."""
    found = []
    try:
        for each in tomllib.loads(text).get("therapy", []):
            times = tuple(sorted(units.parse(str(time), "day") for time in each["times"]))
            if times:
                found.append(Regimen(str(each["drug"]), shortened(str(each["dose"])), times))
    except (ValueError, ArithmeticError, RecursionError, KeyError, TypeError):
        return []
    return found


def regimens_of(folder: Path) -> list[Regimen]:
    """Regimens of a run; none where its run file is gone or damaged."""
    path = folder / "run.toml"
    return regimens(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else []
