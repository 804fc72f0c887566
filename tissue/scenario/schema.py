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
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from tissue import units
from tissue.errors import InputError
from tissue.geometry.settings import ImageSettings, SyntheticSettings
from tissue.keys import (
    LARGEST_COUNT,
    LENGTH,
    SEED,
    SWITCH,
    FilePath,
    Length,
    Seed,
    as_tuple,
    distinct,
)
from tissue.model.fields import FIELDS
from tissue.model.mechanisms import MECHANISMS, Mechanism
from tissue.model.species import SOLUTES, Solute
from tissue.scenario.solutes import CONCENTRATION, IL1RA, concentration
from tissue.scenario.time_course import TimeCourse, Varying
from tissue.scenario.values import (
    HIGHEST_ACCURACY,
    HIGHEST_DENSITY,
    HIGHEST_PERMEABILITY,
    LONGEST_STEP,
    LONGEST_TIME,
    LOWEST_ACCURACY,
    SHORTEST_STEP,
    AxisName,
    AxisNames,
    Density,
    Face,
    Faces,
    Factor,
    FixedStep,
    Fraction,
    Interval,
    Moment,
    Percentage,
    Permeability,
    Ramp,
    Table,
    WallTime,
    one_of,
)

DEFAULT_ACCURACY = 0.002
"""Error of adaptive steps when the run file gives none [1]: of the 40 % lost in a month of
arthritis nobody measures a twentieth of a percent."""

INTERVAL = f"a time between {SHORTEST_STEP} and {LONGEST_TIME:g} day"
_DENSITY = f"a density >= 0 and at most {HIGHEST_DENSITY:g} cells/mm^3"
_FACTOR = "a number from 0 to 100, e.g. 1.5"
_LOSS = "a number from 0 (none) to 1 (ovariectomy)"
_FIELDS = tuple(FIELDS)
_TABLE = "a table"
_HEALTH = TimeCourse.of(0.0)


def _varying(kind: Any, what: str) -> Any:
    return Annotated[TimeCourse, Varying(kind, what)]


def _table(name: str, base: type[Table], keys: Mapping[str, Any]) -> Any:
    """A table with keys from a registry: each a type and its field."""
    return create_model(name, __base__=base, **keys)


class RunTable(Table):
    """[run]."""

    preset: Literal["mouse", "human"] = Field(default="mouse", description="'mouse' or 'human'")
    duration: Interval = Field(description=f"{INTERVAL}, e.g. '28 day'")
    step: FixedStep | Literal["adaptive"] = Field(
        default="adaptive",
        description=(
            f"a time between {SHORTEST_STEP} and {LONGEST_STEP:g} day, e.g. '0.5 day', or "
            "'adaptive'"
        ),
    )
    accuracy: Percentage | None = Field(
        default_factory=lambda run: DEFAULT_ACCURACY if run.get("step") == "adaptive" else None,
        description=(
            f"a percentage between {100 * HIGHEST_ACCURACY:g} and {100 * LOWEST_ACCURACY:g} %, "
            "e.g. '0.2 %'"
        ),
    )
    precision: Literal["float32", "float64"] = Field(
        default="float32", description="'float32' or 'float64'"
    )
    seed: Seed = Field(default=0, description=SEED)

    @property
    def fixed_step(self) -> float | None:
        """Longest step [day] where it is given; None for adaptive steps."""
        return None if self.step == "adaptive" else self.step


def remembered(run: RunTable, info: ValidationInfo) -> RunTable:
    """The table [run], kept in the context for keys whose defaults depend on it."""
    if info.context:
        info.context.run = run
    return run


class SyntheticGeometry(Table):
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


class EstrogenTable(Table):
    """[disease.estrogen]."""

    loss: _varying(Fraction, _LOSS) = Field(default=TimeCourse.of(1.0), description=_LOSS)  # type: ignore[valid-type]
    onset: Moment = Field(
        default=0.0, description=f"a time >= 0 and at most {LONGEST_TIME:g} day, e.g. '0 day'"
    )
    ramp: Ramp = Field(
        default=0.0,
        description=f"a time from {SHORTEST_STEP} to {LONGEST_TIME:g} day, e.g. '2 year' for "
        "menopause, or '0 day' for surgery",
    )

    @property
    def start(self) -> float:
        """Start of the loss [day]."""
        return float(self.loss.corners[0] if self.loss.corners else self.onset)

    @property
    def corners(self) -> tuple[float, ...]:
        """Times at which the loss jumps or bends [day]."""
        return self.loss.corners or (self.onset, self.onset + self.ramp)


class PannusTable(Table):
    """[disease.pannus]."""

    faces: Faces = Field(
        default=(), description="a list of different faces among " + ", ".join(get_args(Face))
    )
    depth: Length = Field(default=100.0, description=f"{LENGTH}, e.g. '100 um'")
    mask: FilePath | None = Field(
        default=None, description="the path of a mask image, not 0 where the pannus is"
    )
    cells: Density | None = Field(default=None, description=f"{_DENSITY}, e.g. '1e5 cells/mm^3'")

    @model_validator(mode="after")
    def _somewhere(self) -> "PannusTable":
        if not self.faces and self.mask is None:
            raise PydanticCustomError("incomplete", "nowhere")
        return self


def _excess(key: str, molecule: Any) -> tuple[Any, Any]:
    kind = _varying(concentration(f"disease.{key}", molecule), CONCENTRATION)
    return kind, Field(default=_HEALTH, description=CONCENTRATION)


_Excess = _table(
    "_Excess",
    Table,
    {
        each.excess_key: _excess(each.excess_key, each)
        for each in SOLUTES.values()
        if each.excess_key
    }
    | {"il1ra_excess": _excess("il1ra_excess", IL1RA)},
)


class DiseaseTable(_Excess):  # type: ignore[misc, valid-type]
    """[disease]."""

    inflammatory_cells: _varying(Density, _DENSITY) = Field(  # type: ignore[valid-type]
        default=_HEALTH, description=f"{_DENSITY} everywhere in marrow, e.g. '100 cells/mm^3'"
    )
    rankl_production: Factor = Field(default=1.0, description=_FACTOR)
    opg_production: Factor = Field(default=1.0, description=_FACTOR)
    aging: bool = Field(default=False, description=SWITCH)
    estrogen: EstrogenTable | None = Field(default=None, description=_TABLE)
    pannus: PannusTable | None = Field(
        default=None,
        description="a table whose faces or mask say where the pannus is, e.g. faces = ['z_low']",
    )

    @property
    def excess(self) -> dict[str, TimeCourse]:
        """Uniform excess by solute [pM], of those that a run file can raise."""
        keys = {name: solute.excess_key for name, solute in SOLUTES.items()}
        return {name: getattr(self, key) for name, key in keys.items() if key}


def _mechanism(about: Mechanism) -> tuple[type, Any]:
    return bool, Field(default=about.default, description=f"{SWITCH}: {about.long_name}")


_Mechanisms = _table(
    "_Mechanisms", Table, {name: _mechanism(about) for name, about in MECHANISMS.items()}
)


class MechanismsTable(_Mechanisms):  # type: ignore[misc, valid-type]
    """[mechanisms], each on or off."""


_GENE = bool, Field(default=False, description=SWITCH)


class KnockoutTable(_table("_Solutes", Table, dict.fromkeys(SOLUTES, _GENE))):  # type: ignore[misc]
    """[knockout] of genes."""

    il1_receptor: bool = Field(default=False, description=SWITCH)
    il1ra: bool = Field(default=False, description=SWITCH)
    osteocyte_rankl: bool = Field(default=False, description=SWITCH)

    @property
    def genes(self) -> frozenset[str]:
        """Names of the genes that are knocked out."""
        return frozenset(name for name, out in self if out)


class WallTable(Table):
    """[boundary.SOLUTE.FACE]: a value held on the face, or exchange with blood."""

    permeability: Permeability | None = Field(
        default=None,
        description=f"a velocity > 0 and at most {HIGHEST_PERMEABILITY:g} um/day, e.g. "
        "'100 um/day'",
    )

    @property
    def concentration(self) -> float:
        """Concentration behind the face [pM]."""
        return float(getattr(self, "value" if self.permeability is None else "blood"))

    @model_validator(mode="after")
    def _complete(self) -> "WallTable":
        given = {name for name, value in self if value is not None}
        if given not in ({"value"}, {"permeability", "blood"}):
            raise PydanticCustomError("incomplete", "neither or both")
        return self


_WALL = (
    "a table with either value, which is held there, or permeability and blood for exchange with "
    "blood"
)


def _faces(solute: Solute) -> tuple[Any, Any]:
    """The table [boundary.SOLUTE]; a face that is not named is closed."""
    key = f"boundary.{solute.name}"
    level = concentration(key, solute) | None, Field(default=None, description=CONCENTRATION)
    wall = _table(f"{solute.name}_wall", WallTable, {"value": level, "blood": level})
    face = wall | None, Field(default=None, description=_WALL)
    faces = _table(f"{solute.name}_faces", Table, dict.fromkeys(get_args(Face), face))
    return faces, Field(default=faces(), description=_TABLE)


class BoundaryTable(
    _table("_Faces", Table, {name: _faces(each) for name, each in SOLUTES.items()})  # type: ignore[misc]
):
    """[boundary]."""

    periodic: AxisNames = Field(
        default=(), description="a list of different axes among " + ", ".join(get_args(AxisName))
    )

    @property
    def walls(self) -> dict[str, dict[str, WallTable]]:
        """Open faces of the box, by solute and face."""
        found = {
            name: {face: wall for face, wall in getattr(self, name) if wall is not None}
            for name in SOLUTES
        }
        return {name: walls for name, walls in found.items() if walls}


class OutputTable(Table):
    """[output]."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required", None))

    snapshots: Interval = Field(description=f"{INTERVAL}, e.g. '7 day'")
    checkpoints: Interval = Field(
        default_factory=lambda output: output.get("snapshots"),
        description=f"{INTERVAL} in the simulation, e.g. '5 day'",
    )
    checkpoint_every_wall: WallTime = Field(
        default=1800.0,
        description=f"a wall-clock time > 0 and at most {LONGEST_TIME:g} day, e.g. '30 min'",
    )
    keep_every: int = Field(
        default=0,
        ge=0,
        le=LARGEST_COUNT,
        description=f"a whole number >= 0 and at most {LARGEST_COUNT}: every so many checkpoints "
        "are kept",
    )
    morphometry: bool = Field(default=False, description=SWITCH)
    fields: Annotated[
        tuple[one_of(_FIELDS, "field"), ...],  # type: ignore[valid-type]
        BeforeValidator(as_tuple),
        AfterValidator(distinct),
    ] = Field(
        default=("bone_volume_fraction", "il1", "rankl", "opg", "osteoclasts", "osteoblasts"),
        min_length=1,
        description="a list of different names among " + ", ".join(_FIELDS),
    )

    @model_validator(mode="before")
    @classmethod
    def _quarters(cls, data: Any, info: ValidationInfo) -> Any:
        """Four snapshots besides that of the start, unless the file says otherwise."""
        run = info.context and info.context.run
        if not run or not isinstance(data, Mapping):
            return data
        interval = max(run.duration / 4, SHORTEST_STEP)
        return {"snapshots": units.exact(interval, "day"), **data}
