"""Suggestion of a known name in place of one that is not known."""

import difflib
from collections.abc import Iterable, Sequence

LIKENESS = 0.6
"""Least similarity (difflib) of a name that is suggested: of five letters two may be swapped."""

FIELD_LIKENESS = 0.7
"""Least similarity of a field that is suggested: il1 is not meant where il6 is missing."""

LONGEST = 300
"""Characters of a name that are compared: the time of a comparison grows with their square."""


def did_you_mean(name: str, known: Iterable[str], likeness: float = LIKENESS) -> str:
    """Clause ", did you mean NAME?" with the nearest known name; empty where none is near.

    Args:
        name: as the user wrote it.
        known: names that exist.
        likeness: least similarity of a name that is suggested [1].
    """
    found = nearest(name, known, likeness)
    return f", did you mean {found}?" if found else ""


def unknown_field(name: str, known: Sequence[str]) -> str:
    """Clause "no field NAME" with the nearest field and all that there are."""
    meant = did_you_mean(name, known, FIELD_LIKENESS)
    listed = f"it has {', '.join(known)}"
    return f"no field {name!r}{f'{meant} ({listed})' if meant else f'; {listed}'}"


def nearest(name: str, known: Iterable[str], likeness: float = LIKENESS) -> str | None:
    """Known name that is nearest to a name, in any case; None where none is near."""
    by_lower = {each.lower(): each for each in sorted(known)}
    found = difflib.get_close_matches(name[:LONGEST].lower(), by_lower, n=1, cutoff=likeness)
    return by_lower[found[0]] if found else None
