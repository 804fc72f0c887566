"""Quantities written with their units, read into plain numbers.

Units leave once, where a run file is read; inside, lengths are in um, times in day,
concentrations in pM, masses in mg. Arithmetic is exact (rational), so ``parse("1/12 1/day",
"1/day")`` is the double nearest to 1/12 and ``exact`` can promise to read back unchanged.
"""

import difflib
import math
import re
from decimal import Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from tissue.errors import InputError


class UnitError(InputError, ValueError):
    """A quantity that cannot be read; the message is one short clause naming the remedy."""


class _Measure(NamedTuple):
    """What one of a unit is worth in um, day, pM, mg, and its exponents of them."""

    scale: Fraction
    dimension: tuple[int, int, int, int]


_LENGTHS: dict[str, Fraction | int] = {
    "nm": Fraction(1, 1000),
    "um": 1,
    "mm": 1000,
    "cm": 10**4,
    "m": 10**6,
}
_DAY: dict[str, Fraction | int] = {
    "s": Fraction(1, 86400),
    "min": Fraction(1, 1440),
    "h": Fraction(1, 24),
    "d": 1,
}
_DAY |= {"second": _DAY["s"], "minute": _DAY["min"], "hour": _DAY["h"], "day": 1, "week": 7}
_DAY |= {"month": Fraction("30.4375"), "year": Fraction("365.25")}
_DAY |= {f"{name}s": size for name, size in _DAY.items() if len(name) > 3 or name == "day"}
_CONCENTRATIONS: dict[str, Fraction | int] = {
    "fM": Fraction(1, 1000),
    "pM": 1,
    "nM": 1000,
    "uM": 10**6,
}
_MASSES: dict[str, Fraction | int] = {
    "ng": Fraction(1, 10**6),
    "ug": Fraction(1, 1000),
    "mg": 1,
    "g": 1000,
    "kg": 10**6,
}
_COUNTS: dict[str, Fraction | int] = {"1": 1, "%": Fraction(1, 100)}
_COUNTS |= {"cell": 1, "cells": 1, "molecule": 1, "molecules": 1}

_UNITS: dict[str, _Measure] = {
    name: _Measure(Fraction(size), dimension)
    for sizes, dimension in (
        (_LENGTHS, (1, 0, 0, 0)),
        (_DAY, (0, 1, 0, 0)),
        (_CONCENTRATIONS, (0, 0, 1, 0)),
        (_MASSES, (0, 0, 0, 1)),
        (_COUNTS, (0, 0, 0, 0)),
    )
    for name, size in sizes.items()
}

_KINDS = {
    (0, 0, 0, 0): "pure number",
    (1, 0, 0, 0): "length",
    (2, 0, 0, 0): "area",
    (3, 0, 0, 0): "volume",
    (0, 1, 0, 0): "time",
    (0, 0, 1, 0): "concentration",
    (0, -1, 0, 0): "rate",
    (1, -1, 0, 0): "velocity",
    (2, -1, 0, 0): "diffusivity",
    (0, -1, 1, 0): "production rate",
    (0, -1, -1, 0): "binding rate",
    (-2, 0, 0, 0): "density per area",
    (-3, 0, 0, 0): "density per volume",
    (0, 0, 0, 1): "mass",
}

_PLAIN = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMBER = re.compile(rf"\s*([+-]?{_PLAIN})(?:\s*/\s*({_PLAIN}))?\s*")
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z]+)(?:(?:\s*(?:\^|\*\*)\s*)?(?P<power>[+-]?[0-9])(?![0-9.]))?"
    r"|(?P<plain>%|1(?![0-9.]))|(?P<mark>[*/()]))\s*"
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def parse(text: str, unit: str) -> float:
    """Read a quantity such as ``"30 um^2/s"`` and convert it.

    Args:
        text: a number or fraction followed by its unit; a pure number needs none.
        unit: unit of the result, for example ``"um^2/day"``.

    Returns:
        The value in `unit`, correctly rounded.

    Raises:
        UnitError: the number is malformed or not finite, or the unit is missing, unknown or of
            another kind.
    """
    number, given_unit = _split(text)
    wanted = _measure(unit)
    if not given_unit and any(wanted.dimension):
        raise UnitError(f"{text!r} has no unit: {_needed(text.strip(), unit)}")
    given = _measure(given_unit or "1")
    if given.dimension != wanted.dimension:
        amount = text[: len(text) - len(given_unit)].strip()
        kind = _kind(given.dimension)
        raise UnitError(f"{text!r} is {kind}: {_needed(amount, unit)}")
    return _finite(number * given.scale / wanted.scale, text)


def format(value: float, unit: str) -> str:
    """Write a quantity with six significant digits, for people: ``"20000 um^2/day"``."""
    return _joined(f"{value:.6g}", unit)


def exact(value: float, unit: str, shown: str | None = None) -> str:
    """Write a quantity so that ``parse(exact(value, unit, shown), unit) == value``.

    Args:
        value: finite number in `unit`.
        unit: unit of `value`.
        shown: unit to write it in, `unit` itself by default.
    """
    shown = shown or unit
    amount = Fraction(value) * _measure(unit).scale / _measure(shown).scale
    near = float(amount)
    candidates = [f"{near:.6g}"]
    if 1e-6 < near < 1:
        candidates.append(f"1/{round(1 / near)}")
    candidates.append(repr(near))
    for number in candidates:
        if parse(_joined(number, shown), unit) == value:
            return _joined(number, shown)
    # 17 correctly rounded digits identify any double, also after the change of unit.
    digits = Context(prec=17).divide(Decimal(amount.numerator), Decimal(amount.denominator))
    return _joined(str(digits), shown)


def kind(unit: str) -> str:
    """Name what a unit measures, with its article: ``kind("pM")`` is "a concentration"."""
    return _kind(_measure(unit).dimension)


def _joined(number: str, unit: str) -> str:
    return number if unit == "1" else f"{number} {unit}"


def _split(text: str) -> tuple[Fraction, str]:
    """The number in front, and the unit that follows it."""
    found = _NUMBER.match(text)
    if not found:
        raise UnitError(f"{text!r} does not start with a finite number")
    top, bottom = (_fraction(part, text) for part in (found[1], found[2] or "1"))
    if not bottom:
        raise UnitError(f"{text!r} divides by zero")
    return top / bottom, text[found.end() :].rstrip()


def _fraction(number: str, text: str) -> Fraction:
    # Checked as a double first: the exact value of 1e999999999 would fill the memory.
    if not math.isfinite(float(number)):
        raise UnitError(f"{text!r} is not a finite number")
    return Fraction(number) if float(number) else Fraction(0)


def _finite(value: Fraction, text: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise UnitError(f"{text!r} is not a finite number") from None


def _measure(unit: str) -> _Measure:
    """Multiply out a unit such as ``"1/(pM day)"`` or ``"/day"``, from left to right."""
    scale, dimension = Fraction(1), (0, 0, 0, 0)
    groups, sign, needs_factor = [1], 1, True
    for mark, name, power in _tokens(f"1{unit}" if unit.startswith("/") else unit):
        if name:
            exponent = groups[-1] * sign * power
            factor = _named(name, unit)
            scale *= factor.scale**exponent
            x, y, z, w = (
                a + exponent * b for a, b in zip(dimension, factor.dimension, strict=True)
            )
            dimension = (x, y, z, w)
            sign, needs_factor = 1, False
        elif mark == "(":
            groups.append(groups[-1] * sign)
            sign, needs_factor = 1, True
        elif mark == ")" and len(groups) > 1 and not needs_factor:
            groups.pop()
        elif mark == "/" and not needs_factor:
            sign, needs_factor = -1, True
        elif mark == "*" and not needs_factor:
            needs_factor = True
        else:
            raise UnitError(f"the unit {unit!r} is malformed near {mark!r}")
    if needs_factor or len(groups) > 1:
        raise UnitError(f"the unit {unit!r} is incomplete")
    return _Measure(scale, dimension)


def _tokens(unit: str) -> list[tuple[str, str, int]]:
    """Split a unit into (mark, name, power); either the mark or the name is empty."""
    plain = re.sub("[µμ]", "u", unit)
    plain = re.sub("[·⋅×]", "*", plain)
    plain = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda raised: "^" + raised[0].translate(_RAISED), plain)
    tokens, position = [], 0
    while position < len(plain):
        found = _TOKEN.match(plain, position)
        if not found:
            raise UnitError(f"the unit {unit!r} is malformed near {plain[position:].strip()!r}")
        name = found["name"] or found["plain"] or ""
        tokens.append((found["mark"] or "", name, int(found["power"] or 1)))
        position = found.end()
    return tokens


def _named(name: str, unit: str) -> _Measure:
    if name in _UNITS:
        return _UNITS[name]
    lower = {known.lower(): known for known in _UNITS}
    near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f"did you mean {lower[near[0]]!r}?" if near else "known are um, mm, day, pM and others"
    where = "" if name == unit else f" in {unit!r}"
    raise UnitError(f"{name!r}{where} is not a known unit; {hint}")


def _kind(dimension: tuple[int, int, int, int]) -> str:
    name = _KINDS.get(dimension)
    if name is None:
        powers = zip(("length", "time", "concentration", "mass"), dimension, strict=True)
        name = "quantity of kind " + " ".join(f"{base}^{power}" for base, power in powers if power)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _needed(amount: str, unit: str) -> str:
    return f"{kind(unit)} is needed, e.g. {_joined(amount, unit)!r}"
