"""Values of a run file: what each kind of key may be, read with its unit."""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)

from tissue import units
from tissue.errors import shown
from tissue.keys import DISTINCT, Unit, as_tuple, distinct, quantity_schema, written
from tissue.model.drugs import BODY_WEIGHT

Face = Literal["z_low", "z_high", "y_low", "y_high", "x_low", "x_high"]
AxisName = Literal["z", "y", "x"]
AXES: dict[str, int] = {name: axis for axis, name in enumerate(get_args(AxisName))}
"""Axes of an array [z, y, x] by name."""

SHORTEST_STEP = 0.001
"""Shortest step of a run [day]."""

TIME_RTOL = 1e-9
"""Rounding of times and of step lengths, relative [1]."""

LONGEST_STEP = 14.0
"""Longest step [day]: osteoclasts, which live one to two weeks, must be seen to come and go."""

LONGEST_TIME = 73050.0
"""Longest time that a run may take or name [day]: 200 years, longer than any life."""

MOST_SNAPSHOTS = 100_000
"""Most snapshots of a run: more files than that in one folder are of no use to anybody."""

MOST_DOSES = 1_000_000
"""Most doses of all drugs of a run: one every 86 s for 1000 days is as good as an infusion."""

HIGHEST_CONCENTRATION = 1e9
"""Highest concentration of a solute [pM]: 1 mM, or 17 g/l of the lightest; no marrow holds it."""

HIGHEST_DENSITY = 1e7
"""Highest density of cells [cells/mm^3]: cells of 5 um without a gap."""

HIGHEST_PERMEABILITY = 1e9
"""Highest permeability of a face [um/day]: 3 nm of water for a protein of 30 um^2/s."""

MOST_DEVICES = 65536
"""Most devices of a run: more than any machine has."""

HIGHEST_ACCURACY, LOWEST_ACCURACY = 1e-5, 0.05
"""Finest and coarsest accuracy of adaptive steps [1]."""


class Table(BaseModel):
    """A table of the run file; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def registry_table(name: str, base: type[Table], fields: Mapping[str, Any]) -> Any:
    """A table with keys from a registry, each a type and its field; pickle finds it by its name."""
    table = globals()[name] = create_model(name, __base__=base, __module__=__name__, **fields)
    return table


def _read_times(value: object) -> object:
    """A list of times [day]; reading stops at the first that is wrong, however many there are."""
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MOST_DOSES:
        return None  # no list of times, so that what was given is refused
    return tuple(units.parse(written(time, "a time"), "day") for time in value)


def _write_times(times: tuple[float, ...]) -> list[str]:
    return [units.exact(time, "day") for time in times]


def _in_order(value: tuple[str, ...]) -> tuple[str, ...]:
    # the same box, however its axes are listed
    return tuple(axis for axis in AXES if axis in value)


_PER_KG = re.compile(r"g(?:rams?|s)?[\s/·⋅*(]*k(?:ilo)?g", re.IGNORECASE)
"""A mass over or times one in kg: a dose per body weight."""


def _none_or_long(value: float) -> float:
    if 0 < value < SHORTEST_STEP:
        raise ValueError(f"{value:g} day is shorter than any step of a run")
    return value


class _PerWeight(Unit):
    """Unit of a dose: mg/kg, or a mass for the body weight of the species of the run."""

    def read(self, value: object, info: ValidationInfo) -> float:
        """The dose in mg/kg."""
        text = written(value, "a dose")
        unit = self.name if _PER_KG.search(text) else "mg"
        try:
            dose = units.parse(text, unit)
        except units.UnitError:
            _refuse_rate(text, f"{unit}/day")
            raise
        if not dose > 0:
            raise ValueError(f"{shown(text)} is not a dose")
        run = info.context and info.context.run  # without a table [run] there is an error anyhow
        return dose / BODY_WEIGHT[run.preset] if unit == "mg" and run else dose


def _refuse_rate(text: str, unit: str) -> None:
    try:
        units.parse(text, unit)
    except units.UnitError:
        return
    raise ValueError(
        f"{shown(text)} is a dose over time: give one dose, and every for how often it is given"
    )


def one_of(names: Collection[str], what: str) -> Any:
    """Type of a name out of some.

    Args:
        names: the names.
        what: kind of thing that they name, for messages.
    """

    def known(value: object) -> object:
        if isinstance(value, str) and value not in names:
            near = difflib.get_close_matches(value.lower(), names, n=1, cutoff=0.5)
            hint = f", did you mean {near[0]}?" if near else ""
            raise ValueError(f"{shown(value)} is not a known {what}{hint}")
        return value

    schema = {"type": "string", "enum": list(names)}
    return Annotated[str, BeforeValidator(known), WithJsonSchema(schema)]


Time = Annotated[float, Unit("day")]
Density = Annotated[float, Unit("cells/mm^3"), Field(ge=0, le=HIGHEST_DENSITY)]
Permeability = Annotated[float, Unit("um/day"), Field(gt=0, le=HIGHEST_PERMEABILITY)]
Percentage = Annotated[float, Unit("1", "%"), Field(ge=HIGHEST_ACCURACY, le=LOWEST_ACCURACY)]
Interval = Annotated[Time, Field(ge=SHORTEST_STEP, le=LONGEST_TIME)]
Moment = Annotated[Time, Field(ge=0, le=LONGEST_TIME)]
Ramp = Annotated[Moment, AfterValidator(_none_or_long)]
FixedStep = Annotated[Time, Field(ge=SHORTEST_STEP, le=LONGEST_STEP)]
WallTime = Annotated[float, Unit("s"), Field(gt=0, le=LONGEST_TIME * 86400)]
Factor = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Dose = Annotated[float, _PerWeight("mg/kg")]
Faces = Annotated[
    tuple[Face, ...],
    BeforeValidator(as_tuple),
    AfterValidator(distinct),
    Field(json_schema_extra=DISTINCT),
]
AxisNames = Annotated[
    tuple[AxisName, ...],
    BeforeValidator(as_tuple),
    AfterValidator(distinct),
    AfterValidator(_in_order),
    Field(json_schema_extra=DISTINCT),
]
Times = Annotated[
    tuple[float, ...],
    BeforeValidator(_read_times),
    PlainSerializer(_write_times, when_used="json"),
    WithJsonSchema({"type": "array", "items": quantity_schema("day"), "minItems": 1}),
]
