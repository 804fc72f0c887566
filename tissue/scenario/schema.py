"""The run file's tables, keys and ranges.

The description of a key says what is allowed; an error message quotes it.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tissue.scenario.values import (
    HIGHEST_ACCURACY,
    HIGHEST_CONCENTRATION,
    HIGHEST_DENSITY,
    HIGHEST_PERMEABILITY,
    LARGEST_COUNT,
    LONGEST_LENGTH,
    LONGEST_STEP,
    LONGEST_TIME,
    LOWEST_ACCURACY,
    MOST_DOSES,
    SHORTEST_LENGTH,
    SHORTEST_STEP,
    WIDEST_SMOOTHING,
    AxisName,
    AxisNames,
    Concentration,
    Density,
    Dose,
    DrugName,
    Face,
    Faces,
    Factor,
    FieldName,
    Finite,
    FixedStep,
    Interval,
    Length,
    Lengths,
    Moment,
    Names,
    Permeability,
    Ramp,
    Ranges,
    Shape,
    Share,
    Smoothing,
    Time,
    Times,
    as_dose,
    as_drug,
    as_text,
    as_tuple,
)

_CONCENTRATION = (
    f"a concentration >= 0 and at most {HIGHEST_CONCENTRATION:g} pM, e.g. '3.5 pM' or '61 pg/mL'"
)
_DENSITY = f"a density >= 0 and at most {HIGHEST_DENSITY:g} cells/mm^3"
_LENGTH = f"a length > 0, from {SHORTEST_LENGTH} to {LONGEST_LENGTH:g} um"
_INTERVAL = f"a time between {SHORTEST_STEP} and {LONGEST_TIME:g} day"


class Table(BaseModel):
    """A table of the run file; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RunTable(Table):
    """[run]."""

    preset: Literal["mouse", "human"] = Field(default="mouse", description="'mouse' or 'human'")
    duration: Interval = Field(description=f"{_INTERVAL}, e.g. '28 day'")
    step: FixedStep | Literal["adaptive"] = Field(
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

    shape: Shape = Field(
        default=(64, 64, 64),
        description="three whole numbers [z, y, x] from 4 to 4096, e.g. [64, 64, 64]",
    )
    spacing: Length = Field(default=20.0, description=f"{_LENGTH}, e.g. '20 um'")
    bv_tv: Finite = Field(default=0.2, gt=0, lt=1, description="a number between 0 and 1, e.g. 0.2")
    thickness: Length = Field(default=150.0, description=f"{_LENGTH}, e.g. '150 um'")
    seed: int | None = Field(
        default=None, ge=0, lt=2**32, description="a whole number from 0 to 4294967295"
    )


class GeometryTable(Table):
    """[geometry]."""

    file: Annotated[str | None, BeforeValidator(as_text)] = Field(
        default=None, min_length=1, description="the path of an image, relative to the run file"
    )
    dataset: str | None = Field(
        default=None, min_length=1, description="the name of a dataset inside the file"
    )
    series: str | None = Field(
        default=None,
        min_length=1,
        description="the UID or number of one of several DICOM series in the folder, or the name "
        "that the slices of one of several stacks begin with",
    )
    voxel_size: Length | Lengths | None = Field(
        default=None,
        description=f"{_LENGTH}, e.g. '4.1 um', or a list of three [z, y, x]",
    )
    crop: Ranges | None = Field(
        default=None,
        description="three ranges of voxels [[z0, z1], [y0, y1], [x0, x1]], each 0 <= start < end",
    )
    region: Annotated[str | None, BeforeValidator(as_text)] = Field(
        default=None, min_length=1, description="the path of a mask image"
    )
    threshold: Finite | Literal["otsu"] = Field(
        default="otsu", description="a finite number or 'otsu'"
    )
    smooth: Smoothing = Field(
        default=0.0,
        description=f"a length >= 0 and at most {WIDEST_SMOOTHING:g} um, e.g. '10 um'",
    )
    resample: Length | None = Field(default=None, description=f"{_LENGTH}, e.g. '8.2 um'")
    keep_largest: bool = Field(default=True, description="true or false")
    close_pockets: bool = Field(default=True, description="true or false")
    synthetic: SyntheticTable | None = Field(default=None, description="a table")


_FACTOR = "a number from 0 to 100, e.g. 1.5"
_SWITCH = "true or false"


class EstrogenTable(Table):
    """[disease.estrogen]."""

    loss: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1.0, description="a number from 0 (none) to 1 (ovariectomy)"
    )
    onset: Moment = Field(
        default=0.0, description=f"a time >= 0 and at most {LONGEST_TIME:g} day, e.g. '0 day'"
    )
    ramp: Ramp = Field(
        default=0.0,
        description=f"a time from {SHORTEST_STEP} to {LONGEST_TIME:g} day, e.g. '2 year' for "
        "menopause, or '0 day' for surgery",
    )


class PannusTable(Table):
    """[disease.pannus]."""

    faces: Faces = Field(
        default=(), description="a list of different faces among " + ", ".join(get_args(Face))
    )
    depth: Length = Field(default=100.0, description=f"{_LENGTH}, e.g. '100 um'")
    mask: Annotated[str | None, BeforeValidator(as_text)] = Field(
        default=None,
        min_length=1,
        description="the path of a mask image, not 0 where the pannus is",
    )
    cells: Density | None = Field(default=None, description=f"{_DENSITY}, e.g. '1e5 cells/mm^3'")


class DiseaseTable(Table):
    """[disease]."""

    il1_excess: Concentration = Field(default=0.0, description=_CONCENTRATION)
    il1ra_excess: Concentration = Field(default=0.0, description=_CONCENTRATION)
    tnf: Concentration = Field(default=0.0, description=_CONCENTRATION)
    inflammatory_cells: Density = Field(
        default=0.0, description=f"{_DENSITY} everywhere in marrow, e.g. '100 cells/mm^3'"
    )
    rankl_production: Factor = Field(default=1.0, description=_FACTOR)
    opg_production: Factor = Field(default=1.0, description=_FACTOR)
    aging: bool = Field(default=False, description=_SWITCH)
    estrogen: EstrogenTable | None = Field(default=None, description="a table")
    pannus: PannusTable | None = Field(default=None, description="a table")


class KnockoutTable(Table):
    """[knockout]."""

    il1: bool = Field(default=False, description=_SWITCH)
    il1_receptor: bool = Field(default=False, description=_SWITCH)
    il1ra: bool = Field(default=False, description=_SWITCH)
    tnf: bool = Field(default=False, description=_SWITCH)
    rankl: bool = Field(default=False, description=_SWITCH)
    opg: bool = Field(default=False, description=_SWITCH)
    osteocyte_rankl: bool = Field(default=False, description=_SWITCH)
    rankl_induction: bool = Field(default=False, description=_SWITCH)
    opg_suppression: bool = Field(default=False, description=_SWITCH)
    direct_osteoclastogenesis: bool = Field(default=False, description=_SWITCH)
    osteoclast_activity: bool = Field(default=False, description=_SWITCH)
    osteoclast_survival: bool = Field(default=False, description=_SWITCH)
    osteoblast_differentiation: bool = Field(default=False, description=_SWITCH)
    matrix_formation: bool = Field(default=False, description=_SWITCH)
    osteoblast_motility: bool = Field(default=False, description=_SWITCH)
    repulsion: bool = Field(default=False, description=_SWITCH)
    osteoclast_chemotaxis: bool = Field(default=False, description=_SWITCH)
    tnf_to_il1: bool = Field(default=False, description=_SWITCH)
    tnf_direct: bool = Field(default=False, description=_SWITCH)
    tnf_sensitization: bool = Field(default=False, description=_SWITCH)
    osteomorphs: bool = Field(default=False, description=_SWITCH)
    mechanostat: bool = Field(default=False, description=_SWITCH)
    tgf_beta_steering: bool = Field(default=True, description=_SWITCH)


class WallTable(Table):
    """[boundary.SOLUTE.FACE]."""

    value: Concentration | None = Field(default=None, description=_CONCENTRATION)
    permeability: Permeability | None = Field(
        default=None,
        description=f"a velocity > 0 and at most {HIGHEST_PERMEABILITY:g} um/day, e.g. "
        "'100 um/day'",
    )
    blood: Concentration | None = Field(default=None, description=_CONCENTRATION)


class FacesTable(Table):
    """[boundary.SOLUTE]; a face that is not named is closed."""

    z_low: WallTable | None = Field(default=None, description="a table")
    z_high: WallTable | None = Field(default=None, description="a table")
    y_low: WallTable | None = Field(default=None, description="a table")
    y_high: WallTable | None = Field(default=None, description="a table")
    x_low: WallTable | None = Field(default=None, description="a table")
    x_high: WallTable | None = Field(default=None, description="a table")


class BoundaryTable(Table):
    """[boundary]."""

    periodic: AxisNames = Field(
        default=(), description="a list of different axes among " + ", ".join(get_args(AxisName))
    )
    il1: FacesTable = Field(default_factory=FacesTable, description="a table")
    tnf: FacesTable = Field(default_factory=FacesTable, description="a table")
    rankl: FacesTable = Field(default_factory=FacesTable, description="a table")
    opg: FacesTable = Field(default_factory=FacesTable, description="a table")


class TherapyTable(Table):
    """[[therapy]]."""

    drug: Annotated[DrugName, BeforeValidator(as_drug)] = Field(
        description="one of " + ", ".join(get_args(DrugName))
    )
    dose: Annotated[Dose, BeforeValidator(as_dose)] = Field(
        description="an amount, e.g. '60 mg', or one per body weight, e.g. '1 mg/kg'"
    )
    times: Times | None = Field(
        default=None,
        description=f"a list of 1 to {MOST_DOSES} times, e.g. ['0 day', '182 day']",
    )
    every: Interval | None = Field(default=None, description=f"{_INTERVAL}, e.g. '1 day'")
    start: Time | None = Field(default=None, description="a time, e.g. '0 day'")
    stop: Time | None = Field(default=None, description="a time after start, e.g. '365 day'")


class OutputTable(Table):
    """[output]."""

    snapshots: Interval | None = Field(default=None, description=f"{_INTERVAL}, e.g. '7 day'")
    checkpoints: Interval | None = Field(
        default=None, description=f"{_INTERVAL} in the simulation, e.g. '5 day'"
    )
    checkpoint_every_wall: Time = Field(
        default=30 / 1440,
        gt=0,
        le=LONGEST_TIME,
        description=f"a time > 0 and at most {LONGEST_TIME:g} day on the clock on the wall, e.g. "
        "'30 min'",
    )
    keep_every: int = Field(
        default=0,
        ge=0,
        le=LARGEST_COUNT,
        description=f"a whole number >= 0 and at most {LARGEST_COUNT}: every so many checkpoints "
        "are kept",
    )
    morphometry: bool = Field(default=False, description=_SWITCH)
    fields: Names = Field(
        default=("bone_volume_fraction", "il1", "rankl", "opg", "osteoclasts", "osteoblasts"),
        min_length=1,
        description="a list of different names among " + ", ".join(get_args(FieldName)),
    )


class RunFile(Table):
    """A run file."""

    run: RunTable = Field(description="a table")
    geometry: GeometryTable = Field(description="a table")
    disease: DiseaseTable = Field(default_factory=DiseaseTable, description="a table")
    knockout: KnockoutTable = Field(default_factory=KnockoutTable, description="a table")
    boundary: BoundaryTable = Field(default_factory=BoundaryTable, description="a table")
    therapy: Annotated[tuple[TherapyTable, ...], BeforeValidator(as_tuple)] = Field(
        default=(), description="a list of tables [[therapy]]"
    )
    parameters: dict[str, Any] = Field(default_factory=dict, description="a table")
    output: OutputTable = Field(default_factory=OutputTable, description="a table")
