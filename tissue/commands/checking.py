"""Command that checks a run file and estimates the memory and time of the run."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tissue.commands.common import Commands, add_run_file, config_of, require_folder
from tissue.commands.terminal import waiting, wrapped
from tissue.errors import InputError, RunError
from tissue.numerals import short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tissue.geometry.load import Geometry
    from tissue.scenario.config import RunConfig

LEAST_MG = 0.1
"""Least dose that is shown in mg; smaller ones are shown in ug [mg]."""


def add(commands: Commands) -> None:
    """Add check."""
    command = commands.add_parser(
        "check", help="check a run file and estimate memory, time and disk"
    )
    add_run_file(command)
    command.add_argument(
        "--device",
        metavar="NAME",
        help="estimate memory and time on another machine: h100, a100, rtx4090, or cpu:N for N "
        "cores of a machine like this one",
    )
    command.add_argument(
        "--devices",
        type=int,
        metavar="N",
        help="number of GPUs of --device that share the grid",
    )
    command.add_argument(
        "--picture",
        type=Path,
        metavar="FILE",
        help="draw the segmented bone on three planes of the scan (PNG)",
    )
    command.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    config = config_of(options)
    from tissue.simulation.bone_preview import BonePreview, preview_bone
    from tissue.simulation.other_machine import chosen_machine
    from tissue.simulation.plan import plan
    from tissue.simulation.speed import probe

    elsewhere = chosen_machine(options.device, options.devices, config)
    picture: Path | None = options.picture
    start = time.perf_counter()
    with waiting("reading the bone"):
        if picture:
            bone, reading = _drawn_geometry(config, picture)
            preview = BonePreview(bone, None, time.perf_counter() - start, reading)
        else:
            preview = preview_bone(config)
    grid = preview.full_grid or preview.geometry.grid
    with waiting("compiling, and measuring the speed of this machine"):
        measured = probe(grid.shape, config.run.precision, preview.loading_time)
    planned = plan(
        config,
        preview.geometry,
        measured,
        full_grid=preview.full_grid,
        loading=preview.loading_memory,
        machine=elsewhere,
        folder=None if elsewhere else Path("runs/out") / config.name,
    )
    print(f"{options.file}: {planned.forecast.verdict}")
    for line in (*_simulated(config), *preview.geometry.log, *planned.lines()):
        print(wrapped(f"  {line}", sys.stdout))
    for warning in planned.warnings:
        if planned.forecast.fits or warning != planned.forecast.warning:  # printed last
            print(wrapped(f"  warning: {warning}", sys.stdout))
    if picture:
        print(f"  picture: {picture}")
    if not planned.forecast.fits:
        sys.stdout.flush()
        raise RunError(f"{options.file} {planned.forecast.verdict}; {planned.forecast.remedy}")
    return 0


def _simulated(config: "RunConfig") -> "Iterator[str]":
    """Days, disease and drugs of a run, so that a missing or mistyped one is seen in time."""
    from tissue.analysis.disease import disease
    from tissue.analysis.treatment import Regimen
    from tissue.model.mechanisms import MECHANISMS
    from tissue.scenario.resolved import resolved_toml

    days, species = config.run.duration, config.run.preset
    given = [
        Regimen(each.drug, _dose(each.dose, species), each.times).words(days)
        for each in config.therapy
    ]
    yield f"simulates  {days:g} day{'' if days == 1 else 's'}, with the cells of a {species}"
    yield f"disease    {disease(resolved_toml(config)) or 'none'}"
    yield f"drugs      {'; '.join(given) or 'none'}"
    for name, on in config.mechanisms:
        if on != MECHANISMS[name].default:
            yield f"switched   {'on' if on else 'off'}: {MECHANISMS[name].long_name}"


def _dose(dose: float, species: str) -> str:
    """A dose [mg/kg] as people and as animals get it."""
    from tissue.model.drugs import BODY_WEIGHT

    by_weight = f"{short(dose)} mg/kg"
    if species != "human":
        return by_weight
    amount = dose * BODY_WEIGHT[species]
    shown = f"{short(amount)} mg" if amount >= LEAST_MG else f"{short(1e3 * amount)} ug"
    return f"{shown} ({by_weight})"


def _drawn_geometry(config: "RunConfig", picture: Path) -> "tuple[Geometry, int]":
    """Bone of a run, drawn as segmented from its scan, and what a run takes to read it [bytes]."""
    from tissue.analysis.overlay import write_segmentation
    from tissue.geometry.extent import extent
    from tissue.geometry.journal import Journal
    from tissue.geometry.load import simulated_bone
    from tissue.geometry.preparation import cleaned
    from tissue.geometry.segment import segment
    from tissue.geometry.settings import ImageSettings
    from tissue.machine.host import allowed_memory

    settings, journal = config.geometry, Journal()
    if not isinstance(settings, ImageSettings):
        raise InputError(
            "--picture draws on a scan, and the bone of this run is synthetic; leave it out"
        )
    if picture.suffix.lower() != ".png":
        raise InputError(f"--picture {picture}: the picture is a PNG; write --picture scan.png")
    require_folder("--picture", picture)
    found = segment(settings, journal, allowed_memory())
    # drawn before the bone is checked further, as it shows why a run would be refused
    largest, pockets = settings.keep_largest, settings.close_pockets
    try:
        kept = cleaned(found.bone, largest, pockets, Journal(), config.periodic_axes)
    except InputError:
        kept = found.bone
    write_segmentation(found, kept, picture)
    binary = found.binary
    del found, kept  # gray values
    bone = simulated_bone(binary, settings, journal, config.periodic_axes)
    return bone, extent(settings, Journal()).memory
