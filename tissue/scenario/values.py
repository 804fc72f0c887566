"""Values of a run file: what each kind of key may be, read with its unit."""

import difflib
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from tissue import units

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

HIGHEST_ACCURACY, LOWEST_ACCURACY = 1e-5, 0.05


def _in(unit: str) -> BeforeValidator:
    """Read a quantity with its unit into a number of `unit`."""

    def read(value: object) -> float:
        # Numbers go the same way, so that their error names the missing unit.
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"{value!r} is not a quantity with a unit")
        return units.parse(str(value), unit)

    return BeforeValidator(read, json_schema_input_type=str)


def as_tuple(value: object) -> object:
    """A list of TOML as a tuple."""
    return tuple(value) if isinstance(value, list) else value


def as_text(value: object) -> object:
    """A path as text."""
    return str(value) if isinstance(value, Path) else value


def _ordered(value: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= value[0] < value[1]:
        raise ValueError(f"{list(value)} is not a range")
    return value


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise ValueError(f"{list(value)} names one twice")
    return value


def _in_order(value: tuple[str, ...]) -> tuple[str, ...]:
    # the same box, however its axes are listed
    return tuple(axis for axis in get_args(AxisName) if axis in value)


class Dose(NamedTuple):
    """An amount of a drug [mg], or [mg/kg]."""

    amount: float
    per_kg: bool


def as_dose(value: object) -> Dose:
    """An amount, or one per body weight."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not a dose with a unit")
    text = str(value)
    per_kg = text.rstrip().endswith("kg") and "/" in text
    dose = Dose(units.parse(text, "mg/kg" if per_kg else "mg"), per_kg)
    if not dose.amount > 0:
        raise ValueError(f"{text!r} is no dose")
    return dose


def as_drug(value: object) -> object:
    """The name of a drug that is known."""
    names = get_args(DrugName)
    if isinstance(value, str) and value not in names:
        near = difflib.get_close_matches(value.lower(), names, n=1, cutoff=0.5)
        raise ValueError(
            f"{value!r} is not a known drug" + (f", did you mean {near[0]}?" if near else "")
        )
    return value


Time = Annotated[float, _in("day")]
Density = Annotated[float, _in("cells/mm^3")]
Permeability = Annotated[float, _in("um/day")]
Length = Annotated[float, _in("um")]
Share = Annotated[float, _in("1")]
Concentration = Annotated[float, _in("pM")]
FixedStep = Annotated[Time, Field(ge=SHORTEST_STEP, le=LONGEST_STEP)]
PositiveLength = Annotated[Length, Field(gt=0)]
Lengths = Annotated[
    tuple[PositiveLength, PositiveLength, PositiveLength], BeforeValidator(as_tuple)
]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Range = Annotated[tuple[int, int], BeforeValidator(as_tuple), AfterValidator(_ordered)]
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
Times = Annotated[tuple[Time, ...], BeforeValidator(as_tuple)]
Names = Annotated[tuple[FieldName, ...], BeforeValidator(as_tuple), AfterValidator(_distinct)]
