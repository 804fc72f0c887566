"""Numbers in the names of slices: which files are one stack, their order, and what is missing."""

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

WHOLE = re.compile(r"((?:(?<![0-9A-Za-z])[-+])?[0-9]+)")
DECIMAL = re.compile(r"((?:(?<![0-9A-Za-z])[-+])?[0-9]+(?:[.,][0-9]+)?)")
"""Numbers in a name; a minus sign after a letter or digit parts words and is none of a number."""

COPY = re.compile(
    r"^(?:copy|kopie)(?: \([0-9]+\))? (?:of|von) |"
    r"(?: \([0-9]+\)| ?- ?(?:copy|kopie|copie|copia)(?: \([0-9]+\))?"
    r"|[ _](?:copy|kopie|copie|copia)[ _]?[0-9]*|~)$",
    re.IGNORECASE,
)
"""Names that file managers give to copies, in English, German, French, Italian and Spanish."""

Members = list[tuple[tuple[Fraction, ...], Path]]
"""Files, each with the numbers in its name."""

LONGEST = 30
"""Digits of a number in a name; longer ones are identifiers and number no slices."""


@dataclass(frozen=True)
class Stack:
    """Files whose names differ in a number alone, in the order of these numbers.

    Attributes:
        stem: the name with a star for the number, such as "femur_rec*".
        files: the files.
        numbers: their numbers; empty where names hold none.
        minus: whether each name has a minus sign before its number.
    """

    stem: str
    files: tuple[Path, ...]
    numbers: tuple[Fraction, ...] = ()
    minus: bool = False

    @property
    def steps(self) -> tuple[Fraction, ...]:
        """Steps from each number to the next one."""
        return tuple(b - a for a, b in itertools.pairwise(self.numbers))

    @property
    def even(self) -> bool:
        """Whether the numbers are all there: no repeats, and one step."""
        return len(set(self.steps)) <= 1 and all(step > 0 for step in self.steps)

    def trouble(self) -> str:
        """Clause on the first repeat or gap, with its remedy; empty where there is none."""
        for (one, two), step in zip(self._pairs(), self.steps, strict=True):
            if step == 0:
                return (
                    f"has {one.name} and {two.name} for the same number; remove or rename the one"
                    " that does not belong to the stack"
                )
        usual = min(self.steps, default=Fraction(1))
        for (one, two), step in zip(self._pairs(), self.steps, strict=True):
            if step != usual:
                lost = step / usual - 1
                count = f"{lost} slices are" if lost > 1 else "a slice is"
                count = count if lost.denominator == 1 else "slices are"
                return (
                    f"has a gap between {one.name} and {two.name}, where {count} missing; copy all"
                    " slices again from their source"
                )
        return ""

    def _pairs(self) -> list[tuple[Path, Path]]:
        return list(itertools.pairwise(self.files))


def stacks_of(files: Sequence[Path]) -> tuple[Stack, ...]:
    """Stacks that files make by their names, the largest first.

    Names are read with whole numbers and with decimal ones, as positions are. The first of these
    readings that makes one even stack of all files is taken.
    """
    readings = [_read(files, pattern) for pattern in (WHOLE, DECIMAL)]
    good = [stacks for stacks in readings if len(stacks) == 1 and stacks[0].even]
    if len(good) == 2 and good[0][0].files != good[1][0].files:
        return good[0][0], good[1][0]
    if good:
        return good[0]
    # where neither fits, fewer stacks are the better reading
    return min(readings, key=len)


def is_minus_unclear(stack: Stack) -> bool:
    """Whether the minus signs may merely separate words, unlike those of positions.

    Positions have both signs, or are decimal numbers below 0.
    """
    whole = all(number.denominator == 1 for number in stack.numbers)
    return stack.minus and (whole or 0 in stack.numbers)


def base_of(file: Path) -> str:
    """Name of a file without its ending."""
    name = unicodedata.normalize("NFC", file.name)
    return re.sub(r"(\.ome)?\.(tiff?|tf[28]|btf|bmp|png|jpe?g)$", "", name, flags=re.IGNORECASE)


def _read(files: Sequence[Path], pattern: re.Pattern[str]) -> tuple[Stack, ...]:
    """Stacks of files whose names are alike but for their numbers."""
    alike: dict[tuple[str, ...], Members] = {}
    for file in files:
        pieces = pattern.split(base_of(file))
        words, numbers = pieces[::2], pieces[1::2]
        kept = [number if len(number) > LONGEST else "" for number in numbers]
        key = (*(word.lower() for word in words), *kept)
        values = tuple(
            Fraction(number.replace(",", ".")) if len(number) <= LONGEST else Fraction(0)
            for number in numbers
        )
        alike.setdefault(key, []).append((values, file))
    stacks = [stack for members in alike.values() for stack in _apart(members, pattern)]
    return tuple(sorted(stacks, key=lambda stack: (-len(stack.files), stack.stem)))


def _apart(members: Members, pattern: re.Pattern[str]) -> list[Stack]:
    """Stacks among files with the same words in their names."""
    width = len(members[0][0])
    varying = [slot for slot in range(width) if len({values[slot] for values, _ in members}) > 1]
    if not varying:
        slot = width - 1
    elif _together(members, varying):
        # several numbers that rise together, such as a number and a position: one gives the order
        slot = max(varying, key=lambda each: (_is_even(members, each), each))
    else:
        slot = max(varying, key=lambda each: (len({values[each] for values, _ in members}), each))
        rest = [each for each in varying if each != slot]
        parts: dict[tuple[Fraction, ...], Members] = {}
        for values, file in members:
            parts.setdefault(tuple(values[each] for each in rest), []).append((values, file))
        return [_ordered(part, slot, pattern) for part in parts.values()]
    return [_ordered(members, slot, pattern)]


def _ordered(members: Members, slot: int, pattern: re.Pattern[str]) -> Stack:
    if slot < 0:
        files = tuple(sorted(file for _, file in members))
        return Stack(base_of(files[0]), files)
    members = sorted(members, key=lambda member: (member[0][slot], member[1].name))
    files = tuple(file for _, file in members)
    texts = [pattern.split(base_of(file))[2 * slot + 1] for file in files]
    pieces = pattern.split(base_of(files[0]))
    pieces[2 * slot + 1] = "*"
    return Stack(
        "".join(pieces),
        files,
        tuple(values[slot] for values, _ in members),
        all(text.startswith("-") for text in texts),
    )


def _together(members: Members, varying: list[int]) -> bool:
    """Whether numbers rise together, so that each of them gives the same order."""
    rows = sorted(tuple(values[slot] for slot in varying) for values, _ in members)
    return all(
        all(one < two for one, two in zip(low, high, strict=True))
        for low, high in itertools.pairwise(rows)
    )


def _is_even(members: Members, slot: int) -> bool:
    numbers = sorted(values[slot] for values, _ in members)
    return len({b - a for a, b in itertools.pairwise(numbers)}) <= 1
