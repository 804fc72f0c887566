"""Bone that `tissue strength` loads, the modulus of its tissue, and what limits its numbers."""

import argparse
import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tissue.commands.image_options import (
    ANY_RUN,
    TEXT_KEYS,
    bone_of_image,
    is_image_folder,
    refuse_image_options,
)
from tissue.errors import InputError, RunError, printable

if TYPE_CHECKING:
    import numpy as np

    from tissue.geometry.load import Geometry
    from tissue.storage.snapshot import Snapshot

THIN = 3.0
"""Mean thickness [voxel] below which the voxels are too coarse for a modulus."""

MEASURED = 128
"""Longest edge of the part in which trabeculae and their distances are measured [voxel]."""


class Bone(NamedTuple):
    """A piece of bone to be loaded.

    Attributes:
        time: of the snapshot [day]; None of an image.
        fraction: bone volume fraction [z, y, x].
        spacing: edge of a voxel [um].
        region: share of each voxel in the region of interest [z, y, x]; None without one.
    """

    time: float | None
    fraction: "np.ndarray"
    spacing: float
    region: "np.ndarray | None" = None

    @property
    def day(self) -> str:
        """Words " at day 7"; none of an image."""
        return "" if self.time is None else f" at day {self.time:g}"


def given_modulus(options: argparse.Namespace) -> tuple[float, str] | None:
    """Modulus of bone tissue [MPa] of the option for it, and its words; None without it.

    Raises:
        InputError: the option cannot be used.
    """
    from tissue import units

    if options.tissue_modulus is None:
        return None
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


def tissue_modulus(options: argparse.Namespace) -> tuple[float, str]:
    """Modulus of bone tissue [MPa] of a run or a preset, and the words that say which.

    Raises:
        InputError: the run of a snapshot does not say its modulus.
    """
    from tissue.model.parameters import preset

    if options.preset is None and (modulus := _modulus_of_run(options.path)) is not None:
        return modulus, f"{modulus / 1e3:.4g} GPa (E_t of the run)"
    species = options.preset or "mouse"
    modulus = float(preset(species).E_t)
    return modulus, f"{modulus / 1e3:.4g} GPa (E_t of the preset {species}; --preset changes it)"


def _modulus_of_run(path: Path) -> float | None:
    """Modulus of bone tissue [MPa] of the run that a path belongs to; None of an image.

    Raises:
        InputError: the run file cannot be read, or there is none.
    """
    from tissue.scenario.runfile import read_toml
    from tissue.storage.snapshot import is_snapshot, list_snapshots, read_provenance

    folder = path if path.is_dir() else path.parent
    snapshots = list_snapshots(path) if path.is_dir() else [path] * is_snapshot(path)
    if not snapshots:
        return None
    # a snapshot may lie beside the run file of another run
    stored = read_provenance(snapshots[0]).get("config")
    file, remedy = folder / "run.toml", "give --preset or --tissue-modulus"
    if not stored and not file.is_file():
        raise InputError(
            f"{path} does not say the species whose modulus of bone tissue is needed, and there is "
            f"no {file}; {remedy}"
        )
    source = f"the run file in {snapshots[0]}" if stored else f"{file}"
    try:
        return _modulus_in(tomllib.loads(stored) if stored else read_toml(file))
    except (InputError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"{source} does not say the modulus of bone tissue ({error}); {remedy}"
        ) from None


def _modulus_in(tables: Mapping[str, Any]) -> float:
    """Modulus of bone tissue [MPa] in a run file, whatever stands in its other tables.

    Raises:
        InputError: it cannot be used.
    """
    from tissue.model.parameters import override, preset

    run, given = tables.get("run", {}), tables.get("parameters", {})
    if not (isinstance(run, Mapping) and isinstance(given, Mapping)):
        raise InputError("run and parameters must be tables")
    species = f"{run.get('preset', 'mouse')}"
    own = {symbol: value for symbol, value in given.items() if symbol == "E_t"}
    return float(override(preset(species), own, species=species)[0].E_t)


def bones_of(options: argparse.Namespace) -> list[Bone]:
    """Bone of an image, a snapshot, or of two or more times of a run.

    Raises:
        InputError: it cannot be read, or an option is not for it.
    """
    from tissue.storage.snapshot import is_snapshot, list_snapshots, read_snapshot

    if options.path.is_dir() and not is_image_folder(options.path):
        refuse_image_options(options, "a run")
        run = [read_snapshot(path) for path in list_snapshots(options.path)]
        if not run:
            raise InputError(f"{options.path} holds no snapshots yet; wait for the first")
        return [_of_snapshot(run[i]) for i in _chosen(options, [each.time for each in run])]
    if options.day:
        raise InputError(f"--day is for a run, and {options.path} is none; leave it out")
    if is_snapshot(options.path):
        refuse_image_options(options, "a snapshot")
        return [_of_snapshot(read_snapshot(options.path))]
    geometry = bone_of_image(options)
    region = None if options.region is None else _region(options, geometry)
    return [Bone(None, geometry.bone_volume_fraction, geometry.grid.spacing, region)]


def _of_snapshot(snapshot: "Snapshot") -> Bone:
    return Bone(snapshot.time, snapshot.field("bone_volume_fraction"), snapshot.grid.spacing)


def _chosen(options: argparse.Namespace, times: Sequence[float]) -> list[int]:
    """Indices of the snapshots of the days that are asked for."""
    if not options.day:
        return sorted({0, len(times) - 1})
    found = []
    for day in options.day:
        if not math.isfinite(day):
            raise InputError(
                f"--day {day:g} must be a number of days; {options.path} has snapshots from day "
                f"{times[0]:g} to {times[-1]:g}"
            )
        near = min(range(len(times)), key=lambda i: abs(times[i] - day))
        if abs(times[near] - day) > 1e-6 * max(1.0, abs(day)):
            raise InputError(
                f"--day {day:g}: {options.path} has no snapshot of that day, and the nearest is of "
                f"day {times[near]:g}"
            )
        found.append(near)
    return sorted(set(found))


def _region(options: argparse.Namespace, geometry: "Geometry") -> "np.ndarray":
    """Share of each voxel in the region of interest of an image [z, y, x]."""
    from tissue.geometry.journal import Journal
    from tissue.geometry.load import mask_share
    from tissue.geometry.settings import ImageSettings
    from tissue.scenario.config import read_run_file

    texts = {key: value for key in TEXT_KEYS if (value := getattr(options, key)) is not None}
    tables = {"run": ANY_RUN, "geometry": {"file": f"{options.path}"} | texts}
    edges = [f"geometry.voxel_size={options.voxel_size}"] if options.voxel_size else []
    settings = read_run_file(tables, edges).geometry
    assert isinstance(settings, ImageSettings)
    key = "geometry.region"
    return mask_share(Path(options.region), key, settings, geometry.grid, Journal())


def refuse_large(bone: Bone) -> None:
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


def limits(bones: Sequence[Bone]) -> list[str]:
    """Sentences on a region, a box or trabeculae that make numbers hard to compare."""
    from tissue.analysis.box_size import BOX_SPACINGS

    sentences = [text for bone in bones if (text := _of_region(bone))]
    sizes = [(bone, *size) for bone in bones if (size := _size(bone))]
    if not sizes:
        return sentences
    bone, thick, _ = min(sizes, key=lambda each: each[1])
    if thick < THIN:
        sentences.append(
            f"trabeculae{bone.day} are {thick:.1f} voxels thick on average, too few for absolute "
            "numbers: in one radius, voxels twice as large, 1.5 in a trabecula, made bone 14 % "
            "softer; compare only bones of the same voxel size"
        )
    bone, _, wide = min(sizes, key=lambda each: each[2])
    if wide < BOX_SPACINGS:
        sentences.append(
            f"the box is small: its shortest edge is {wide:.1f} distances between "
            f"trabeculae{bone.day}, and {BOX_SPACINGS:g} are needed for means of the tissue "
            "(Harrigan 1988); a smaller box of the same bone is softer, most with platens: compare "
            "boxes of one size"
        )
    return sentences


def _of_region(bone: Bone) -> str:
    """Sentence on a region that is a part of the box; empty without one."""
    share = 1.0 if bone.region is None else float(bone.region.mean(dtype="f8"))
    if share == 1:
        return ""
    return (
        f"the region is {share:.1%} of the box, and the modulus and BV/TV are those of the whole "
        f"box: divide BV/TV by {share:.3f} for that of the region, and the modulus too, but only "
        "along the axis of a region that has one section all along it; stiffness and failure load "
        "are of the bone in the region"
    )


def _size(bone: Bone) -> tuple[float, float] | None:
    """Mean thickness of trabeculae [voxel] and the box in distances between them [1].

    Of a large bone the middle is measured. None without bone; a box without marrow has no end.
    """
    from tissue.analysis.box_size import box_in_spacings
    from tissue.analysis.thickness import local_thickness

    mask = bone.fraction >= 0.5
    if not mask.any():
        return None
    marrow = ~mask if bone.region is None else ~mask & (bone.region >= 0.5)
    middle = tuple(slice(max(0, (n - MEASURED) // 2), (n + MEASURED) // 2) for n in mask.shape)
    if mask[middle].any() and marrow[middle].any():
        mask, marrow = mask[middle], marrow[middle]
    thick = float(local_thickness(mask)[mask].mean())
    if not marrow.any():
        return thick, math.inf
    apart = float(local_thickness(marrow)[marrow].mean())
    return thick, box_in_spacings(bone.fraction.shape, thick, apart)
