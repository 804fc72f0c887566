"""Declaration of a parameter: name, unit, values with their ranges, source and confidence."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

Scalar = jax.Array | float

UM2_PER_S = 86400.0
"""One um^2/s in um^2/day."""

CALIBRATED = (
    "calibrated with others on what docs/validation.md lists so: loss after ovariectomy (Bouxsein "
    "2005) and menopause (SWAN), osteoclasts by TNF without IL-1R (Wei 2005), formation under IL-1 "
    "(Nguyen 1991), CTX under denosumab (Chen 2018)"
)


class Preset(NamedTuple):
    """A species' value and its range, in the unit stored inside."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Allowed:
    """Values with which the equations still make sense."""

    low: float
    high: float
    words: str
    low_included: bool = False
    high_included: bool = False

    def admits(self, value: float) -> bool:
        """Whether the equations can be evaluated with `value`."""
        above = value >= self.low if self.low_included else value > self.low
        below = value <= self.high if self.high_included else value < self.high
        return above and below


POSITIVE = Allowed(0.0, math.inf, "> 0")
NON_NEGATIVE = Allowed(0.0, math.inf, ">= 0", low_included=True)
FRACTION = Allowed(0.0, 1.0, "between 0 and 1")
PORTION = Allowed(0.0, 1.0, "from 0 to 1", low_included=True, high_included=True)
SHARE = Allowed(0.0, 1.0, "above 0 and at most 1", high_included=True)
ABOVE_MINUS_ONE = Allowed(-1.0, math.inf, "> -1")


@dataclass(frozen=True)
class Quantity:
    """Facts about a parameter, kept in the metadata of its field."""

    name: str
    unit: str
    shown: str
    presets: Mapping[str, Preset]
    source: str
    confidence: str
    allowed: Allowed


def quantity(
    name: str,
    unit: str,
    *,
    source: str,
    confidence: str,
    both: tuple[float, float, float] | None = None,
    mouse: tuple[float, float, float] | None = None,
    human: tuple[float, float, float] | None = None,
    shown: str | None = None,
    allowed: Allowed = POSITIVE,
) -> Any:
    """Declare a parameter as a dataclass field.

    Args:
        name: its name in words.
        unit: unit stored inside.
        source: where value and range come from.
        confidence: low, medium or high.
        both: (value, low, high) [unit] of every preset, or
        mouse: of the mouse, and
        human: of the human.
        shown: unit in which its source gives it, and people see it.
        allowed: values the equations can take.
    """
    presets = {
        species: Preset(*entry)
        for species, entry in (("mouse", mouse or both), ("human", human or both))
        if entry is not None
    }
    about = Quantity(name, unit, shown or unit, presets, source, confidence, allowed)
    return dataclasses.field(metadata={"quantity": about})
