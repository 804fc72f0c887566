import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tissue import units
from tissue.errors import InputError

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
        ("3 PM", "pM", "did you mean 'pM'"),
        ("3 um/zzzz", "um", "'zzzz' in 'um/zzzz' is not a known unit"),
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
        ("1,000 um", "um", "malformed"),
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


def test_does_not_expand_a_vanishing_number() -> None:
    assert units.parse("1e-999999999 um", "um") == 0


@given(NUMBERS, st.sampled_from(UNITS))
def test_a_number_written_in_a_unit_reads_back(value: float, unit: str) -> None:
    assert units.parse(f"{value!r} {unit}", unit) == value


@given(NUMBERS, st.sampled_from(PAIRS))
def test_exact_reads_back_in_any_unit(value: float, pair: tuple[str, str]) -> None:
    unit, shown = pair
    assert units.parse(units.exact(value, unit, shown), unit) == value


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


def test_names_what_a_unit_measures() -> None:
    assert units.kind("um^2/s") == "a diffusivity"
    assert units.kind("um^2") == "an area"
    assert units.kind("um^4 pM") == "a quantity of kind length^4 concentration^1"
