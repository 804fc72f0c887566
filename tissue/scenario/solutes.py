"""Concentrations of solutes as assays give them: mass per volume, read with a molar mass.

The model counts molecules. Where several forms of a protein exist, the one that acts and that the
model's diffusivity belongs to is counted.
"""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from pydantic import Field, ValidationInfo

from tissue import units
from tissue.keys import Unit, written
from tissue.model.drugs import DRUGS
from tissue.model.species import Solute
from tissue.scenario.values import HIGHEST_CONCENTRATION

CONCENTRATION = (
    f"a concentration >= 0 and at most {HIGHEST_CONCENTRATION:g} pM, e.g. '3.5 pM' or '61 pg/mL'"
)


class Molecule(NamedTuple):
    """Form of a protein that is counted, its molar mass [g/mol] and the source of that."""

    form: str
    molar_mass: float
    source: str


IL1RA = Molecule(
    "IL-1Ra without sugars",
    DRUGS["anakinra"].molar_mass,
    "that of anakinra; with its sugars up to 25 000 (remembered)",
)
"""The antagonist, which the model has no field of."""


@dataclass(frozen=True)
class SoluteUnit(Unit):
    """Unit of the concentration of a solute, which may be given as mass per volume.

    Attributes:
        key: key of the concentration or of the table that holds it, for notes.
        molecule: form that is counted, with its molar mass.
    """

    name: str = "pM"
    key: str = ""
    molecule: Solute | Molecule = IL1RA

    def read(self, value: object, info: ValidationInfo) -> float:
        """The concentration [pM]; a conversion is noted in the context of the run file."""
        text = written(value, "a quantity")
        try:
            return units.parse(text, self.name)
        except units.UnitError as error:
            try:
                found = units.parse(text, self.name, self.molecule.molar_mass)
            except units.UnitError:
                raise error from None
        if info.context:
            info.context.notes.append(
                f"{self.key} = {text.strip()} is read as {found:.4g} pM, with "
                f"{self.molecule.molar_mass / 1000:g} kg/mol of {self.molecule.form}"
            )
        return found


def concentration(key: str, molecule: Solute | Molecule) -> Any:
    """Type of a concentration [pM].

    Args:
        key: its key or the table that holds it, for notes.
        molecule: the solute.
    """
    unit = SoluteUnit(key=key, molecule=molecule)
    return Annotated[float, unit, Field(ge=0, le=HIGHEST_CONCENTRATION)]
