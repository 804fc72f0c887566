"""The run file's tables, keys and ranges.

Each key is declared here once: its type holds the unit and the limits, its description says what
is allowed, and error messages quote it. Keys of solutes, mechanisms, drugs and fields come from
the registries of the model.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    WrapSerializer,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from tissue import keys, units
from tissue.errors import InputError
from tissue.geometry.settings import ImageSettings, SyntheticSettings
from tissue.model.fields import FIELDS
from tissue.model.mechanisms import MECHANISMS, Mechanism
from tissue.model.species import SOLUTES
from tissue.scenario import values
from tissue.scenario.solutes import CONCENTRATION, IL1RA, concentration
from tissue.scenario.time_course import TimeCourse, Varying

DEFAULT_ACCURACY = 0.002
"""Error of adaptive steps when the run file gives none [1]: of the 40 % lost in a month of
arthritis nobody measures a twentieth of a percent."""

INTERVAL = f"a time between {values.SHORTEST_STEP} and {values.LONGEST_TIME:g} day"
_DENSITY = f"a density >= 0 and at most {values.HIGHEST_DENSITY:g} cells/mm^3"
_FACTOR = "a number from 0 to 100, e.g. 1.5"
_LOSS = "a number from 0 (none) to 1 (ovariectomy)"
_FIELDS = tuple(FIELDS)
_TABLE = "a table"
_HEALTH = TimeCourse.of(0.0)


def _varying(
    key: str, kind: Any, what: str, default: TimeCourse = _HEALTH, outside: float = 0.0
) -> tuple[Any, Any]:
    """Type and field of a constant or pieces of time, with the value outside these."""
    allowed = f"{what}, or pieces [[{key}]] with from, to and value"
    field = Field(default=default, description=allowed)
    return Annotated[TimeCourse, Varying(key, kind, what, outside)], field


class RunTable(values.Table):
    """[run]."""

    preset: Literal["mouse", "human"] = Field(default="mouse", description="'mouse' or 'human'")
    duration: values.Interval = Field(description=f"{INTERVAL}, e.g. '28 day'")
    step: values.FixedStep | Literal["adaptive"] = Field(
        default="adaptive",
        description=(
            f"a time between {values.SHORTEST_STEP} and {values.LONGEST_STEP:g} day, e.g. "
            "'0.5 day', or 'adaptive'"
        ),
    )
    accuracy: values.Percentage | None = Field(
        default_factory=lambda run: DEFAULT_ACCURACY if run.get("step") == "adaptive" else None,
        description=(
            f"a percentage between {100 * values.HIGHEST_ACCURACY:g} and "
            f"{100 * values.LOWEST_ACCURACY:g} %, e.g. '0.2 %'"
        ),
    )
    precision: Literal["float32", "float64"] = Field(
        default="float32", description="'float32' or 'float64'"
    )
    seed: keys.Seed = Field(default=0, description=keys.SEED)
    devices: Annotated[int, Field(ge=1, le=values.MOST_DEVICES)] | Literal["all"] = Field(
        default=1,
        description=f"a whole number of GPUs from 1 to {values.MOST_DEVICES}, or 'all'",
    )

    @property
    def fixed_step(self) -> float | None:
        """Longest step [day] where it is given; None for adaptive steps."""
        return None if self.step == "adaptive" else self.step


def remembered(run: RunTable, info: ValidationInfo) -> RunTable:
    """The table [run], kept in the context for keys whose defaults depend on it."""
    if info.context:
        info.context.run = run
    return run


class SyntheticGeometry(values.Table):
    """[geometry] of a synthetic bone."""

    synthetic: SyntheticSettings = Field(description=_TABLE)


def _kind_of_geometry(value: object) -> str:
    synthetic = isinstance(value, Mapping) and "synthetic" in value
    return "synthetic" if synthetic or isinstance(value, SyntheticSettings) else "[image]"


def _read_synthetic(value: Any, read: Any, info: ValidationInfo) -> Any:
    """The table [geometry.synthetic], which has the seed of the run by default."""
    if isinstance(value, SyntheticSettings):
        return value
    table = value["synthetic"]
    if isinstance(table, Mapping) and info.context and info.context.run:
        table = {"seed": info.context.run.seed, **table}
    found = read(table)
    for key in sorted(value.keys() - {"synthetic"}):
        raise InputError(
            f"geometry.{key} is for an image file and does not go with [geometry.synthetic]: give "
            "one of the two"
        )
    return found


GeometryKey = Annotated[
    Annotated[ImageSettings, Tag("[image]")]
    | Annotated[
        SyntheticSettings,
        WrapValidator(_read_synthetic, json_schema_input_type=SyntheticGeometry),
        WrapSerializer(lambda table, write: {"synthetic": write(table)}, when_used="json"),
        Tag("synthetic"),
    ],
    Discriminator(_kind_of_geometry),
]


_Loss = values.registry_table(
    "_Loss",
    values.Table,
    {"loss": _varying("disease.estrogen.loss", values.Fraction, _LOSS, TimeCourse.of(1.0))},
)


class EstrogenTable(_Loss):  # type: ignore[misc, valid-type]
    """[disease.estrogen]."""

    onset: values.Moment = Field(
        default=0.0,
        description=f"a time >= 0 and at most {values.LONGEST_TIME:g} day, e.g. '0 day'",
    )
    ramp: values.Ramp = Field(
        default=0.0,
        description=f"a time from {values.SHORTEST_STEP} to {values.LONGEST_TIME:g} day, e.g. "
        "'2 year' for menopause, or '0 day' for surgery",
    )

    @property
    def start(self) -> float:
        """Start of the loss [day]."""
        if self.loss.constant is not None:
            return self.onset
        return next((piece.start for piece in self.loss.pieces if piece.value > 0), 0.0)

    @property
    def corners(self) -> tuple[float, ...]:
        """Times at which the loss jumps or bends [day]."""
        return self.loss.corners or (self.onset, self.onset + self.ramp)


class PannusTable(values.Table):
    """[disease.pannus]."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["mask"]},
                {"required": ["faces"], "properties": {"faces": {"minItems": 1}}},
            ]
        }
    )

    faces: values.Faces = Field(
        default=(),
        description="a list of different faces among " + ", ".join(get_args(values.Face)),
    )
    depth: keys.Length = Field(default=100.0, description=f"{keys.LENGTH}, e.g. '100 um'")
    mask: keys.FilePath | None = Field(
        default=None, description="the path of a mask image, not 0 where the pannus is"
    )
    cells: values.Density | None = Field(
        default=None, description=f"{_DENSITY}, e.g. '1e5 cells/mm^3'"
    )

    @model_validator(mode="after")
    def _somewhere(self) -> "PannusTable":
        if not self.faces and self.mask is None:
            raise PydanticCustomError("incomplete", "nowhere")
        return self


def _excess(key: str, molecule: Any) -> tuple[Any, Any]:
    return _varying(f"disease.{key}", concentration(f"disease.{key}", molecule), CONCENTRATION)


_Excess = values.registry_table(
    "_Excess",
    values.Table,
    {
        each.excess_key: _excess(each.excess_key, each)
        for each in SOLUTES.values()
        if each.excess_key
    }
    | {
        "il1ra_excess": _excess("il1ra_excess", IL1RA),
        "inflammatory_cells": _varying(
            "disease.inflammatory_cells",
            values.Density,
            f"{_DENSITY} everywhere in marrow, e.g. '100 cells/mm^3'",
        ),
    },
)


class DiseaseTable(_Excess):  # type: ignore[misc, valid-type]
    """[disease]."""

    rankl_production: values.Factor = Field(default=1.0, description=_FACTOR)
    opg_production: values.Factor = Field(default=1.0, description=_FACTOR)
    aging: bool = Field(default=False, description=keys.SWITCH)
    estrogen: EstrogenTable | None = Field(default=None, description=_TABLE)
    pannus: PannusTable | None = Field(
        default=None,
        description="a table whose faces or mask say where the pannus is, e.g. faces = ['z_low']",
    )

    @property
    def excess(self) -> dict[str, TimeCourse]:
        """Uniform excess by solute [pM], of those that a run file can raise."""
        named = {name: solute.excess_key for name, solute in SOLUTES.items()}
        return {name: getattr(self, key) for name, key in named.items() if key}


_Force = values.registry_table(
    "_Force",
    values.Table,
    {"factor": _varying("load.factor", values.Factor, _FACTOR, TimeCourse.of(1.0), outside=1.0)},
)


class LoadTable(_Force):  # type: ignore[misc, valid-type]
    """[load] that bone bears from day to day."""

    mechanics: Literal["fe", "density", "off"] | None = Field(
        default=None,
        description="'fe' (finite elements), 'density' (of bone near by) or 'off'; by default 'fe' "
        "where the bone allows it, and 'density' elsewhere",
    )
    loading: Literal["confined", "platens", "slide"] = Field(
        default="confined", description="'confined', 'platens' or 'slide'"
    )


def _mechanism(about: Mechanism) -> tuple[type, Any]:
    return bool, Field(default=about.default, description=f"{keys.SWITCH}: {about.long_name}")


_Mechanisms = values.registry_table(
    "_Mechanisms", values.Table, {name: _mechanism(about) for name, about in MECHANISMS.items()}
)


class MechanismsTable(_Mechanisms):  # type: ignore[misc, valid-type]
    """[mechanisms], each on or off."""


_GENE = bool, Field(default=False, description=keys.SWITCH)


class KnockoutTable(values.registry_table("_Solutes", values.Table, dict.fromkeys(SOLUTES, _GENE))):  # type: ignore[misc]
    """[knockout] of genes."""

    il1_receptor: bool = Field(default=False, description=keys.SWITCH)
    il1ra: bool = Field(default=False, description=keys.SWITCH)
    osteocyte_rankl: bool = Field(default=False, description=keys.SWITCH)

    @property
    def genes(self) -> frozenset[str]:
        """Names of the genes that are knocked out."""
        return frozenset(name for name, out in self if out)


class OutputTable(values.Table):
    """[output]."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required", None))

    snapshots: values.Interval = Field(description=f"{INTERVAL}, e.g. '7 day'")
    checkpoints: values.Interval = Field(
        default_factory=lambda output: output.get("snapshots"),
        description=f"{INTERVAL} in the simulation, e.g. '5 day'",
    )
    checkpoint_every_wall: values.WallTime = Field(
        default=1800.0,
        description=f"a wall-clock time > 0 and at most {values.LONGEST_TIME:g} day, e.g. '30 min'",
    )
    keep_every: int = Field(
        default=0,
        ge=0,
        le=keys.LARGEST_COUNT,
        description=f"a whole number >= 0 and at most {keys.LARGEST_COUNT}: every so many "
        "checkpoints are kept",
    )
    morphometry: bool = Field(default=False, description=keys.SWITCH)
    fields: Annotated[
        tuple[values.one_of(_FIELDS, "field"), ...],  # type: ignore[valid-type]
        BeforeValidator(keys.as_tuple),
        AfterValidator(keys.distinct),
    ] = Field(
        default=("bone_volume_fraction", "il1", "rankl", "opg", "osteoclasts", "osteoblasts"),
        min_length=1,
        json_schema_extra=keys.DISTINCT,
        description="a list of different names among " + ", ".join(_FIELDS),
    )

    @model_validator(mode="before")
    @classmethod
    def _quarters(cls, data: Any, info: ValidationInfo) -> Any:
        """Four snapshots besides that of the start, unless the file says otherwise."""
        run = info.context and info.context.run
        if not run or not isinstance(data, Mapping):
            return data
        interval = max(run.duration / 4, values.SHORTEST_STEP)
        return {"snapshots": units.exact(interval, "day"), **data}
