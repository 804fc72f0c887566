"""Numbers as people write and read them: plain forms to suggest for those that are misread, such
as with a comma, and forms short enough for a sentence."""

import re

from tissue.errors import shown

PLAIN = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""A number without its sign, as a regular expression."""

_ASCII = str.maketrans("µμ·⋅×−", "uu***-")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_GROUPED = re.compile(r"\s*([+-]?)([0-9]*(?:[.,'’_\s][0-9]+)+)((?:[eE][+-]?[0-9]+)?)(?![0-9])(.*)")
_POWER_OF_TEN = re.compile(
    rf"\s*([+-]?{PLAIN})\s*[x*]\s*10\s*(?:\^|\*\*)?\s*([+-]?[0-9]+)(?![0-9.])(.*)"
)


def in_ascii(text: str) -> str:
    """Write a quantity in ASCII: u for the micro sign, * for a dot, ^ before raised digits."""
    plain = text.translate(_ASCII)
    return re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda raised: "^" + raised[0].translate(_RAISED), plain)


def short(value: float) -> str:
    """Write a number with four significant digits, and no exponent from 1e-4 to 1e6."""
    return f"{float(f'{value:.4g}'):g}"


def shortened(quantity: str) -> str:
    """Write a quantity with four significant digits: ``"172.4 pM"`` for ``"172.413793 pM"``.

    Raises:
        ValueError: it does not start with a number or a fraction.
        ZeroDivisionError: the fraction has no finite value.
    """
    number, space, unit = quantity.partition(" ")
    top, _, bottom = number.partition("/")
    return f"{short(float(top) / float(bottom or 1))}{space}{unit}"


def misread(text: str) -> str | None:
    """Suggest how to write a number that has a comma, gaps or a power of ten.

    Args:
        text: a quantity that cannot be read.

    Returns:
        A clause such as "'4,1 um' has a decimal comma: write '4.1 um'"; None where the number is
        not the problem.
    """
    raised = _POWER_OF_TEN.match(in_ascii(text))
    if raised:
        number = shown(f"{raised[1]}e{int(raised[2])}{raised[3]}")
        return f"{shown(text)} has its power of ten written out: write {number}"
    found = _GROUPED.match(text)
    if not found:
        return None
    sign, body, exponent, rest = found.groups()
    marks, (*whole, last) = re.sub("[0-9]", "", body), re.split(r"[.,'’_\s]", body)

    def instead(number: str) -> str:
        return shown(f"{sign}{number}{exponent}{rest}")

    decimal = instead(f"{whole[0] or 0}.{last}")
    in_threes = bool(re.fullmatch("[1-9][0-9]{0,2}", whole[0])) and all(
        len(part) == 3 for part in whole[1:]
    )
    thousands = in_threes and len(last) == 3 and len(set(marks)) == 1 and marks != "."
    if marks == "," and not thousands:
        return f"{shown(text)} has a decimal comma: write {decimal}"
    joined = "".join(whole)
    if marks == ",":
        return (
            f"{shown(text)} may be a thousand or have a decimal comma: write "
            f"{instead(joined + last)} or {decimal}"
        )
    if thousands:
        return f"{shown(text)} has its digits in groups: write {instead(joined + last)}"
    if in_threes and len(set(marks[:-1])) == 1 and marks[-1] in ".," and marks[-1] != marks[0]:
        return f"{shown(text)} has its digits in groups: write {instead(f'{joined}.{last}')}"
    return None
