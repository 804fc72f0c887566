"""Registry of the solutes of marrow: one entry holds all that the rest of the program must know.

State, balance, walls, conservation budgets, metrics, snapshot fields, the keys of a run file and
the forecasts are made for every entry. This module needs no JAX: readers of files use it too.

What marrow makes of a solute stands under its name in `production.PRODUCTION`; RANKL and OPG are
made by cells, as `rankl_opg.rankl_source` and `opg_source` have it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Solute:
    """A solute that diffuses in marrow fluid and is lost from it.

    Attributes:
        name: its name in fields, columns, keys and dictionaries.
        long_name: its name for people.
        form: form of the molecule that is counted where assays give mass.
        molar_mass: of that form [g/mol].
        source: of the molar mass.
        diffusivity: symbol of its parameter [um^2/day].
        clearance: symbol of the rate at which it is lost [1/day].
        healthy: symbol of its healthy concentration [pM]; None for a solute that health lacks.
        inflammatory_cells: symbol of what an inflammatory cell releases [molecules/cell/day];
            None for one that they do not make.
        excess_key: key under `[disease]` of a uniform excess; None where a run file gives none.
        driven_by: solute in answer to which inflammatory cells release it, "tnf" or "il6"; None
            for one that they release of their own.
    """

    name: str
    long_name: str
    form: str
    molar_mass: float
    source: str
    diffusivity: str
    clearance: str
    healthy: str | None = None
    inflammatory_cells: str | None
    excess_key: str | None = None
    driven_by: str | None = None


UNCOUPLED = (
    Solute(
        name="tnf",
        long_name="TNF",
        form="the TNF trimer",
        molar_mass=52_000.0,
        source="3 x 157 residues: 3 x 17 353 from its sequence (computed)",
        diffusivity="D_T",
        clearance="k_T",
        inflammatory_cells="q_FT",
        excess_key="tnf",
    ),
    Solute(
        name="il1",
        long_name="IL-1",
        form="IL-1 beta",
        molar_mass=17_400.0,
        source="mature human form, 153 residues: 17 377 from its sequence (computed); IL-1 alpha, "
        "159 residues, has 18 000 (remembered)",
        diffusivity="D_I",
        clearance="k_I",
        healthy="I_0",
        inflammatory_cells="q_FI",
        driven_by="tnf",
        excess_key="il1_excess",
    ),
    Solute(
        name="il6",
        long_name="IL-6",
        form="IL-6 without sugars",
        molar_mass=21_000.0,
        source="184 residues: 20 800 (remembered); with its sugars up to 28 000",
        diffusivity="D_I6",
        clearance="k_I6",
        healthy="I6_0",
        inflammatory_cells="q_FI6",
        driven_by="tnf",
        excess_key="il6_excess",
    ),
)
"""Solutes that diffuse alone, in the order of their solves: one may depend on those before it."""

RANKL = Solute(
    name="rankl",
    long_name="RANKL",
    form="the RANKL trimer",
    molar_mass=66_000.0,
    source="a trimer in solution (Willard 2000, read abstract), of 22 000 each with sugars "
    "(assumption, that of its diffusivity); recombinant ones have 20 000 each (maker's data)",
    diffusivity="D_R",
    clearance="k_R",
    healthy="R_0",
    inflammatory_cells="q_FR",
    driven_by="il6",
)
OPG = Solute(
    name="opg",
    long_name="OPG",
    form="the OPG dimer",
    molar_mass=120_000.0,
    source="dimer 120 000, monomer 60 000, the dimer more active (immuno-PCR of OPG, Clin Chem, "
    "read abstract)",
    diffusivity="D_O",
    clearance="k_O",
    healthy="O_0",
    inflammatory_cells=None,
)
PAIR = (RANKL, OPG)
"""Solutes that bind and consume each other one to one, at the rate kappa; solved together."""

SOLUTES: dict[str, Solute] = {solute.name: solute for solute in (*UNCOUPLED, *PAIR)}
