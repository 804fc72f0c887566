"""The run file's tables, keys and ranges.

The description of a key says what is allowed; an error message quotes it.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

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


def _to_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _to_text(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _ordered(value: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= value[0] < value[1]:
        raise ValueError(f"{list(value)} is not a range")
    return value


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise ValueError(f"{list(value)} names a field twice")
    return value


Time = Annotated[float, _in("day")]
Length = Annotated[float, _in("um")]
Share = Annotated[float, _in("1")]
Concentration = Annotated[float, _in("pM")]
_FixedStep = Annotated[Time, Field(ge=SHORTEST_STEP, le=LONGEST_STEP)]
_PositiveLength = Annotated[Length, Field(gt=0)]
_Lengths = Annotated[
    tuple[_PositiveLength, _PositiveLength, _PositiveLength], BeforeValidator(_to_tuple)
]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Range = Annotated[tuple[int, int], BeforeValidator(_to_tuple), AfterValidator(_ordered)]
_Ranges = Annotated[tuple[_Range, _Range, _Range], BeforeValidator(_to_tuple)]
_Voxels = Annotated[int, Field(ge=4, le=4096)]
_Shape = Annotated[tuple[_Voxels, _Voxels, _Voxels], BeforeValidator(_to_tuple)]
_Names = Annotated[tuple[FieldName, ...], BeforeValidator(_to_tuple), AfterValidator(_distinct)]


class Table(BaseModel):
    """A table of the run file; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RunTable(Table):
    """[run]."""

    preset: Literal["mouse", "human"] = Field(default="mouse", description="'mouse' or 'human'")
    duration: Time = Field(
        ge=SHORTEST_STEP, description=f"a time of at least {SHORTEST_STEP} day, e.g. '28 day'"
    )
    step: _FixedStep | Literal["adaptive"] = Field(
        default="adaptive",
        description=(
            f"a time between {SHORTEST_STEP} and {LONGEST_STEP:g} day, e.g. '0.5 day', or "
            "'adaptive'"
        ),
    )
    accuracy: Share | None = Field(
        default=None,
        ge=HIGHEST_ACCURACY,
        le=LOWEST_ACCURACY,
        description=(
            f"a percentage between {100 * HIGHEST_ACCURACY:g} and {100 * LOWEST_ACCURACY:g} %, "
            "e.g. '0.2 %'"
        ),
    )
    precision: Literal["float32", "float64"] = Field(
        default="float32", description="'float32' or 'float64'"
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="a whole number from 0 to 4294967295")


class SyntheticTable(Table):
    """[geometry.synthetic]."""

    shape: _Shape = Field(
        default=(64, 64, 64),
        description="three whole numbers [z, y, x] from 4 to 4096, e.g. [64, 64, 64]",
    )
    spacing: Length = Field(default=20.0, gt=0, description="a length > 0, e.g. '20 um'")
    bv_tv: _Finite = Field(
        default=0.2, gt=0, lt=1, description="a number between 0 and 1, e.g. 0.2"
    )
    thickness: Length = Field(default=150.0, gt=0, description="a length > 0, e.g. '150 um'")
    seed: int | None = Field(
        default=None, ge=0, lt=2**32, description="a whole number from 0 to 4294967295"
    )


class GeometryTable(Table):
    """[geometry]."""

    file: Annotated[str | None, BeforeValidator(_to_text)] = Field(
        default=None, min_length=1, description="the path of an image, relative to the run file"
    )
    dataset: str | None = Field(
        default=None, min_length=1, description="the name of a dataset inside the file"
    )
    voxel_size: _PositiveLength | _Lengths | None = Field(
        default=None,
        description="a length > 0, e.g. '4.1 um', or a list of three [z, y, x]",
    )
    crop: _Ranges | None = Field(
        default=None,
        description="three ranges of voxels [[z0, z1], [y0, y1], [x0, x1]], each 0 <= start < end",
    )
    threshold: _Finite | Literal["otsu"] = Field(
        default="otsu", description="a finite number or 'otsu'"
    )
    smooth: Length = Field(default=0.0, ge=0, description="a length >= 0, e.g. '10 um'")
    resample: Length | None = Field(default=None, gt=0, description="a length > 0, e.g. '8.2 um'")
    keep_largest: bool = Field(default=True, description="true or false")
    close_pockets: bool = Field(default=True, description="true or false")
    synthetic: SyntheticTable | None = Field(default=None, description="a table")


class DiseaseTable(Table):
    """[disease]."""

    il1_excess: Concentration = Field(
        default=0.0, ge=0, description="a concentration >= 0, e.g. '3.5 pM'"
    )


class OutputTable(Table):
    """[output]."""

    snapshots: Time | None = Field(default=None, gt=0, description="a time > 0, e.g. '7 day'")
    fields: _Names = Field(
        default=("bone_volume_fraction", "il1", "rankl", "opg", "osteoclasts", "osteoblasts"),
        min_length=1,
        description="a list of different names among " + ", ".join(get_args(FieldName)),
    )


class RunFile(Table):
    """A run file."""

    run: RunTable = Field(description="a table")
    geometry: GeometryTable = Field(description="a table")
    disease: DiseaseTable = Field(default_factory=DiseaseTable, description="a table")
    parameters: dict[str, Any] = Field(default_factory=dict, description="a table")
    output: OutputTable = Field(default_factory=OutputTable, description="a table")
