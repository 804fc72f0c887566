"""Concentrations as assays give them: mass per volume, read with the molar mass of the solute."""

import re
from pathlib import Path
from typing import Any

import pytest
from numpy.testing import assert_allclose

from tissue.errors import InputError
from tissue.model.drugs import DRUGS
from tissue.model.species import SOLUTES
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.json_schema import keys
from tissue.scenario.resolved import config_hash, resolved_toml
from tissue.scenario.solutes import IL1RA
from tissue.scenario.time_course import TimeCourse

# amino acids less water [g/mol], and the sequences of two mature human proteins
RESIDUES = dict(
    re.findall(
        "([A-Z])([0-9.]+)",
        "A71.08 R156.19 N114.10 D115.09 C103.14 E129.12 Q128.13 G57.05 H137.14 I113.16 L113.16 "
        "K128.17 M131.19 F147.18 P97.12 S87.08 T101.11 W186.21 Y163.18 V99.13",
    )
)
IL1_BETA = (
    "APVRSLNCTLRDSQQKSLVMSGPYELKALHLQGQDMEQQVVFSMSFVQGEESNDKIPVALGLKEKNLYLSCVLKDDKPTLQLESVDPKNYPKKKM"
    "EKRFVFNKIEINNKLEFESAQFPNWYISTSQAENMPVFLGGTKGGQDITDFTMQFVSS"
)
TNF = (
    "VRSSSRTPSDKPVAHVVANPQAEGQLQWLNRRANALLANGVELRDNQLVVPSEGLYLIYSQVLFKGQGCPSTHVLLTHTISRIAVSYQTKVNLLSA"
    "IKSPCQRETPEGAEAKPWYEPIYLGGVFQLEKGDRLSAEINRPDYLDFAESGQVYFGIIAL"
)
IL6 = (
    "VPPGEDSKDVAAPHRQPLTSSERIDKQIRYILDGISALRKETCNKSNMCESSKEALAENNLNLPKMAEKDGCFQSGFNEETCLVKIITGLLEFEVYLEYL"
    "QNRFESSEEQARAVQMSTKVLIQFLQKKAKNLDAITTPDPTTNASLLTKLQAQNQWLQDMTTHLILRSFKEFLQSSLRALRQM"
)

FACES = ("z_low", "z_high", "y_low", "y_high", "x_low", "x_high")
KEYS = ("value", "blood")


def parsed(**tables: Any) -> RunConfig:
    data = {"run": {"duration": "28 day"}, "geometry": {"synthetic": {}}, **tables}
    return read_run_file(data, folder=Path("/runs"), name="assayed")


def mass(sequence: str) -> float:
    return sum(float(RESIDUES[letter]) for letter in sequence) + 18.02


def test_molar_masses_are_those_of_the_sequences() -> None:
    assert (len(IL1_BETA), len(TNF)) == (153, 157)
    assert_allclose(SOLUTES["il1"].molar_mass, mass(IL1_BETA), rtol=0.002)
    assert_allclose(SOLUTES["tnf"].molar_mass, 3 * mass(TNF), rtol=0.002)
    assert len(IL6) == 183
    assert_allclose(SOLUTES["il6"].molar_mass, mass(IL6), rtol=0.01)  # some forms are longer by one
    assert IL1RA.molar_mass == DRUGS["anakinra"].molar_mass


@pytest.mark.parametrize(
    ("key", "molar_mass", "form"),
    [
        ("il1_excess", 17_400, "IL-1 beta"),
        ("il1ra_excess", 17_300, "IL-1Ra without sugars"),
        ("tnf", 52_000, "the TNF trimer"),
        ("il6_excess", 21_000, "IL-6 without sugars"),
    ],
)
def test_keys_of_disease(key: str, molar_mass: float, form: str) -> None:
    config = parsed(disease={key: "100 pg/mL"})
    # 100 pg/mL is 1e-7 g/l
    assert_allclose(getattr(config.disease, key).constant, 1e-7 / molar_mass * 1e12, rtol=1e-14)
    (note,) = config.warnings
    assert note == (
        f"disease.{key} = 100 pg/mL is read as {1e5 / molar_mass:.4g} pM, with "
        f"{molar_mass / 1000:g} kg/mol of {form}"
    )


@pytest.mark.parametrize("solute", list(SOLUTES))
@pytest.mark.parametrize("key", ["value", "blood"])
def test_keys_of_boundaries(solute: str, key: str) -> None:
    wall = {key: "2 ng/ml"} | ({"permeability": "100 um/day"} if key == "blood" else {})
    config = parsed(boundary={solute: {"z_low": wall, "x_high": {"value": "1 pM"}}})
    low, high = config.boundary.walls[solute].values()
    assert_allclose(low.concentration, 2e-6 / SOLUTES[solute].molar_mass * 1e12, rtol=1e-14)
    assert high.concentration == 1
    (note,) = config.warnings
    assert note.startswith(f"boundary.{solute} = 2 ng/ml is read as ")
    assert note.endswith(
        f"with {SOLUTES[solute].molar_mass / 1000:g} kg/mol of {SOLUTES[solute].form}"
    )


def test_every_concentration_of_the_run_file_has_its_solute() -> None:
    known = {f"disease.{key}" for key in ("il1_excess", "il1ra_excess", "tnf", "il6_excess")}
    known |= {f"{key}.value" for key in known}
    known |= {f"boundary.{name}.{face}.{key}" for name in SOLUTES for face in FACES for key in KEYS}
    concentrations = {
        ".".join((*path, key))
        for path, table in keys(RunConfig).items()
        for key, about in table.items()
        if about.startswith("a concentration")
    }
    assert concentrations == known


def test_a_run_in_mass_is_the_run_in_moles(tmp_path: Path) -> None:
    in_mass = parsed(disease={"il1_excess": "87 pg/mL"})
    in_moles = parsed(disease={"il1_excess": "5 pM"})
    assert in_mass.disease.il1_excess == in_moles.disease.il1_excess == TimeCourse.of(5.0)
    assert config_hash(in_mass) == config_hash(in_moles)
    (tmp_path / "again.toml").write_text(resolved_toml(in_mass), encoding="utf-8")
    again = read_run_file(tmp_path / "again.toml")
    assert (again.disease, again.warnings) == (in_mass.disease, ())


@pytest.mark.parametrize("text", ["3.5 pM", "3.5 pmol/L", "3.5 fmol/mL", "0.0035 nmol/l"])
def test_moles_need_no_molar_mass(text: str) -> None:
    config = parsed(disease={"il1_excess": text})
    assert_allclose(config.disease.il1_excess.constant, 3.5, rtol=1e-14)
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"disease": {"tnf": "-1 ng/mL"}}, "disease.tnf = '-1 ng/mL' must be a concentration >= 0"),
        ({"disease": {"tnf": "1 ng"}}, "disease.tnf: '1 ng' is a mass: a concentration is needed"),
        ({"disease": {"tnf": "1 ng/mL/day"}}, "disease.tnf: '1 ng/mL/day' is a quantity of kind"),
        ({"disease": {"tnf": "1 NG/mL"}}, "'NG' in 'NG/mL' is not a known unit; did you mean 'ng'"),
        ({"disease": {"tnf": "1,5 ng/mL"}}, "has a decimal comma: write '1.5 ng/mL'"),
        (
            {"disease": {"inflammatory_cells": "3 pg/mL"}},
            "'3 pg/mL' is a mass per volume: a density per volume is needed",
        ),
        (
            {"parameters": {"EC50": "100 pg/mL"}},
            "parameters.EC50: '100 pg/mL' is a mass per volume where a concentration in pM is "
            "needed: convert it with the molar mass of the solute",
        ),
        ({"boundary": {"il1": {"up": {"value": "3 pg/mL"}}}}, "boundary.il1.up is not a known key"),
        ({"boundary": {"il1": 3}}, "boundary.il1 = 3 must be a table"),
        ({"boundary": {"il1": {"z_low": 3}}}, "boundary.il1.z_low = 3 must be a table"),
        ({"disease": 3}, "disease = 3 must be a table"),
    ],
)
def test_what_is_no_concentration_is_refused(tables: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        parsed(**tables)


def test_the_given_tables_are_left_alone() -> None:
    given: dict[str, Any] = {
        "disease": {"tnf": "1 ng/mL"},
        "boundary": {"tnf": {"z_low": {"value": "1 ng/mL"}}},
    }
    parsed(**given)
    assert given["disease"]["tnf"] == "1 ng/mL"
    assert given["boundary"]["tnf"] == {"z_low": {"value": "1 ng/mL"}}
