"""Values that a run file gives as a constant or as pieces of time."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    Tag,
    TypeAdapter,
    create_model,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from tissue.keys import as_tuple
from tissue.scenario.values import LONGEST_TIME, SHORTEST_STEP, Moment, Table

PIECES_ERROR: Final = "pieces_error"
"""Type of the errors of pieces, whose text says what is allowed."""


class Piece(NamedTuple):
    """A value from a start to an end [day], the end not included."""

    start: float
    end: float
    value: float


@dataclass(frozen=True)
class TimeCourse:
    """A value over the time of a run: constant, or in pieces.

    Attributes:
        pieces: in order of time, without overlap; a constant is one piece of all times.
        outside: value outside them.
    """

    pieces: tuple[Piece, ...]
    outside: float = 0.0

    @classmethod
    def of(cls, value: float) -> "TimeCourse":
        """The course of a constant."""
        return cls((Piece(0.0, math.inf, value),))

    @property
    def constant(self) -> float | None:
        """The constant value; None for pieces."""
        return self.pieces[0].value if math.isinf(self.pieces[0].end) else None

    @property
    def corners(self) -> tuple[float, ...]:
        """Times at which the value jumps [day], in order; none of a constant."""
        ends = {time for piece in self.pieces for time in piece[:2]}
        return () if self.constant is not None else tuple(sorted(ends))

    def at(self, day: float) -> float:
        """The value at a time [day]."""
        inside = (value for start, end, value in self.pieces if start <= day < end)
        return next(inside, self.outside)

    def __bool__(self) -> bool:
        return any(piece.value for piece in self.pieces)


class PieceTable(Table):
    """Piece of a time course."""

    start: Moment = Field(
        alias="from", description=f"a time >= 0 and at most {LONGEST_TIME:g} day, e.g. '0 day'"
    )
    end: Moment = Field(
        alias="to", description=f"a time after from and at most {LONGEST_TIME:g} day, e.g. '3 day'"
    )


@dataclass(frozen=True)
class Varying:
    """Annotation of a time course whose values have a type of their own.

    Attributes:
        key: dotted key.
        value: annotated type of a value, with its unit and limits.
        what: description of a value.
        outside: value outside pieces.
    """

    key: str
    value: Any
    what: str
    outside: float = 0.0

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        name = "".join(part.capitalize() for part in re.split("[._]", self.key)[1:])
        value = self.value, Field(description=self.what)
        piece: Any = create_model(f"{name}Piece", __base__=PieceTable, value=value)
        number = TypeAdapter(self.value)
        forms: Any = Annotated[
            Annotated[self.value, Tag("[constant]")]
            | Annotated[
                tuple[piece, ...],
                Field(json_schema_extra={"minItems": 1}),
                BeforeValidator(as_tuple),
                Tag("[pieces]"),
            ],
            Discriminator(lambda value: f"[{'pieces' if isinstance(value, list) else 'constant'}]"),
        ]

        def write(course: TimeCourse, info: core_schema.SerializationInfo) -> Any:
            def text(value: float) -> Any:
                return number.dump_python(value, mode="json")

            if info.mode == "python":
                return course
            if course.constant is not None:
                return text(course.constant)
            return [
                {"from": _day(start), "to": _day(end), "value": text(value)}
                for start, end, value in course.pieces
            ]

        def read(given: Any, inner: Any) -> TimeCourse:
            if isinstance(given, Mapping):
                raise _refused(f"write [[{self.key}]] in double brackets, a single piece too")
            return _read(given, inner, self.outside)

        return core_schema.no_info_wrap_validator_function(
            read,
            handler.generate_schema(forms),
            serialization=core_schema.plain_serializer_function_ser_schema(write, info_arg=True),
        )


_DAY = TypeAdapter(Moment)


def _day(time: float) -> Any:
    return _DAY.dump_python(time, mode="json")


def _read(given: Any, read: Any, outside: float) -> TimeCourse:
    if isinstance(given, TimeCourse):
        return given
    found = read(given)
    if not isinstance(found, tuple):
        return TimeCourse.of(found)
    pieces = [Piece(each.start, each.end, each.value) for each in found]
    return TimeCourse(_in_order(pieces), outside)


def _refused(problem: str) -> PydanticCustomError:
    return PydanticCustomError(PIECES_ERROR, "{problem}", {"problem": problem})


def _in_order(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The pieces, if each comes after the one before.

    Raises:
        PydanticCustomError: there are none, they overlap, or one ends before it starts or is
            shorter than any step.
    """
    if not pieces:
        raise PydanticCustomError("empty", "no pieces")
    end = 0.0
    for number, piece in enumerate(pieces, start=1):
        if piece.end <= piece.start:
            ends = f"ends at {piece.end:g} day, before it starts at {piece.start:g} day"
            same = f"starts and ends at {piece.start:g} day"
            raise _refused(f"piece {number} {same if piece.end == piece.start else ends}")
        if piece.start < end:
            raise _refused(
                f"piece {number} starts at {piece.start:g} day, before piece {number - 1} ends at "
                f"{end:g} day: give the pieces in order, without overlap"
            )
        if piece.end < piece.start + SHORTEST_STEP or end < piece.start < end + SHORTEST_STEP:
            raise _refused(
                f"piece {number} is from {piece.start:g} to {piece.end:g} day: a piece, and a gap "
                f"between two, must last at least {SHORTEST_STEP} day"
            )
        end = piece.end
    return tuple(pieces)
