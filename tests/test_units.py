import contextlib
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tissue import units
from tissue.errors import InputError
from tissue.numerals import short, shortened

UNITS = ("um", "um^2/day", "1/(pM day)", "cells/mm^3", "pM", "day", "1")
PAIRS = (("um^2/day", "um^2/s"), ("day", "year"), ("pM", "nM"), ("um/day", "um/year"), ("1", "%"))
NUMBERS = st.floats(-1e200, 1e200, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-200)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("30 um^2/s", "um^2/day", 30 * 86400),
        ("30 µm²·s⁻¹", "um^2/day", 30 * 86400),
        ("30 um2/s", "um^2/day", 30 * 86400),
        ("30 um**2 / s", "um^2/day", 30 * 86400),
        ("3.5 pM", "pM", 3.5),
        ("28 day", "day", 28),
        ("28days", "day", 28),
        ("1/8 1/day", "1/day", 0.125),
        ("0.125 /day", "1/day", 0.125),
        ("1/12 1/day", "1/day", 1 / 12),
        ("1/day", "1/day", 1),
        ("8.2 um", "um", 8.2),
        ("73.05 um/year", "um/day", 0.2),
        ("1 month", "day", 30.4375),
        ("12 h", "day", 0.5),
        ("2000 cells/mm^3", "cells/mm^3", 2000),
        ("2 cells/um^2", "cells/mm^2", 2e6),
        ("0.3 1/(pM day)", "1/(pM day)", 0.3),
        ("0.3 1/pM/day", "1/(pM day)", 0.3),
        ("1e-3 nM", "fM", 1e3),
        ("5 %", "1", 0.05),
        ("0.25", "1", 0.25),
        ("-1e2 nm", "um", -0.1),
    ],
)
def test_reads(text: str, unit: str, value: float) -> None:
    assert units.parse(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("28 pM", "day", r"'28 pM' is a concentration: a time is needed, e\.g\. '28 day'"),
        ("28", "day", r"'28' has no unit: a time is needed, e\.g\. '28 day'"),
        ("28 dya", "day", "'dya' is not a known unit; did you mean 'day'"),
        ("3 um/zzzz", "um", "'zzzz' in 'um/zzzz' is not a known unit; a length is needed"),
        ("28 day", "1", "'28 day' is a time: a pure number is needed, e.g. '28'"),
        ("fast", "day", "does not start with a finite number"),
        ("", "day", "does not start with a finite number"),
        ("nan day", "day", "finite number"),
        ("inf day", "day", "finite number"),
        ("1e999 day", "day", "finite number"),
        ("1e300 m", "nm", "finite number"),
        ("1/0 day", "day", "divides by zero"),
        ("3 um//s", "um", "malformed near '/'"),
        ("3 12/day", "1/day", "malformed"),
        ("3 um^9 /s^", "um", "malformed near '\\^'"),
        ("3 um^99", "um", "malformed"),
        ("3 um/", "um", "incomplete"),
        ("3 1/(um", "um", "incomplete"),
        ("3 um)", "um", "malformed"),
    ],
)
def test_refuses(text: str, unit: str, message: str) -> None:
    with pytest.raises(units.UnitError, match=message) as raised:
        units.parse(text, unit)
    assert isinstance(raised.value, InputError)
    assert isinstance(raised.value, ValueError)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("3.5 pmol/L", "pM", 3.5),
        ("0.2 fmol/uL", "pM", 200),
        ("1 nmol/ml", "pM", 1e6),
        ("2 nmol L^-1", "pM", 2000),
        ("2 mmol/l", "mM", 2),
        ("1 mol/L", "M", 1),
        ("3 uM", "pM", 3e6),
        ("20 micron", "um", 20),
        ("20 microns", "um", 20),
        ("20 micrometers", "um", 20),
        ("20 micrometer", "um", 20),
        ("2 millimeters", "um", 2000),
        ("1 uL", "mm^3", 1),
        ("1 mL", "cm^3", 1),
        ("1 deciliter", "mL", 100),
        ("5 cells/µl", "cells/mm^3", 5),
        ("24 hr", "day", 1),
        ("48 hrs", "day", 2),
        ("90 sec", "min", 1.5),
        ("30 mins", "h", 0.5),
        ("2 wks", "day", 14),
        ("1 yr", "day", 365.25),
        ("20 mcg", "mg", 0.02),
        ("1 microgram", "ng", 1000),
        ("5 pg", "fg", 5000),
        ("10 mg kg^-1", "mg/kg", 10),
        ("10 mg·kg⁻¹", "ug/g", 10),
        ("−3 pM", "pM", -3),
        ("3 um s−1", "um/s", 3),
    ],
)
def test_units_of_the_bench(text: str, unit: str, value: float) -> None:
    assert math.isclose(units.parse(text, unit), value, rel_tol=1e-15)


@pytest.mark.parametrize(
    ("text", "unit", "molar_mass", "value"),
    [
        # 100 pg/mL = 1e-7 g/L, over 17400 g/mol in mol/L
        ("100 pg/mL", "pM", 17_400.0, 1e-7 / 17_400 * 1e12),
        ("0.1 ng/ml", "pM", 17_400.0, 1e-7 / 17_400 * 1e12),
        ("1 ug/L", "nM", 52_000.0, 1e-6 / 52_000 * 1e9),
        ("2 g/l", "mM", 1000.0, 2.0),
        ("5 mg/dL", "uM", 100.0, 500.0),
        ("1 pg/mL/day", "pM/day", 1000.0, 1.0),
        ("1 mL/(pg day)", "1/(pM day)", 1000.0, 1.0),
        ("3 pM", "pM", 1000.0, 3.0),
    ],
)
def test_a_molar_mass_turns_mass_into_moles(
    text: str, unit: str, molar_mass: float, value: float
) -> None:
    assert math.isclose(units.parse(text, unit, molar_mass), value, rel_tol=1e-14)


@pytest.mark.parametrize(
    "text", ["100 pg/mL", "1 mg/l", "3 ug L^-1", "0.1 1/(pM day)", "1 mL/(ng day)", "3 pg/mL/day"]
)
def test_without_a_molar_mass_one_is_asked_for(text: str) -> None:
    wanted = {"0.1 1/(pM day)": "mL/(ng day)", "1 mL/(ng day)": "1/(pM day)"}.get(text, "pM")
    wanted = "pM/day" if text.endswith("/day") else wanted
    with pytest.raises(units.UnitError, match="needed: convert it with the molar mass of the sol"):
        units.parse(text, wanted)


@pytest.mark.parametrize(
    ("text", "unit", "meant"),
    [
        ("20 UM", "um", "um"),
        ("20 UM", "pM", "uM"),
        ("3 PM", "pM", "pM"),
        ("5 MM", "um", "mm"),
        ("5 MM", "pM", "mM"),
        ("20 mcrons", "um", "microns"),
        ("100 pgs/mL", "pM", "pg"),
        ("100 Pg/mL", "pM", "pg"),
        ("3.5 pmole5/L", "pM", None),  # a power is no misspelling
        ("3.5 pmols/L", "pM", "pmol"),
        ("3 Day", "day", "day"),
        ("3 um/Day", "um/day", "day"),
        ("1 1/(pm day)", "1/(pM day)", "pM"),
        ("5 qg/mL", "pM", None),
        ("5 IU/mL", "pM", None),
        ("10 parsec", "um", None),
    ],
)
def test_a_hint_is_of_the_kind_that_is_wanted(text: str, unit: str, meant: str | None) -> None:
    with pytest.raises(units.UnitError) as raised:
        units.parse(text, unit)
    said = str(raised.value)
    found = re.search("did you mean '(.*)'", said)
    assert (found and found[1]) == meant
    assert meant or units.kind(unit) in said


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("4,1 um", "'4,1 um' has a decimal comma: write '4.1 um'"),
        ("0,125 um", "a decimal comma: write '0.125 um'"),
        (",5 um", "a decimal comma: write '0.5 um'"),
        ("-1,25 um", "write '-1.25 um'"),
        ("1234,567 um", "a decimal comma: write '1234.567 um'"),
        ("1,5e3 um", "write '1.5e3 um'"),
        ("12,5", "write '12.5'"),
        (
            "1,000 um",
            "may be a thousand or have a decimal comma: write '1000 um' or '1.000 um'",
        ),
        ("1,000,000 um", "digits in groups: write '1000000 um'"),
        ("1.000.000 um", "digits in groups: write '1000000 um'"),
        ("1,000.5 um", "digits in groups: write '1000.5 um'"),
        ("1.000,5 um", "digits in groups: write '1000.5 um'"),
        ("1 000 um", "digits in groups: write '1000 um'"),
        ("1'000 um", "digits in groups: write '1000 um'"),
        ("1_000 um", "digits in groups: write '1000 um'"),
        ("1 000,5 um", "digits in groups: write '1000.5 um'"),
        ("1.5×10^5 um", "power of ten written out: write '1.5e5 um'"),
        ("1.5 x 10-5 um", "power of ten written out: write '1.5e-5 um'"),
        ("2·10⁵ um", "power of ten written out: write '2e5 um'"),
        ("1,2,3 um", "malformed near ',2,3 um'"),
        ("4.1.2 um", "malformed near '.2 um'"),
    ],
)
def test_a_number_that_is_not_plain_is_refused_with_a_remedy(text: str, remedy: str) -> None:
    with pytest.raises(units.UnitError, match=re.escape(remedy)):
        units.parse(text, "um")


def test_long_texts_are_cut_short() -> None:
    for text in ("9" * 300 + " um", "3 " + "a" * 150, "3 um" + " " * 100_000, "x" * 100_000):
        with pytest.raises(units.UnitError) as raised:
            units.parse(text, "um")
        assert len(str(raised.value)) < 300
    # python itself would refuse to convert so many digits
    with pytest.raises(units.UnitError, match="has 5005 characters, and a quantity may have 200"):
        units.parse("1." + "0" * 5000 + " um", "um")


def test_does_not_expand_a_vanishing_number() -> None:
    assert units.parse("1e-999999999 um", "um") == 0


@given(NUMBERS, st.sampled_from(UNITS))
def test_a_number_written_in_a_unit_reads_back(value: float, unit: str) -> None:
    assert units.parse(f"{value!r} {unit}", unit) == value


@given(NUMBERS, st.sampled_from(PAIRS))
def test_exact_reads_back_in_any_unit(value: float, pair: tuple[str, str]) -> None:
    unit, shown = pair
    assert units.parse(units.exact(value, unit, shown), unit) == value


@given(NUMBERS, st.sampled_from(UNITS))
def test_exact_reads_back_in_its_own_unit(value: float, unit: str) -> None:
    assert units.parse(units.exact(value, unit), unit) == value


@given(NUMBERS, st.sampled_from(PAIRS))
def test_conversion_scales(value: float, pair: tuple[str, str]) -> None:
    unit, other = pair
    one = units.parse(f"1 {other}", unit)
    converted = units.parse(f"{value!r} {other}", unit)
    assert math.isclose(converted, value * one, rel_tol=1e-14)


@given(NUMBERS)
def test_conversion_there_and_back(value: float) -> None:
    there = units.parse(f"{value!r} um^2/s", "um^2/day")
    back = units.parse(f"{there!r} um^2/day", "um^2/s")
    assert math.isclose(back, value, rel_tol=1e-15)


@given(st.text(max_size=30), st.sampled_from(UNITS))
def test_any_text_is_read_or_refused(text: str, unit: str) -> None:
    with contextlib.suppress(units.UnitError):
        assert math.isfinite(units.parse(text, unit))


def test_writes_tidily() -> None:
    assert units.format(20000.0, "um^2/day") == "20000 um^2/day"
    assert units.format(1 / 3, "1") == "0.333333"
    assert units.exact(3456000.0, "um^2/day", "um^2/s") == "40 um^2/s"
    assert units.exact(1 / 12, "1/day") == "1/12 1/day"
    assert units.exact(0.1 + 0.2, "pM") == "0.30000000000000004 pM"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, "0"), (1000.0, "1000"), (999.7, "999.7"), (162.5, "162.5"), (0.0423, "0.0423")),
        *((40000.0, "40000"), (123456.0, "123500"), (172.41379310344828, "172.4")),
        *((0.0003076923, "0.0003077"), (1e6, "1e+06"), (2.5e-7, "2.5e-07")),
    ],
)
def test_numbers_are_written_in_four_digits(value: float, text: str) -> None:
    assert short(value) == text
    assert shortened(f"{value!r} mg/kg") == f"{text} mg/kg"


def test_quantities_are_shortened_with_their_unit() -> None:
    assert shortened("1/3") == "0.3333"
    assert shortened("1/12 1/day") == "0.08333 1/day"
    for damaged in ("", "x", "x pM", "1/x pM"):
        with pytest.raises(ValueError, match="could not convert"):
            shortened(damaged)


def test_names_what_a_unit_measures() -> None:
    assert units.kind("um^2/s") == "a diffusivity"
    assert units.kind("um^2") == "an area"
    assert units.kind("um^4 pM") == "a quantity of kind length^4 concentration^1"
