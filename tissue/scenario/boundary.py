"""Faces of the box: the tables under [boundary], from the registry of solutes."""

from collections.abc import Collection
from typing import Any, get_args

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tissue.errors import InputError
from tissue.model.species import SOLUTES, Solute
from tissue.scenario.solutes import CONCENTRATION, concentration
from tissue.scenario.values import (
    HIGHEST_PERMEABILITY,
    AxisName,
    AxisNames,
    Face,
    Permeability,
    Table,
    registry_table,
)


def refuse_cut_of_periodic_z(periodic: Collection[str], devices: int) -> None:
    """Refuses several devices for a box that is periodic along z, where they would cut it.

    Args:
        periodic: names of the periodic axes.
        devices: their number.

    Raises:
        InputError: always then.
    """
    if devices > 1 and "z" in periodic:
        raise InputError(
            f"{devices} devices cut the box along z, and boundary.periodic names 'z', where it "
            "repeats itself: give run.devices = 1, or take 'z' out of boundary.periodic"
        )


class WallTable(Table):
    """[boundary.SOLUTE.FACE]: a value held on the face, or exchange with blood."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["value"], "maxProperties": 1},
                {"required": ["permeability", "blood"], "maxProperties": 2},
            ]
        }
    )

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
    wall = registry_table(
        f"{solute.name.capitalize()}Wall", WallTable, {"value": level, "blood": level}
    )
    face = wall | None, Field(default=None, description=_WALL)
    faces = registry_table(
        f"{solute.name.capitalize()}Faces", Table, dict.fromkeys(get_args(Face), face)
    )
    return faces, Field(default=faces(), description="a table")


class BoundaryTable(
    registry_table("_Faces", Table, {name: _faces(each) for name, each in SOLUTES.items()})  # type: ignore[misc]
):
    """[boundary]."""

    periodic: AxisNames = Field(
        default=(),
        description="a list of different axes among " + ", ".join(get_args(AxisName)),
    )

    @property
    def walls(self) -> dict[str, dict[str, WallTable]]:
        """Open faces of the box, by solute and face."""
        found = {
            name: {face: wall for face, wall in getattr(self, name) if wall is not None}
            for name in SOLUTES
        }
        return {name: walls for name, walls in found.items() if walls}
