"""Quantities written with their units, read into plain numbers.

Units leave once, where a run file is read; inside, lengths are in um, times in day,
concentrations in pM, masses in mg. Arithmetic is exact (rational), so ``parse("1/12 1/day",
"1/day")`` is the double nearest to 1/12 and ``exact`` can promise to read back unchanged.
"""

import difflib
import math
import re
from collections.abc import Iterator
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from tissue.errors import InputError, shown
from tissue.numerals import PLAIN, in_ascii, misread

Dimension = tuple[int, int, int, int]

LONGEST_QUANTITY = 200
"""Characters that a quantity may have: a number of 17 digits and any unit need less than half."""


class UnitError(InputError, ValueError):
    """Quantity that cannot be read; the message is one short clause naming the remedy."""


class _UnknownUnitError(UnitError):
    """Unknown name of a unit."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{shown(name)} is not a known unit")
        self.name = name


class _Measure(NamedTuple):
    """Size of a unit in um, day, pM and mg, and its exponents of them."""

    scale: Fraction
    dimension: Dimension


_POWERS = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "c": -2, "d": -1, "": 0, "k": 3}
_POWERS |= {"M": 6, "G": 9}
_NAMES = ("femto", "pico", "nano", "micro", "milli", "centi", "deci", "", "kilo", "mega", "giga")
_WORDS = dict(zip(_POWERS, _NAMES, strict=True))


def _multiples(
    one: Fraction | int, prefixes: str, symbols: str, *names: str
) -> Iterator[tuple[str, Fraction]]:
    """Yield units with their multiples: ``uL``, ``ul`` and ``microliters`` of L, l and liter."""
    for prefix in (*prefixes, ""):
        forms = [prefix + symbol for symbol in symbols.split()]
        forms += [f"{_WORDS[prefix]}{name}{end}" for name in names for end in ("", "s")]
        yield from dict.fromkeys(forms, Fraction(10) ** _POWERS[prefix] * one).items()


_LENGTHS = dict(_multiples(10**6, "numc", "m", "meter", "metre"))
_LENGTHS |= {"micron": Fraction(1), "microns": Fraction(1)}
_VOLUMES = dict(_multiples(10**15, "fpnumd", "L l", "liter", "litre"))
_DAY = {
    "s sec secs second seconds": Fraction(1, 86400),
    "min mins minute minutes": Fraction(1, 1440),
    "h hr hrs hour hours": Fraction(1, 24),
    "d day days": Fraction(1),
    "wk wks week weeks": Fraction(7),
    "month months": Fraction("30.4375"),
    "yr yrs year years": Fraction("365.25"),
}
_TIMES = {name: size for names, size in _DAY.items() for name in names.split()}
_CONCENTRATIONS = dict(_multiples(10**12, "fpnum", "M"))
# a mole is a liter at one mole a liter: 1e12 pM times 1e15 um^3
_AMOUNTS = dict(_multiples(10**27, "fpnum", "mol", "mole"))
_MASSES = dict(_multiples(1000, "fpnumk", "g", "gram")) | {"mcg": Fraction(1, 1000)}
# a pascal is a kilogram per meter and square second
_PRESSURES = dict(_multiples(86400**2, "kMG", "Pa", "pascal"))
_COUNTS = {"1": Fraction(1), "%": Fraction(1, 100)}
_COUNTS |= dict.fromkeys(("cell", "cells", "molecule", "molecules"), Fraction(1))

_UNITS: dict[str, _Measure] = {
    name: _Measure(size, dimension)
    for sizes, dimension in (
        (_LENGTHS, (1, 0, 0, 0)),
        (_VOLUMES, (3, 0, 0, 0)),
        (_TIMES, (0, 1, 0, 0)),
        (_CONCENTRATIONS, (0, 0, 1, 0)),
        (_AMOUNTS, (3, 0, 1, 0)),
        (_MASSES, (0, 0, 0, 1)),
        (_PRESSURES, (-1, -2, 0, 1)),
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
    (3, 0, 1, 0): "amount of substance",
    (0, -1, 0, 0): "rate",
    (1, -1, 0, 0): "velocity",
    (2, -1, 0, 0): "diffusivity",
    (0, -1, 1, 0): "production rate",
    (0, -1, -1, 0): "binding rate",
    (-2, 0, 0, 0): "density per area",
    (-3, 0, 0, 0): "density per volume",
    (0, 0, 0, 1): "mass",
    (-3, 0, 0, 1): "mass per volume",
    (0, -1, 0, 1): "mass per time",
    (-1, -2, 0, 1): "pressure",
}

_MASS_PER_VOLUME = Fraction(10**24)
"""Concentration of 1 mg/um^3 of a solute of 1 g/mol [pM]."""

_LIKENESS = 0.6
"""Least similarity (difflib) of a known unit to an unknown one for which it is suggested."""

_NUMBER = re.compile(rf"\s*([+-]?{PLAIN})(?:\s*/\s*({PLAIN}))?\s*")
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z]+)(?:(?:\s*(?:\^|\*\*)\s*)?(?P<power>[+-]?[0-9])(?![0-9.]))?"
    r"|(?P<plain>%|1(?![0-9.]))|(?P<mark>[*/()]))\s*"
)


def parse(text: str, unit: str, molar_mass: float | None = None) -> float:
    """Read a quantity such as ``"30 um^2/s"`` and convert it.

    Args:
        text: a number or fraction followed by its unit; a pure number needs none.
        unit: unit of the result, for example ``"um^2/day"``.
        molar_mass: of the solute [g/mol], with which a mass per volume is read where a
            concentration is wanted.

    Returns:
        The value in `unit`, correctly rounded.

    Raises:
        UnitError: the number is malformed or not finite, or the unit is missing, unknown or of
            another kind.
    """
    wanted = _measure(unit)
    top, bottom, given_unit = _split(text)
    if not given_unit and any(wanted.dimension):
        raise UnitError(f"{shown(text)} has no unit: {_needed(text.strip(), unit)}")
    try:
        given = _measure(given_unit or "1")
    except UnitError as error:
        raise UnitError(_remedy(error, text, given_unit, unit)) from None
    scale = given.scale / wanted.scale if given.scale != wanted.scale else Fraction(1)
    if given.dimension != wanted.dimension:
        power = _masses_for_moles(given.dimension, wanted.dimension)
        if not power or molar_mass is None:
            raise UnitError(_wrong_kind(text, given_unit, given.dimension, unit))
        scale *= (_MASS_PER_VOLUME / Fraction(molar_mass)) ** power
    if scale == 1 and bottom is None:
        return _finite(float(top), text) or 0.0
    number = _fraction(top, text) / _fraction(bottom or "1", text)
    return _finite(number * scale, text)


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
    if shown == unit:
        return _joined(_digits(value), unit)
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


def _digits(value: float) -> str:
    """Write the shortest number that reads back unchanged in the same unit."""
    short = f"{value:.6g}"
    if float(short) == value:
        return short
    if 1e-6 < value < 1 and 1 / round(1 / value) == value:
        return f"1/{round(1 / value)}"
    return repr(value)


def _joined(number: str, unit: str) -> str:
    return number if unit == "1" else f"{number} {unit}"


def _split(text: str) -> tuple[str, str | None, str]:
    """Split a quantity into its number, its divisor and the unit that follows."""
    if len(text) > LONGEST_QUANTITY:
        raise UnitError(
            f"{shown(text)} has {len(text)} characters, and a quantity may have "
            f"{LONGEST_QUANTITY}: write a number and its unit"
        )
    found = _NUMBER.match(text.replace("−", "-"))
    if not found:
        raise UnitError(misread(text) or f"{shown(text)} does not start with a finite number")
    if found[2] and not float(found[2]):
        raise UnitError(f"{shown(text)} divides by zero")
    return found[1], found[2], text[found.end() :].rstrip()


def _fraction(number: str, text: str) -> Fraction:
    # Checked as a double first: the exact value of 1e999999999 would fill the memory.
    return Fraction(number) if _finite(float(number), text) else Fraction(0)


def _finite(value: Fraction | float, text: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise UnitError(f"{shown(text)} is not a finite number")
    return number


@lru_cache(maxsize=1024)
def _measure(unit: str) -> _Measure:
    """Multiply out a unit such as ``"1/(pM day)"`` or ``"/day"``, from left to right."""
    scale, dimension = Fraction(1), (0, 0, 0, 0)
    groups, sign, needs_factor = [1], 1, True
    for mark, name, power in _tokens(f"1{unit}" if unit.startswith("/") else unit):
        if name:
            exponent = groups[-1] * sign * power
            if name not in _UNITS:
                raise _UnknownUnitError(name)
            factor = _UNITS[name]
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
            raise UnitError(f"the unit {shown(unit)} is malformed near {mark!r}")
    if needs_factor or len(groups) > 1:
        raise UnitError(f"the unit {shown(unit)} is incomplete")
    return _Measure(scale, dimension)


def _tokens(unit: str) -> list[tuple[str, str, int]]:
    """Split a unit into (mark, name, power); either the mark or the name is empty."""
    plain = in_ascii(unit)
    tokens, position = [], 0
    while position < len(plain):
        found = _TOKEN.match(plain, position)
        if not found:
            rest = plain[position:].strip()
            raise UnitError(f"the unit {shown(unit)} is malformed near {shown(rest)}")
        name = found["name"] or found["plain"] or ""
        tokens.append((found["mark"] or "", name, int(found["power"] or 1)))
        position = found.end()
    return tokens


def _masses_for_moles(given: Dimension, wanted: Dimension) -> int:
    """Return the power of mass per volume that takes the place of concentration; 0 for none."""
    power = given[3] - wanted[3]
    moved = (wanted[0] - 3 * power, wanted[1], wanted[2] - power, wanted[3] + power)
    return power if given == moved else 0


def _wrong_kind(text: str, given_unit: str, given: Dimension, unit: str) -> str:
    if _masses_for_moles(given, _measure(unit).dimension):
        return (
            f"{shown(text)} is {_kind(given)} where {kind(unit)} in {unit} is needed: convert it "
            "with the molar mass of the solute"
        )
    amount = text[: len(text) - len(given_unit)].strip()
    return f"{shown(text)} is {_kind(given)}: {_needed(amount, unit)}"


def _remedy(error: UnitError, text: str, given_unit: str, unit: str) -> str:
    """Name the remedy for a quantity whose unit cannot be read."""
    if not isinstance(error, _UnknownUnitError):
        return misread(text) or str(error)
    where = "" if error.name == given_unit else f" in {shown(given_unit)}"
    near = _meant(error.name, given_unit, _measure(unit).dimension)
    amount = text[: len(text) - len(given_unit)].strip()
    hint = f"did you mean {near!r}?" if near else _needed(amount, unit)
    return f"{shown(error.name)}{where} is not a known unit; {hint}"


@lru_cache(maxsize=1024)
def _meant(name: str, given_unit: str, wanted: Dimension) -> str | None:
    """Return the known unit most like an unknown one that gives a unit of the wanted kind."""
    units = [known for known in _UNITS if len(known) > 1 or len(name) == 1]
    lower = {known.lower() for known in units}
    for like in difflib.get_close_matches(name.lower(), lower, n=len(lower), cutoff=_LIKENESS):
        for known in (known for known in units if known.lower() == like):
            whole = re.sub(rf"(?<![A-Za-z]){name}(?![A-Za-z])", known, in_ascii(given_unit))
            try:
                dimension = _measure(whole).dimension
            except UnitError:
                continue
            if dimension == wanted or _masses_for_moles(dimension, wanted):
                return known
    return None


def _kind(dimension: Dimension) -> str:
    name = _KINDS.get(dimension)
    if name is None:
        powers = zip(("length", "time", "concentration", "mass"), dimension, strict=True)
        name = "quantity of kind " + " ".join(f"{base}^{power}" for base, power in powers if power)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _needed(amount: str, unit: str) -> str:
    return f"{kind(unit)} is needed, e.g. {shown(_joined(amount, unit))}"
