"""The solutes whose concentrations a run file gives, and what a mole of each weighs.

Assays give mass per volume, as pg/mL; the model counts molecules. Where several forms of a protein
exist, the one that acts and that the model's diffusivity belongs to is counted.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tissue import units
from tissue.model.drugs import DRUGS


class Solute(NamedTuple):
    """A solute of marrow.

    Attributes:
        form: name, with the form that is counted.
        molar_mass: [g/mol].
        source: of the molar mass.
    """

    form: str
    molar_mass: float
    source: str


SOLUTES = {
    "il1": Solute(
        "IL-1 beta",
        17_400.0,
        "mature human form, 153 residues: 17 377 from its sequence (computed); IL-1 alpha, 159 "
        "residues, has 18 000 (remembered)",
    ),
    "il1ra": Solute(
        "IL-1Ra without sugars",
        DRUGS["anakinra"].molar_mass,
        "that of anakinra; with its sugars up to 25 000 (remembered)",
    ),
    "tnf": Solute(
        "the TNF trimer",
        52_000.0,
        "3 x 157 residues: 3 x 17 353 from its sequence (computed)",
    ),
    "rankl": Solute(
        "the RANKL trimer",
        66_000.0,
        "a trimer in solution (Willard 2000, read abstract), of 22 000 each with sugars "
        "(assumption, that of its diffusivity); recombinant ones have 20 000 each (maker's data)",
    ),
    "opg": Solute(
        "the OPG dimer",
        120_000.0,
        "dimer 120 000, monomer 60 000, the dimer more active (immuno-PCR of OPG, Clin Chem, read "
        "abstract)",
    ),
}

OF_DISEASE = {"il1_excess": "il1", "il1ra_excess": "il1ra", "tnf": "tnf"}
"""The solutes of the keys of [disease]."""


def in_moles(data: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Turn mass per volume into pM where a key says which solute it is.

    Args:
        data: tables of a run file, right or wrong.

    Returns:
        The tables with such concentrations in pM, all else as it was; and a sentence for each that
        says with which molar mass.
    """
    changed, notes = dict(data), []
    for (*path, key), solute in _concentrations(data):
        table = data
        for name in path:
            table = table[name]
        found = _in_moles(table[key], solute)
        if found is None:
            continue
        inner = changed
        for name in path:
            inner[name] = dict(inner[name])
            inner = inner[name]
        inner[key] = units.exact(found, "pM")
        notes.append(
            f"{'.'.join(path)}.{key} = {table[key].strip()} is read as {found:.4g} pM, with "
            f"{solute.molar_mass / 1000:g} kg/mol of {solute.form}"
        )
    return changed, tuple(notes)


def _concentrations(data: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Solute]]:
    """The keys that hold a concentration of a known solute."""
    disease, boundary = data.get("disease"), data.get("boundary")
    if isinstance(disease, Mapping):
        for key, name in OF_DISEASE.items():
            if key in disease:
                yield ("disease", key), SOLUTES[name]
    if not isinstance(boundary, Mapping):
        return
    for name, solute in SOLUTES.items():
        faces = boundary.get(name)
        for face, wall in faces.items() if isinstance(faces, Mapping) else ():
            for key in ("value", "blood"):
                if isinstance(wall, Mapping) and key in wall:
                    yield ("boundary", name, face, key), solute


def _in_moles(value: object, solute: Solute) -> float | None:
    """A mass per volume in pM; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        units.parse(value, "pM")
    except units.UnitError:
        pass
    else:
        return None
    try:
        return units.parse(value, "pM", solute.molar_mass)
    except units.UnitError:
        return None
