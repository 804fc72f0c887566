"""Types of the keys of a run file: quantities with their unit, paths, switches, lists.

The unit and the limits of a key stand in its annotation: reading, error messages, the run file
written out in full and the JSON schema follow from it.
"""

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import (
    CoreSchema,
    PydanticCustomError,
    PydanticSerializationUnexpectedValue,
    core_schema,
)

from tissue import units
from tissue.errors import printable, shown

LONGEST_PATH = 300
"""Characters of a path that a message shows."""

SHORTEST_LENGTH, LONGEST_LENGTH = 0.001, 1e5
"""Shortest and longest length of a run file [um]: a few atoms, and a hand."""

WIDEST_SMOOTHING = 1000.0
"""Widest smoothing of an image [um]: six human trabeculae (0.15 mm), of which it leaves nothing."""

LARGEST_NUMBER = 10**30
"""Largest whole number that is read as a quantity: Python does not write out much larger ones."""

LARGEST_COUNT = 10**9
"""Largest number of a voxel along an axis, or of checkpoints."""

FILE_ERROR: Final = "file_error"
"""Type of the errors of paths, whose text begins with the path."""

NAME_ONLY = Path()
"""Folder that stands for no folder: files are written by their names alone."""


@dataclass
class Context:
    """Surroundings of a run file while it is read.

    Attributes:
        folder: folder that its paths are relative to.
        run: its table [run], once that is read.
        notes: sentences about values that were converted or are questionable.
    """

    folder: Path
    run: Any = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Unit:
    """Unit of a number, which a run file gives as text such as "3.5 pM".

    Attributes:
        name: unit of the number inside.
        shown: unit in which it is written; None for the same.
    """

    name: str
    shown: str | None = None

    def read(self, value: object, info: ValidationInfo) -> float:
        """The number of a text with a unit.

        Raises:
            UnitError: the text is not a quantity of that kind.
        """
        return units.parse(written(value, "a quantity"), self.name)

    def write(self, value: Any) -> str:
        """The text that reads back as a number."""
        if not isinstance(value, float | int):
            raise PydanticSerializationUnexpectedValue("not a number")
        return units.exact(value, self.name, self.shown)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_before_validator_function(
            self.read,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(
                self.write, when_used="json"
            ),
        )

    def __get_pydantic_json_schema__(self, *_: Any) -> dict[str, Any]:
        return quantity_schema(self.shown or self.name)


def quantity_schema(unit: str) -> dict[str, Any]:
    """JSON schema of a quantity in a unit; only one without dimension may be a number."""
    number = r"^\s*[+\-−]?\.?[0-9]"
    if unit in ("1", "%"):
        form: dict[str, Any] = {"type": ["string", "number"], "pattern": number}
    else:  # every other unit has a letter that no number has
        form = {"type": "string", "pattern": number + ".*[A-DF-Za-df-zµμ]"}
    return form | {"examples": [f"10 {unit}".removesuffix(" 1")], "unit": unit}


def written(value: object, what: str) -> str:
    """The text of a quantity; numbers go the same way, so that their error names the unit.

    Args:
        value: value as a run file gives it.
        what: kind of value, for the message.
    """
    # Python refuses to write out a number of thousands of digits
    huge = isinstance(value, int) and abs(value) > LARGEST_NUMBER
    if isinstance(value, bool) or huge or not isinstance(value, str | int | float):
        raise ValueError(f"{shown(value)} is not {what} with a unit")
    return str(value)


def as_tuple(value: object) -> object:
    """A list of TOML as a tuple."""
    return tuple(value) if isinstance(value, list) else value


DISTINCT: Final[dict[str, Any]] = {"uniqueItems": True}
"""JSON schema of lists of names of which none stands twice."""


def distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    """Names of which none stands twice.

    Raises:
        ValueError: one does.
    """
    if len(set(value)) < len(value):
        raise ValueError(f"{shown(list(value))} names one twice")
    return value


def _ordered(value: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= value[0] < value[1]:
        raise ValueError(f"{shown(list(value))} is not a range")
    return value


class _File:
    """Path of a file: relative to the folder of the run file, with ~ for the home folder."""

    def __get_pydantic_core_schema__(self, source: Any, _: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            lambda value, info: _full_path(value, info.context),
            serialization=core_schema.plain_serializer_function_ser_schema(
                _relative, info_arg=True, when_used="json"
            ),
        )

    def __get_pydantic_json_schema__(self, *_: Any) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


def _full_path(value: object, context: Context | None) -> Path:
    """The full path of a file that a run file names.

    Raises:
        PydanticCustomError: no file can have that name, or it is a pipe or a device, which has no
            end.
    """
    if not isinstance(value, str | Path) or not str(value):
        raise PydanticCustomError("path_type", "not a path")
    name = f"'{printable(str(value), LONGEST_PATH)}'"
    circle = f"{name} is a link that leads back to itself: name the file"
    try:
        given = Path(value).expanduser()
    except RuntimeError:
        raise _refused(
            f"{name}: the home folder that ~ stands for is not known: write the path in full"
        ) from None
    try:
        path = ((context.folder if context else Path()) / given).resolve()
        mode = path.stat().st_mode
    except ValueError:
        raise _refused(f"{name} holds a character that no path may have: take it out") from None
    except RuntimeError:  # a link that leads to itself, in Python up to 3.12
        raise _refused(circle) from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _refused(f"{shown(str(value))} is too long for the name of a file") from None
        if error.errno == errno.ELOOP:
            raise _refused(circle) from None
        return path  # whoever needs the file reports it: a run may continue without its image
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise _refused(f"{name} is a pipe or a device: give a file or a folder")
    return path


def _refused(problem: str) -> PydanticCustomError:
    return PydanticCustomError(FILE_ERROR, "{problem}", {"problem": problem})


def _relative(file: Path, info: core_schema.SerializationInfo) -> str:
    folder = info.context
    if folder is NAME_ONLY:
        return file.name
    try:
        return Path(os.path.relpath(file, folder)).as_posix() if folder else file.as_posix()
    except ValueError:  # on another drive
        return file.as_posix()


FilePath = Annotated[Path, _File()]
Switch = Annotated[bool, Field(strict=True)]
Name = Annotated[str, Field(strict=True, min_length=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
Length = Annotated[float, Unit("um"), Field(ge=SHORTEST_LENGTH, le=LONGEST_LENGTH)]
Lengths = Annotated[tuple[Length, Length, Length], BeforeValidator(as_tuple)]
Smoothing = Annotated[float, Unit("um"), Field(ge=0, le=WIDEST_SMOOTHING)]
Count = Annotated[int, Field(strict=True, le=LARGEST_COUNT)]
Range = Annotated[tuple[Count, Count], BeforeValidator(as_tuple), AfterValidator(_ordered)]
Ranges = Annotated[tuple[Range, Range, Range], BeforeValidator(as_tuple)]
Voxels = Annotated[int, Field(strict=True, ge=4, le=4096)]
Shape = Annotated[tuple[Voxels, Voxels, Voxels], BeforeValidator(as_tuple)]

LENGTH = f"a length > 0, from {SHORTEST_LENGTH} to {LONGEST_LENGTH:g} um"
SWITCH = "true or false"
SEED = "a whole number from 0 to 4294967295"
