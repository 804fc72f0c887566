"""The run file, read and checked: the tables that the program uses."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from tissue.errors import InputError, printable, shown
from tissue.keys import Context, as_tuple, quantity_schema
from tissue.model import parameters as model_parameters
from tissue.model.mechanisms import MECHANISMS
from tissue.model.parameters import QUANTITIES, Parameters
from tissue.scenario.boundary import BoundaryTable, refuse_cut_of_periodic_z
from tissue.scenario.dose_doubts import doubtful_doses
from tissue.scenario.messages import explain
from tissue.scenario.renamed import refuse_old_keys
from tissue.scenario.runfile import plain, put, read_toml, with_override
from tissue.scenario.schema import (
    DiseaseTable,
    GeometryKey,
    KnockoutTable,
    LoadTable,
    MechanismsTable,
    OutputTable,
    RunTable,
    remembered,
)
from tissue.scenario.therapy import Therapy, written_out
from tissue.scenario.values import AXES, MOST_SNAPSHOTS, Table

REPR_WIDTH = 100
"""Characters of a table in the text of a `RunConfig`."""


# in quotes: ValidationInfo takes no type when a program runs with pydantic 2.10
def _read_parameters(value: object, info: "ValidationInfo[Any]") -> object:
    """The parameters of the preset with those of the run file."""
    if isinstance(value, Parameters):
        return value
    if not isinstance(value, Mapping):
        raise PydanticCustomError("table_type", "not a table")
    run = info.context.run
    if run is None:  # there is an error anyhow
        return value
    start = model_parameters.preset(run.preset)
    parameters, doubts = model_parameters.override(start, value, species=run.preset)
    info.context.notes.extend(doubts)
    return parameters


def _write_parameters(parameters: Parameters) -> dict[str, str | float]:
    texts = model_parameters.as_text(parameters).items()
    return {
        key: float(text) if QUANTITIES[key].shown == "1" and "/" not in text else text
        for key, text in texts
    }


def _read_therapies(
    therapies: tuple[Therapy, ...], info: "ValidationInfo[Any]"
) -> tuple[Therapy, ...]:
    """Regimens with their schedules written out; doubtful doses are noted."""
    run = info.context.run
    if run is None:
        return therapies
    found = written_out(therapies, run)
    info.context.notes.extend(doubtful_doses(found, run.preset))
    return found


def _note_late_disease(disease: DiseaseTable, info: "ValidationInfo[Any]") -> DiseaseTable:
    estrogen = disease.estrogen
    values = dict(disease) | ({"estrogen.loss": estrogen.loss} if estrogen else {})
    _note_late_pieces("disease", values, info)
    return disease


def _note_late_load(load: LoadTable, info: "ValidationInfo[Any]") -> LoadTable:
    _note_late_pieces("load", dict(load), info)
    return load


def _note_late_pieces(table: str, values: Mapping[str, Any], info: "ValidationInfo[Any]") -> None:
    run = info.context.run
    for key, course in values.items():
        for number, piece in enumerate(getattr(course, "pieces", ()), start=1):
            if run and piece.start >= run.duration:
                info.context.notes.append(
                    f"{table}.{key}: piece {number} starts at {piece.start:g} day, and the run "
                    f"ends at {run.duration:g} day: the piece does nothing"
                )


_PARAMETERS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        symbol: {**quantity_schema(about.shown), "description": about.name}
        for symbol, about in QUANTITIES.items()
    },
}


class RunConfig(Table):
    """A run file with all that follows from it; inside, numbers have the units of their keys."""

    run: Annotated[RunTable, AfterValidator(remembered)] = Field(description="a table")
    geometry: GeometryKey = Field(description="a table")
    disease: Annotated[DiseaseTable, AfterValidator(_note_late_disease)] = Field(
        default=DiseaseTable(), description="a table"
    )
    load: Annotated[LoadTable, AfterValidator(_note_late_load)] = Field(
        default=LoadTable(), description="a table"
    )
    mechanisms: MechanismsTable = Field(default=MechanismsTable(), description="a table")
    knockout: KnockoutTable = Field(default=KnockoutTable(), description="a table")
    boundary: BoundaryTable = Field(default=BoundaryTable(), description="a table")
    parameters: Annotated[
        Parameters,
        PlainValidator(_read_parameters),
        PlainSerializer(_write_parameters, when_used="json"),
        WithJsonSchema(_PARAMETERS),
    ] = Field(default={}, validate_default=True, description="a table")
    therapy: Annotated[
        tuple[Therapy, ...], BeforeValidator(as_tuple), AfterValidator(_read_therapies)
    ] = Field(default=(), description="a list of tables [[therapy]]")
    output: OutputTable = Field(default={}, validate_default=True, description="a table")

    _source: Path = PrivateAttr()
    _given: dict[str, Any] = PrivateAttr()
    _warnings: tuple[str, ...] = PrivateAttr(())

    def __repr__(self) -> str:
        given = self.model_dump(mode="json", exclude_defaults=True, exclude={"parameters"})
        lines = [f"  {name}: {printable(f'{value}', REPR_WIDTH)}" for name, value in given.items()]
        return "\n".join([f"RunConfig {self.name!r}", *lines, f"  {self.parameters}"])

    __str__ = __repr__

    @property
    def source(self) -> Path:
        """The run file."""
        return self._source

    @property
    def name(self) -> str:
        """Name of the run, the stem of its file."""
        return self._source.stem

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for every value that is questionable or was converted."""
        return self._warnings

    @property
    def snapshot_times(self) -> tuple[float, ...]:
        """Times at which a snapshot is written [day], start and end included; steps end there."""
        duration, interval = self.run.duration, self.output.snapshots
        # with a tolerance, so that rounding adds no time next to the end
        count = math.ceil(duration / interval - 1e-9)
        return (*(_unrounded(index * interval) for index in range(count)), duration)

    @property
    def acting(self) -> Parameters:
        """The parameters with which the run computes: zero where a mechanism is off."""
        off = [name for name, on in self.mechanisms if not on]
        zero = (symbol for name in off for symbol in MECHANISMS[name].parameters)
        return replace(self.parameters, **dict.fromkeys(zero, 0.0))

    @property
    def periodic_axes(self) -> tuple[int, ...]:
        """The periodic axes as arrays count them from the end, -3 to -1 for z, y, x."""
        return tuple(AXES[name] - 3 for name in self.boundary.periodic)

    @property
    def allowed_error(self) -> float | None:
        """Points of BV/TV change [%] that steps may cost in a year; None if they are fixed."""
        return None if self.run.accuracy is None else 100 * self.run.accuracy

    @property
    def has_local_forcing(self) -> bool:
        """Whether disease acts in a part of the box only, or inflammatory cells act."""
        disease = self.disease
        return bool(disease.pannus or self.boundary.walls or disease.inflammatory_cells)

    def __eq__(self, other: object) -> bool:
        """Whether two runs have the same tables, be their files and warnings what they may."""
        return isinstance(other, RunConfig) and dict(self) == dict(other)

    def changed(self, changes: Mapping[str, Any]) -> "RunConfig":
        """A run with other values of some keys, and the defaults that follow from these.

        Args:
            changes: values by dotted key, as a run file gives them: ``{"run.duration": "56 day"}``.

        Raises:
            InputError: a key is unknown, or a value cannot be used.
        """
        data = plain(self._given)
        if changes.get("run.step", "adaptive") != "adaptive":
            data["run"].pop("accuracy", None)
        for key, value in changes.items():
            put(data, key.split("."), value)
        return _validated(data, self.source)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; tables in `update` also replace those that were given."""
        copy = super().model_copy(update=update, deep=deep)
        copy._given = self._given | copy.model_dump(
            mode="json", by_alias=True, exclude_none=True, include=set(update or ())
        )
        return copy

    def model_post_init(self, context: Any) -> None:
        """Keeps what was noted while the file was read."""
        self._warnings = tuple(context.notes) if context else ()

    @model_validator(mode="after")
    def _consistent(self) -> "RunConfig":
        checks = (_refuse_steps, _refuse_many_snapshots, _refuse_late_ramp, _refuse_faces)
        for refuse in (*checks, _refuse_idle_load):
            refuse(self)
        if self.run.devices != "all":
            refuse_cut_of_periodic_z(self.boundary.periodic, self.run.devices)
        return self


def read_run_file(
    source: Path | str | Mapping[str, Any],
    overrides: Sequence[str] | str = (),
    *,
    folder: Path | str = ".",
    name: str = "run",
) -> RunConfig:
    """Read a run file.

    Args:
        source: the run file (TOML), or its tables as nested dicts.
        overrides: one or more changes such as ``"run.duration=56 day"``; the value is read as TOML
            where it is that, and as a string otherwise.
        folder: folder that paths inside are relative to, for tables; that of the file otherwise.
        name: name of the run, for tables; that of the file otherwise.

    Raises:
        InputError: the file cannot be read, or something in it is wrong.
    """
    if not isinstance(source, Mapping | str | Path):
        raise InputError(f"a run file or a dictionary of its tables is needed, not {shown(source)}")
    if isinstance(source, Mapping):
        data, path = plain(source), Path(folder).resolve() / f"{name}.toml"
    else:
        data, path = read_toml(Path(source)), Path(source)
        path = path.parent.resolve() / f"{path.stem}.toml"
    for text in [overrides] if isinstance(overrides, str) else overrides:
        data = with_override(data, text)
    return _validated(data, path)


def _validated(data: Mapping[str, Any], source: Path) -> RunConfig:
    given = plain(data)
    refuse_old_keys(given)
    try:
        config = RunConfig.model_validate(plain(given), context=Context(source.parent))
    except ValidationError as error:
        raise InputError(explain(error, data, RunConfig)) from None
    config._source, config._given = source, given
    return config


def _refuse_steps(config: RunConfig) -> None:
    step, duration = config.run.step, config.run.duration
    if step == "adaptive":
        return
    if config.run.accuracy is not None:
        raise InputError("run.accuracy is for run.step = 'adaptive' and does not go with a time")
    if step > duration:
        raise InputError(f"run.step = {step:g} day must be at most run.duration = {duration:g} day")


def _refuse_many_snapshots(config: RunConfig) -> None:
    """Refuse more snapshots than anybody can use."""
    interval, duration = config.output.snapshots, config.run.duration
    if duration / interval > MOST_SNAPSHOTS:
        raise InputError(
            f"output.snapshots = {interval:g} day makes {duration / interval:.0f} snapshots in "
            f"run.duration = {duration:g} day, and a run may have {MOST_SNAPSHOTS}: take them less "
            "often"
        )


def _refuse_late_ramp(config: RunConfig) -> None:
    """Refuse a curve of estrogen loss besides its pieces."""
    estrogen = config.disease.estrogen
    if estrogen and estrogen.loss.constant is None and (estrogen.onset or estrogen.ramp):
        key = "onset" if estrogen.onset else "ramp"
        raise InputError(
            f"disease.estrogen.{key} does not go with the pieces of disease.estrogen.loss, which "
            "say when estrogen is lost: give one of the two"
        )


def _refuse_faces(config: RunConfig) -> None:
    """Refuse what needs a face of the box where it is periodic."""
    pannus = config.disease.pannus
    needed = [
        (f"boundary.{s}.{face}", face) for s, w in config.boundary.walls.items() for face in w
    ]
    needed += [("disease.pannus.faces", face) for face in pannus.faces] if pannus else []
    for key, face in needed:
        if face[0] in config.boundary.periodic:
            raise InputError(
                f"boundary.periodic names {face[0]!r}, where the box repeats itself, and {key} "
                f"needs the face {face} there: take one of the two out"
            )


def _refuse_idle_load(config: RunConfig) -> None:
    """Refuse keys of the load that do nothing with its mechanics."""
    load, default = config.load, LoadTable()  # defaults stand in every file that is written out
    needed = {"loading": "'fe'"} if load.mechanics in ("off", "density") else {}
    needed |= {"factor": "'fe' or 'density'"} if load.mechanics == "off" else {}
    for key, kinds in needed.items():
        if getattr(load, key) != getattr(default, key):
            idle = f"load.{key} does nothing where load.mechanics = {load.mechanics!r}"
            raise InputError(f"{idle}: give {kinds}, or leave the {key} out")


def _unrounded(time: float) -> float:
    """A multiple of an interval [day] as it is written: 3 times 0.1 day is day 0.3.

    The product differs by rounding (4e-16 of it at most), and times name files by all their digits.
    """
    near = round(time, 9)  # the multiples of 7 hours, say, are not that short
    return near if math.isclose(near, time, rel_tol=1e-15) else time
