"""Values of a run file: what each kind of key may be, read with its unit."""

import difflib
import re
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from tissue import units
from tissue.errors import shown

FieldName = Literal[
    "bone_volume_fraction",
    "il1",
    "rankl",
    "opg",
    "osteoclasts",
    "osteoblasts",
    "osteoclast_precursors",
    "osteoblast_precursors",
    "tnf",
]
Face = Literal["z_low", "z_high", "y_low", "y_high", "x_low", "x_high"]
AxisName = Literal["z", "y", "x"]
DrugName = Literal[
    "anakinra", "denosumab", "zoledronate", "teriparatide", "romosozumab", "adalimumab", "il4"
]

SHORTEST_STEP = 0.001
LONGEST_STEP = 14.0
"""Longest step [day]: osteoclasts, which live one to two weeks, must be seen to come and go."""

LONGEST_TIME = 73050.0
"""Longest time that a run may take or name [day]: 200 years, longer than any life."""

MOST_SNAPSHOTS = 100_000
"""Most snapshots of a run: more files than that in one folder are of no use to anybody."""

MOST_DOSES = 1_000_000
"""Most doses of all drugs of a run: one every 86 s for 1000 days is as good as an infusion."""

SHORTEST_LENGTH, LONGEST_LENGTH = 0.001, 1e5
"""Shortest and longest length of a run file [um]: a few atoms, and a hand."""

WIDEST_SMOOTHING = 1000.0
"""Widest smoothing of an image [um]: six human trabeculae (0.15 mm), of which it leaves nothing."""

HIGHEST_CONCENTRATION = 1e9
"""Highest concentration of a solute [pM]: 1 mM, or 17 g/l of the lightest; no marrow holds it."""

HIGHEST_DENSITY = 1e7
"""Highest density of cells [cells/mm^3]: cells of 5 um without a gap."""

HIGHEST_PERMEABILITY = 1e9
"""Highest permeability of a face [um/day]: 3 nm of water for a protein of 30 um^2/s."""

LARGEST_NUMBER = 10**30
"""Largest whole number that is read as a quantity: Python does not write out much larger ones."""

LARGEST_COUNT = 10**9
"""Largest number of a voxel along an axis, or of checkpoints."""

HIGHEST_ACCURACY, LOWEST_ACCURACY = 1e-5, 0.05


def _in(unit: str) -> BeforeValidator:
    """Read a quantity with its unit into a number of `unit`."""

    def read(value: object) -> float:
        return units.parse(_written(value, "a quantity"), unit)

    return BeforeValidator(read, json_schema_input_type=str)


def _written(value: object, what: str) -> str:
    """The text of a quantity; numbers go the same way, so that their error names the unit."""
    # Python refuses to write out a number of thousands of digits
    huge = isinstance(value, int) and abs(value) > LARGEST_NUMBER
    if isinstance(value, bool) or huge or not isinstance(value, str | int | float):
        raise ValueError(f"{shown(value)} is not {what} with a unit")
    return str(value)


def as_times(value: object) -> object:
    """A list of times [day]; reading stops at the first that is wrong, however many there are."""
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MOST_DOSES:
        return None  # no list of times, so that what was given is refused
    return tuple(units.parse(_written(time, "a time"), "day") for time in value)


def as_tuple(value: object) -> object:
    """A list of TOML as a tuple."""
    return tuple(value) if isinstance(value, list) else value


def as_text(value: object) -> object:
    """A path as text."""
    return str(value) if isinstance(value, Path) else value


def _ordered(value: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= value[0] < value[1]:
        raise ValueError(f"{shown(list(value))} is not a range")
    return value


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise ValueError(f"{shown(list(value))} names one twice")
    return value


def _in_order(value: tuple[str, ...]) -> tuple[str, ...]:
    # the same box, however its axes are listed
    return tuple(axis for axis in get_args(AxisName) if axis in value)


_PER_KG = re.compile(r"g(?:rams?|s)?[\s/·⋅*(]*k(?:ilo)?g", re.IGNORECASE)
"""A mass over or times one in kg: a dose per body weight."""


def _none_or_long(value: float) -> float:
    if 0 < value < SHORTEST_STEP:
        raise ValueError(f"{value:g} day is shorter than any step of a run")
    return value


class Dose(NamedTuple):
    """An amount of a drug [mg], or [mg/kg]."""

    amount: float
    per_kg: bool


def as_dose(value: object) -> Dose:
    """An amount, or one per body weight."""
    text = _written(value, "a dose")
    per_kg = bool(_PER_KG.search(text))
    unit = "mg/kg" if per_kg else "mg"
    try:
        dose = Dose(units.parse(text, unit), per_kg)
    except units.UnitError:
        _refuse_rate(text, f"{unit}/day")
        raise
    if not dose.amount > 0:
        raise ValueError(f"{shown(text)} is no dose")
    return dose


def _refuse_rate(text: str, unit: str) -> None:
    try:
        units.parse(text, unit)
    except units.UnitError:
        return
    raise ValueError(
        f"{shown(text)} is a dose over time: give one dose, and every for how often it is given"
    )


def as_drug(value: object) -> object:
    """The name of a drug that is known."""
    names = get_args(DrugName)
    if isinstance(value, str) and value not in names:
        near = difflib.get_close_matches(value.lower(), names, n=1, cutoff=0.5)
        raise ValueError(
            f"{shown(value)} is not a known drug" + (f", did you mean {near[0]}?" if near else "")
        )
    return value


Time = Annotated[float, _in("day")]
Concentration = Annotated[float, _in("pM"), Field(ge=0, le=HIGHEST_CONCENTRATION)]
Density = Annotated[float, _in("cells/mm^3"), Field(ge=0, le=HIGHEST_DENSITY)]
Permeability = Annotated[float, _in("um/day"), Field(gt=0, le=HIGHEST_PERMEABILITY)]
Length = Annotated[float, _in("um"), Field(ge=SHORTEST_LENGTH, le=LONGEST_LENGTH)]
Smoothing = Annotated[float, _in("um"), Field(ge=0, le=WIDEST_SMOOTHING)]
Share = Annotated[float, _in("1")]
Interval = Annotated[Time, Field(ge=SHORTEST_STEP, le=LONGEST_TIME)]
Moment = Annotated[Time, Field(ge=0, le=LONGEST_TIME)]
Ramp = Annotated[Moment, AfterValidator(_none_or_long)]
FixedStep = Annotated[Time, Field(ge=SHORTEST_STEP, le=LONGEST_STEP)]
Lengths = Annotated[tuple[Length, Length, Length], BeforeValidator(as_tuple)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(le=LARGEST_COUNT)]
Range = Annotated[tuple[Count, Count], BeforeValidator(as_tuple), AfterValidator(_ordered)]
Ranges = Annotated[tuple[Range, Range, Range], BeforeValidator(as_tuple)]
Voxels = Annotated[int, Field(ge=4, le=4096)]
Shape = Annotated[tuple[Voxels, Voxels, Voxels], BeforeValidator(as_tuple)]
Factor = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Faces = Annotated[tuple[Face, ...], BeforeValidator(as_tuple), AfterValidator(_distinct)]
AxisNames = Annotated[
    tuple[AxisName, ...],
    BeforeValidator(as_tuple),
    AfterValidator(_distinct),
    AfterValidator(_in_order),
]
Times = Annotated[tuple[float, ...], BeforeValidator(as_times)]
Names = Annotated[tuple[FieldName, ...], BeforeValidator(as_tuple), AfterValidator(_distinct)]
