"""Command that loads bone: its stiffness and the load at which it breaks."""

import argparse
import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tissue.commands.common import Commands
from tissue.commands.image_options import (
    add_image_options,
    bone_of_image,
    is_image_folder,
    refuse_image_options,
)
from tissue.commands.tables import print_table
from tissue.errors import InputError, RunError, printable

if TYPE_CHECKING:
    import numpy as np

    from tissue.mechanics.strength import Strength
    from tissue.storage.snapshot import Snapshot

LOADINGS = {
    "platens": "both ends held by platens, sides free, as in a testing machine",
    "confined": "no face moves across itself, as inside a larger bone",
    "slide": "ends free in their plane, as between greased platens",
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

THIN = 3.0
"""Mean thickness [voxel] below which the voxels are too coarse for a modulus."""


class Bone(NamedTuple):
    """A piece of bone to be loaded.

    Attributes:
        time: of the snapshot [day]; None of an image.
        fraction: bone volume fraction [z, y, x].
        spacing: edge of a voxel [um].
    """

    time: float | None
    fraction: "np.ndarray"
    spacing: float


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
        help="species whose modulus of bone tissue is taken; mouse by default",
    )
    command.add_argument(
        "--tissue-modulus", metavar="MODULUS", help="modulus of bone tissue, such as '12 GPa'"
    )
    command.add_argument("--json", action="store_true", help="print the numbers as JSON")
    command.set_defaults(command=_strength)


def _strength(options: argparse.Namespace) -> int:
    from tissue.mechanics.compression import AXES
    from tissue.mechanics.strength import strength

    modulus, origin = _tissue_modulus(options)
    bones = _bones(options)
    axes = tuple(axis for axis in AXES if axis in (options.axis or AXES))
    for bone in bones:
        _refuse_large(bone)
    shown = f"{len(bones)} bones" if bones[1:] else "the bone"
    print(f"  compressing {shown} along {', '.join(axes)}", file=sys.stderr, flush=True)
    found: list[Strength] = []
    for bone in bones:
        start = None
        if found and bone.fraction.shape == bones[0].fraction.shape:
            start = {axis: each.displacement for axis, each in found[-1].compressions.items()}
        try:
            made = strength(
                bone.fraction, bone.spacing, modulus, options.loading, axes, start=start
            )
        except InputError as error:
            day = "" if bone.time is None else f" at day {bone.time:g}"
            raise InputError(f"{options.path}{day}: {error}{_remedy(axes)}") from None
        found.append(made)
    notes = [*_left_out(bones, found), *_thin(bones[0])]
    if options.json:
        print(json.dumps(_numbers(options.path, bones, found, notes)))
        return 0
    grid = " x ".join(map(str, bones[0].fraction.shape))
    print(f"{grid} voxels (z, y, x) of {bones[0].spacing:g} um; bone tissue of {origin}")
    _print(bones, found)
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


def _say(sentence: str) -> None:
    """Print a sentence on lines of at most WIDTH characters."""
    print(textwrap.fill(sentence, WIDTH, break_on_hyphens=False))


def _tissue_modulus(options: argparse.Namespace) -> tuple[float, str]:
    """Modulus of bone tissue [MPa], and the sentence that says where it comes from.

    Raises:
        InputError: an option cannot be used, or the run file of a run cannot be read.
    """
    from tissue import units
    from tissue.model.parameters import preset

    if options.tissue_modulus is not None:
        if options.preset:
            raise InputError(
                "--preset and --tissue-modulus both give the modulus of bone tissue; leave one out"
            )
        try:
            modulus = units.parse(options.tissue_modulus, "MPa")
        except units.UnitError as error:
            raise InputError(f"--tissue-modulus: {error}") from None
        if modulus <= 0:
            raise InputError(
                f"--tissue-modulus {printable(options.tissue_modulus)} must be > 0, e.g. '12 GPa'"
            )
        return modulus, f"{modulus / 1e3:.4g} GPa (--tissue-modulus)"
    file = options.path / "run.toml"
    if options.preset is None and file.is_file():
        from tissue.scenario.config import read_run_file

        try:
            parameters = read_run_file(file).parameters
        except InputError as error:
            raise InputError(
                f"{file} does not say the modulus of bone tissue ({error}); give --preset or "
                "--tissue-modulus"
            ) from None
        modulus = float(parameters.E_t)
        return modulus, f"{modulus / 1e3:.4g} GPa (E_t of the run)"
    species = options.preset or "mouse"
    modulus = float(preset(species).E_t)
    return modulus, f"{modulus / 1e3:.4g} GPa (E_t of the preset {species}; --preset changes it)"


def _bones(options: argparse.Namespace) -> list[Bone]:
    """Bone of an image, a snapshot, or of two or more times of a run."""
    from tissue.storage.snapshot import is_snapshot, list_snapshots, read_snapshot

    if options.path.is_dir() and not is_image_folder(options.path):
        refuse_image_options(options, "a run")
        run = [read_snapshot(path) for path in list_snapshots(options.path)]
        if not run:
            raise InputError(f"{options.path} holds no snapshots yet; wait for the first")
        return [_bone(run[i]) for i in _chosen(options, [each.time for each in run])]
    if options.day:
        raise InputError(f"--day is for a run, and {options.path} is none; leave it out")
    if options.path.is_file() and is_snapshot(options.path):
        refuse_image_options(options, "a snapshot")
        return [_bone(read_snapshot(options.path))]
    geometry = bone_of_image(options)
    return [Bone(None, geometry.bone_volume_fraction, geometry.grid.spacing)]


def _bone(snapshot: "Snapshot") -> Bone:
    return Bone(snapshot.time, snapshot.field("bone_volume_fraction"), snapshot.grid.spacing)


def _chosen(options: argparse.Namespace, times: Sequence[float]) -> list[int]:
    """Indices of the snapshots of the days that are asked for."""
    if not options.day:
        return sorted({0, len(times) - 1})
    found = []
    for day in options.day:
        near = min(range(len(times)), key=lambda i: abs(times[i] - day))
        if abs(times[near] - day) > 1e-6 * max(1.0, abs(day)):
            raise InputError(
                f"--day {day:g}: {options.path} has no snapshot of that day, and the nearest is of "
                f"day {times[near]:g}"
            )
        found.append(near)
    return sorted(set(found))


def _refuse_large(bone: Bone) -> None:
    """Refuse a bone whose elements do not fit in the memory.

    Raises:
        RunError: they do not.
    """
    from tissue.machine.host import allowed_memory
    from tissue.mechanics.compression import bearing_voxels
    from tissue.mechanics.strength import memory

    needed, room = memory(bone.fraction.size, bearing_voxels(bone.fraction)), allowed_memory()
    if needed > room:
        raise RunError(
            f"finite elements of this bone need about {needed / 1e9:.1f} GB of memory, and "
            f"{room / 1e9:.1f} GB may be used; cut out a smaller piece or use coarser voxels"
        )


def _remedy(axes: Sequence[str]) -> str:
    return "; leave that axis out with --axis" if len(axes) > 1 else ""


def _left_out(bones: Sequence[Bone], found: Sequence["Strength"]) -> list[str]:
    """Sentences on bone that carries nothing."""
    sentences = []
    for bone, each in zip(bones, found, strict=True):
        day = "" if bone.time is None else f" at day {bone.time:g}"
        most = max(each.left_out, key=lambda axis: each.left_out[axis])
        if each.left_out[most] >= 0.0005:
            sentences.append(
                f"{each.left_out[most]:.1%} of the bone volume{day} is in pieces that do not reach "
                f"both ends in {most}, or hang there by an edge, and is left out"
            )
    return sentences


def _thin(bone: Bone) -> list[str]:
    """Sentence on trabeculae that are too thin for their voxels."""
    from tissue.analysis.thickness import local_thickness

    mask = bone.fraction >= 0.5
    if not mask.any():
        return []
    mean = float(local_thickness(mask)[mask].mean())
    if mean >= THIN:
        return []
    return [
        f"trabeculae are {mean:.1f} voxels thick on average, too few for absolute numbers: in one "
        "radius, voxels twice as large, 1.5 in a trabecula, made bone 14 % softer; compare only "
        "bones of the same voxel size"
    ]


def _print(bones: Sequence[Bone], found: Sequence["Strength"]) -> None:
    """Print the table; several times get a column of the change [%]."""
    days = [] if bones[0].time is None else [f"day {bone.time:g}" for bone in bones]
    changes = ["change"] if found[1:] else []
    heads = ("measure", "axis", *(days or ["value"]), *changes, "unit", "loading")
    rows = []
    for name, unit, measure in MEASURES:
        for axis in found[0].apparent_modulus_MPa:
            values = [getattr(each, measure)[axis] for each in found]
            change = [f"{100 * (values[-1] / values[0] - 1):+.1f} %"] if changes else []
            shown = [f"{value:.4g}" for value in values]
            rows.append((name, axis, *shown, *change, unit, found[0].loading))
    fractions = [float(bone.fraction.mean(dtype="f8")) for bone in bones]
    change = [f"{100 * (fractions[-1] / fractions[0] - 1):+.1f} %"] if changes else []
    rows.append(("BV/TV", "", *(f"{each:.4g}" for each in fractions), *change, "1", ""))
    print_table(heads, rows)


MEASURES = (
    ("apparent modulus", "MPa", "apparent_modulus_MPa"),
    ("stiffness", "N/mm", "stiffness_N_per_mm"),
    ("failure load", "N", "failure_load_N"),
)
"""Name, unit and attribute of each measure."""


def _numbers(
    path: Path, bones: Sequence[Bone], found: Sequence["Strength"], notes: Sequence[str]
) -> Mapping[str, Any]:
    """Numbers of the table as JSON types, with those of the solver."""
    return {
        "path": f"{path}",
        "loading": found[0].loading,
        "energy": found[0].energy,
        "tissue_modulus_MPa": found[0].tissue_modulus_MPa,
        "spacing_um": bones[0].spacing,
        "shape": bones[0].fraction.shape,
        "warnings": notes,
        "results": [
            {
                "time_day": bone.time,
                "bv_tv": float(bone.fraction.mean(dtype="f8")),
                **{name: getattr(each, name) for _, _, name in MEASURES},
                "left_out": each.left_out,
                "iterations": each.iterations,
                "residual": each.residual,
            }
            for bone, each in zip(bones, found, strict=True)
        ],
    }
