"""Command that loads bone: its stiffness and the load at which it breaks."""

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tissue.commands.common import Commands
from tissue.commands.image_options import add_image_options
from tissue.commands.loaded_bone import (
    Bone,
    bones_of,
    given_modulus,
    limits,
    refuse_large,
    tissue_modulus,
)
from tissue.commands.tables import print_table
from tissue.errors import InputError, RunError, listed

if TYPE_CHECKING:
    from tissue.mechanics.strength import Energy, Strength

LOADINGS = {
    "platens": "both ends held by platens, sides free, as in a testing machine",
    "confined": "no face moves across itself, as inside a larger bone",
    "slide": "both ends slide on platens, the low sides on mirrors, and the high sides are free",
}
"""Kinds of loading in words, the default first."""

FRACTURE = (
    "These are loads of a piece cut out of a bone, under one kind of load, not of a bone in a "
    "body: they are for comparing pieces of one place and size, and nobody's odds of a fracture "
    "follow from them. For whole cross-sections of the limbs of 7254 people, a failure load one "
    "standard deviation (of these people) lower went with a hazard of fracture 2.40 times as high "
    "at the tibia (95 % confidence interval 1.98 to 2.91) and 2.13 times at the radius (1.77 to "
    "2.56): Samelson 2019, doi 10.1016/S2213-8587(18)30308-5."
)
"""Sentences on the risk of fracture, from the abstract of Samelson 2019."""

WIDTH = 100
"""Characters of a line of text [1]."""

ENERGY: "Energy" = "centroid"
"""Strain energy density that failure loads are computed from."""


def add(commands: Commands) -> None:
    """Add strength."""
    command = commands.add_parser(
        "strength", help="compute how stiff bone is and at which load it breaks"
    )
    command.add_argument(
        "path", type=Path, metavar="PATH", help="an image, a snapshot or the folder of a run"
    )
    command.add_argument(
        "--day",
        type=float,
        action="append",
        metavar="DAY",
        help="snapshot of a run; may be repeated; the first and the last by default",
    )
    add_image_options(command)
    command.add_argument(
        "--loading",
        choices=LOADINGS,
        default="platens",
        help="; ".join(f"{name}: {text}" for name, text in LOADINGS.items()),
    )
    command.add_argument(
        "--axis",
        choices=("x", "y", "z"),
        action="append",
        help="direction of the load; may be repeated; all three by default",
    )
    command.add_argument(
        "--preset",
        choices=("mouse", "human"),
        help="species whose modulus of bone tissue is taken; that of the run; mouse for an image",
    )
    command.add_argument(
        "--tissue-modulus", metavar="MODULUS", help="modulus of bone tissue, such as '12 GPa'"
    )
    command.add_argument("--json", action="store_true", help="print the numbers as JSON")
    command.set_defaults(command=_strength)


def _strength(options: argparse.Namespace) -> int:
    from tissue.machine import device
    from tissue.mechanics.compression import AXES

    given = given_modulus(options)
    bones = bones_of(options)
    modulus, origin = given or tissue_modulus(options)
    axes = tuple(axis for axis in AXES if axis in (options.axis or AXES))
    for bone in bones:
        refuse_large(bone)
    unreached = _unreached(options, bones, axes)
    shown = f"{len(bones)} bones" if bones[1:] else "the bone"
    print(f"  compressing {shown} along {', '.join(axes)}", file=sys.stderr, flush=True)
    device.enable_compilation_cache()
    loaded = [tuple(a for a in axes if a not in each) for each in unreached]
    found = _compressed(options, bones, loaded, modulus)
    notes = [*_broken(bones, unreached), *_left_out(bones, found), *limits(bones)]
    if options.json:
        used = {"loading": options.loading, "energy": ENERGY, "tissue_modulus_MPa": modulus}
        print(json.dumps(_numbers(options.path, bones, found, axes) | used | {"warnings": notes}))
        return 0
    grid = " x ".join(map(str, bones[0].fraction.shape))
    print(f"{grid} voxels (z, y, x) of {bones[0].spacing:g} um; bone tissue of {origin}")
    _print(bones, found, axes, options.loading)
    _say(
        f"loading {options.loading}: {LOADINGS[options.loading]}; another kind of loading changed "
        "the modulus of one bone by up to 30 % (--loading)"
    )
    _say(
        "failure load: 2 % of the bone volume strained beyond 7000 microstrain (Pistoia 2002), "
        "from the strain energy density at the centers of the voxels"
    )
    for note in notes:
        _say(f"warning: {note}")
    _say(FRACTURE)
    return 0


def _compressed(
    options: argparse.Namespace,
    bones: Sequence[Bone],
    loaded: Sequence[Sequence[str]],
    modulus: float,
) -> list["Strength | None"]:
    """Strength of each bone along its axes; None of one that has none.

    Raises:
        InputError: a bone holds values that are no shares of bone.
        RunError: the solver did not converge.
    """
    from tissue.mechanics.strength import strength

    found: list[Strength | None] = []
    start = None
    for bone, axes in zip(bones, loaded, strict=True):
        if not axes:
            found.append(None)
            continue
        same = bone.fraction.shape == bones[0].fraction.shape
        given = bone.fraction, bone.spacing, modulus, options.loading, axes, ENERGY
        try:
            made = strength(*given, start=start if same else None)
        except (InputError, RunError) as error:
            raise type(error)(f"{options.path}{bone.day}: {error}") from None
        found.append(made)
        if same:
            start = {axis: each.displacement for axis, each in made.compressions.items()}
    return found


def _say(sentence: str) -> None:
    """Print a sentence on lines of at most WIDTH characters."""
    print(textwrap.fill(sentence, WIDTH, break_on_hyphens=False))


def _unreached(
    options: argparse.Namespace, bones: Sequence[Bone], axes: Sequence[str]
) -> list[tuple[str, ...]]:
    """Axes along which each bone does not reach both ends of the box.

    Raises:
        InputError: no other bone or axis is left to compare with.
    """
    from tissue.mechanics.compression import open_sentence, unreached_axes

    unreached = [
        tuple(axis for axis in unreached_axes(bone.fraction) if axis in axes) for bone in bones
    ]
    if len(bones) > 1 and any(len(each) < len(axes) for each in unreached):
        return unreached
    for bone, each in zip(bones, unreached, strict=True):
        if each:
            rest = " ".join(f"--axis {axis}" for axis in axes if axis not in each)
            remedy = f", or load the rest with {rest}" if rest else ""
            raise InputError(f"{options.path}{bone.day}: {open_sentence(each)}{remedy}")
    return unreached


def _broken(bones: Sequence[Bone], unreached: Sequence[Sequence[str]]) -> list[str]:
    """Sentences on bone that does not reach both ends."""
    return [
        f"bone{bone.day} does not reach both ends in {listed(axes)}: its stiffness and strength "
        "there are 0"
        for bone, axes in zip(bones, unreached, strict=True)
        if axes
    ]


def _left_out(bones: Sequence[Bone], found: Sequence["Strength | None"]) -> list[str]:
    """Sentences on bone that carries nothing."""
    sentences = []
    for bone, each in zip(bones, found, strict=True):
        if each is None:
            continue
        most = max(each.left_out, key=lambda axis: each.left_out[axis])
        if each.left_out[most] >= 0.0005:
            sentences.append(
                f"{each.left_out[most]:.1%} of the bone volume{bone.day} is in pieces that do not "
                f"reach both ends in {most}, or hang there by an edge, and is left out"
            )
    return sentences


def _value(found: "Strength | None", measure: str, axis: str) -> float:
    """A number along an axis; 0 where bone does not reach both ends."""
    values = {} if found is None else getattr(found, measure)
    return float(values.get(axis, 0.0))


def _change(values: Sequence[float]) -> list[str]:
    """Cell of the change of several values [%]; none of one value."""
    if len(values) < 2:
        return []
    return [f"{100 * (values[-1] / values[0] - 1):+.1f} %" if values[0] else "-"]


def _print(
    bones: Sequence[Bone], found: Sequence["Strength | None"], axes: Sequence[str], loading: str
) -> None:
    """Print the table; several times get a column of the change [%]."""
    days = [] if bones[0].time is None else [f"day {bone.time:g}" for bone in bones]
    changes = ["change"] if found[1:] else []
    heads = ("measure", "axis", *(days or ["value"]), *changes, "unit", "loading")
    rows = []
    for name, unit, measure in MEASURES:
        for axis in axes:
            values = [_value(each, measure, axis) for each in found]
            shown = [f"{value:.4g}" for value in values]
            rows.append((name, axis, *shown, *_change(values), unit, loading))
    fractions = [float(bone.fraction.mean(dtype="f8")) for bone in bones]
    rows.append(("BV/TV", "", *(f"{each:.4g}" for each in fractions), *_change(fractions), "1", ""))
    print_table(heads, rows)


MEASURES = (
    ("apparent modulus", "MPa", "apparent_modulus_MPa"),
    ("stiffness", "N/mm", "stiffness_N_per_mm"),
    ("failure load", "N", "failure_load_N"),
)
"""Name, unit and attribute of each measure."""

OF_SOLVER = ("left_out", "iterations", "residual")
"""Attributes that JSON has besides, by axis."""


def _numbers(
    path: Path,
    bones: Sequence[Bone],
    found: Sequence["Strength | None"],
    axes: Sequence[str],
) -> dict[str, Any]:
    """Numbers of the table as JSON types, with those of the solver along the axes it solved."""
    solved = [
        {} if each is None else {name: getattr(each, name) for name in OF_SOLVER} for each in found
    ]
    return {
        "path": f"{path}",
        "spacing_um": bones[0].spacing,
        "shape": bones[0].fraction.shape,
        "results": [
            {
                "time_day": bone.time,
                "bv_tv": float(bone.fraction.mean(dtype="f8")),
                **{
                    name: {axis: _value(each, name, axis) for axis in axes}
                    for _, _, name in MEASURES
                },
                **{key: {} for key in OF_SOLVER},
                **numbers,
            }
            for bone, each, numbers in zip(bones, found, solved, strict=True)
        ],
    }
