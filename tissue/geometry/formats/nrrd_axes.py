"""Axes of an NRRD file: which are those of space, their edges, units and directions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path

import numpy as np

from tissue.geometry.formats.header import (
    BLANKS,
    NUMBER,
    needed,
    numbers,
    sizes,
    whole_numbers,
    words_of,
)
from tissue.geometry.formats.place import Placed, placed, without_stand_ins
from tissue.geometry.image import edges, micrometers, refused, shortened

MOST_AXES = 16
"""Most axes that the format allows."""

SPACES = {
    "left-posterior-superior": (1.0, 1.0, 1.0),
    "lps": (1.0, 1.0, 1.0),
    "right-anterior-superior": (-1.0, -1.0, 1.0),
    "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0),
    "las": (1.0, -1.0, 1.0),
}
"""Signs that turn (x, y, z) of a space into LPS."""

UNTURNED = ("scanner-xyz", "3d-right-handed", "3d-left-handed")
"""Spaces that have no fixed relation to a patient."""

UNKNOWN = ("", "???", "?", "none", "unknown")
"""Words in place of a unit or a kind that is not known."""

SPATIAL_KINDS = ("domain", "space")

LETTERS = {"time": "t", "list": "l"}
"""Letters of axes by their kind; those of the others, such as RGB-color, is c."""

LABELS = {
    **dict.fromkeys(("t", "time", "frame", "frames"), "t"),
    **dict.fromkeys(("c", "channel", "channels", "color", "rgb"), "c"),
}
"""Letters of axes without a kind, by their label in lower case."""

SPACE = ""
"""Letter of an axis of space before the axes are counted."""

VECTOR = re.compile(r"[ \t]*(?:(none)|\(([^()]*)\))(?=[ \t(]|$)")
QUOTED = re.compile(r'[ \t]*"((?:[^"\\]|\\.)*)"')

EDGE_RTOL = 1e-6
"""Relative difference of two statements of one edge that comes from rounding."""


class Axes:
    """Axes of the array in a file.

    Attributes:
        shape: number of entries along each axis of the array, the slowest first.
        letters: letter of each of them.
    """

    def __init__(self, file: Path, fields: Mapping[str, str]) -> None:
        self._file = file
        self._fields = fields
        count = whole_numbers(file, "dimension", needed(file, fields, "dimension"), 1)[0]
        if not 1 <= count <= MOST_AXES:
            raise refused(file, f"has {count} axes; save one volume with the axes x, y, z")
        self._sizes = sizes(file, "sizes", needed(file, fields, "sizes"), count)
        self._space_axes, self._signs, self._space = self._space_of()
        self._vectors = self._directions()
        self._spatial, kept, letters = self._sorted()
        self.shape = tuple(self._sizes[axis] for axis in kept[::-1])
        self.letters = letters[::-1]

    def place(self) -> tuple[str, Placed]:
        """Unit of length as the header writes it, and the place of the volume."""
        if len(self._spatial) != 3:
            return "", Placed()
        if self._vectors is None:
            names = self._units("units", len(self._sizes))
            names = [names[axis] for axis in self._spatial] if names else []
            unit, scales = self._scales(names)
            place = Placed(edges(self._spacings(scales)[::-1]))
        else:
            unit, scales = self._scales(self._space_units())
            place = self._oriented(self._vectors, np.array(scales))
        if unit or all(edge is None for edge in place.spacing):
            return unit, place
        note = "NRRD: no unit of length is written; mm is assumed"
        place = replace(place, assumed=(*place.assumed, note))
        return unit, without_stand_ins(place, "NRRD")

    def _space_of(self) -> tuple[int, Sequence[float], str]:
        """Number of axes of space, signs that turn them into LPS, and the name of the space."""
        name, count = self._fields.get("space"), self._fields.get("spacedimension")
        if name is not None and count is not None:
            raise refused(
                self._file, "names both a space and a space dimension; remove one of the lines"
            )
        if count is not None:
            axes = whole_numbers(self._file, "space dimension", count, 1)[0]
            if axes != 3 and "spacedirections" in self._fields:
                raise refused(
                    self._file,
                    f"lies in a space of {axes} dimensions; save one volume in a space of 3",
                )
            return axes, (1.0, 1.0, 1.0), ""
        if name is None:
            return 0, (1.0, 1.0, 1.0), ""
        plain = name.lower().removesuffix("-time")
        if plain in ("rast", "last", "lpst"):
            plain = plain[:3]
        axes = 3 if plain == name.lower() else 4
        if plain not in SPACES and plain not in UNTURNED:
            raise refused(
                self._file,
                f"lies in the space {shortened(name)!r}, which is not known; write"
                " left-posterior-superior or right-anterior-superior",
            )
        return axes, SPACES.get(plain, (1.0, 1.0, 1.0)), plain if plain in SPACES else name

    def _directions(self) -> list[list[float] | None] | None:
        """Vector between neighbors along each axis, None for one that is not of space."""
        text = self._fields.get("spacedirections")
        if text is None:
            return None
        if not self._space_axes:
            raise refused(
                self._file,
                'has space directions in no space; add the line "space: left-posterior-superior"'
                " above them",
            )
        found: list[list[float] | None] = []
        at = 0
        while at < len(text) and (match := VECTOR.match(text, at)):
            found.append(None if match[1] else self._vector(match[2], text))
            at = match.end()
        if text[at:].strip(BLANKS) or len(found) != len(self._sizes):
            raise self._no_vectors(text, len(self._sizes))
        return found

    def _vector(self, inside: str, text: str) -> list[float]:
        words = [word.strip(BLANKS) for word in inside.split(",")]
        if len(words) != self._space_axes or not all(NUMBER.fullmatch(word) for word in words):
            raise self._no_vectors(text, len(self._sizes))
        return [float(word) for word in words]

    def _no_vectors(self, text: str, count: int) -> Exception:
        return refused(
            self._file,
            f'has the line "{shortened(text)}" in its header, where {count} vectors such as'
            f" (0.01,0,0) of {self._space_axes} numbers are needed; correct it",
        )

    def _sorted(self) -> tuple[list[int], list[int], str]:
        """Axes of space, axes that are kept, and the letters of those; the fastest first."""
        letters = [self._letter(axis) for axis in range(len(self._sizes))]
        kept = [
            axis for axis, letter in enumerate(letters) if letter == SPACE or self._sizes[axis] > 1
        ]
        surplus = [axis for axis in kept if letters[axis] == SPACE]
        single = [axis for axis in surplus if self._sizes[axis] == 1]
        if len(surplus) > 3 and len(single) == len(surplus) - 3:
            # nothing says which axes are those of space, and these have one entry alone
            kept = [axis for axis in kept if axis not in single]
        spatial = [axis for axis in kept if letters[axis] == SPACE]
        names = dict(zip(spatial, "xyz" + "?" * len(spatial), strict=False))
        return spatial, kept, "".join(names.get(axis, letters[axis]) for axis in kept)

    def _letter(self, axis: int) -> str:
        kinds = words_of(self._fields.get("kinds", "").lower())
        if kinds and len(kinds) != len(self._sizes):
            raise refused(
                self._file, f"gives {len(kinds)} kinds for {len(self._sizes)} axes; correct them"
            )
        kind = kinds[axis] if kinds else ""
        vector = None if self._vectors is None else self._vectors[axis]
        if vector is not None and len(vector) == 4 and not any(vector[:3]):
            return "t"
        if kind in SPATIAL_KINDS or (kind in UNKNOWN and vector is not None):
            return SPACE
        if kind not in UNKNOWN:
            return LETTERS.get(kind, "c")
        labels = self._units("labels", len(self._sizes))
        letter = LABELS.get(labels[axis].lower()) if labels else None
        if letter is not None:
            return letter
        return SPACE if self._vectors is None else "?"

    def _units(self, key: str, count: int) -> list[str]:
        """Texts in quotation marks of a field, one for each axis; none where there is no field."""
        text = self._fields.get(key)
        if text is None:
            return []
        found = []
        at = 0
        while at < len(text) and (match := QUOTED.match(text, at)):
            found.append(match[1].strip())
            at = match.end()
        if '"' not in text:
            found, at = words_of(text), len(text)
        if text[at:].strip(BLANKS) or len(found) != count:
            raise refused(
                self._file,
                f'has the line "{key}: {shortened(text)}" in its header, where {count} texts in'
                " quotation marks are needed; correct it",
            )
        return found

    def _space_units(self) -> list[str]:
        names = self._units("spaceunits", self._space_axes)[:3]
        if names:
            return names
        # a mistake of writers that means one thing only where all axes have one unit
        names = self._units("units", len(self._sizes))
        named = {names[axis] for axis in self._spatial} if names else set()
        return [*named] * 3 if len(named) == 1 else []

    def _scales(self, names: list[str]) -> tuple[str, list[float]]:
        """Unit of three axes as the header writes it, and its length on each of them [um]."""
        known = [name for name in names if name.lower() not in UNKNOWN]
        if not known:
            return "", [micrometers(self._file, "mm")] * 3
        if len(known) != 3:
            raise refused(
                self._file,
                f"gives the unit {shortened(known[0])!r} for some of its axes only; write one for"
                " each",
            )
        return ", ".join(dict.fromkeys(known)), [micrometers(self._file, name) for name in known]

    def _spacings(self, scales: list[float]) -> list[float | None]:
        """Edges (x, y, z) [um] of the field spacings."""
        text = self._fields.get("spacings")
        if text is None:
            return [None, None, None]
        found = numbers(self._file, "spacings", text, len(self._sizes))
        return [found[axis] * scale for axis, scale in zip(self._spatial, scales, strict=True)]

    def _oriented(self, vectors: list[list[float] | None], scales: np.ndarray) -> Placed:
        """Edges and place by the directions in space."""
        chosen = [vectors[axis] or [np.nan] * self._space_axes for axis in self._spatial]
        if any(any(vector[3:]) for vector in chosen):
            raise refused(
                self._file, "has directions that mix space and time; save one volume in space"
            )
        turned = np.array(self._signs) * scales
        origin = self._origin()
        place = placed(
            np.array([vector[:3] for vector in chosen]).T * turned[:, None],
            None if origin is None else list(np.array(origin[:3]) * turned),
        )
        notes = [*place.assumed]
        if place.frame is not None and self._space.lower() not in SPACES:
            notes.append(
                f"NRRD: the axes of its space ({shortened(self._space) or 'not named'}) are taken"
                " as LPS"
            )
        own = edges(self._spacings(list(scales))[::-1])
        doubts = [
            f"gives two lengths for the {axis} edge of a voxel, {one:.6g} um (spacings) and"
            f" {other:.6g} um (space directions); remove the wrong one"
            for axis, one, other in zip("zyx", own, place.spacing, strict=True)
            if one is not None and other is not None and abs(one - other) > EDGE_RTOL * other
        ]
        return replace(place, assumed=tuple(notes), doubts=(*place.doubts, *doubts))

    def _origin(self) -> list[float] | None:
        text = self._fields.get("spaceorigin")
        if text is None:
            return None
        match = VECTOR.fullmatch(text)
        if match is None or not self._space_axes:
            raise self._no_vectors(text, 1)
        found = None if match[1] else self._vector(match[2], text)
        return found if found is not None and all(map(isfinite, found[:3])) else None
