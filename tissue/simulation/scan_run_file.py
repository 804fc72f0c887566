"""First run file of a scan, with what was found in the image as comments."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tissue.errors import InputError, RunError
from tissue.geometry.extent import Extent, extent
from tissue.geometry.image import VoxelSize
from tissue.geometry.journal import Journal, dims, in_um
from tissue.geometry.load import simulated_bone
from tissue.geometry.segment import segment
from tissue.geometry.settings import Crop, ImageSettings
from tissue.machine.host import allowed_memory
from tissue.model.drugs import BODY_WEIGHT, DRUGS
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.resolved import toml_value
from tissue.simulation.bone_preview import MAX_READ, middle_crop
from tissue.simulation.machine_forecast import MachineForecast, forecast_here
from tissue.simulation.plan import Plan, plan
from tissue.simulation.run_warnings import MAX_SPACING

MAX_MOUSE_VOXEL = 12.0
"""Voxel edge up to which a scan is taken for one of a mouse [um], an assumption about any one scan:
mouse cancellous bone is scanned at 8 and 12 um (PMC3391301, read abstract), human vertebrae at
17 um (Perilli, Ann. Ist. Super. Sanita 48, 75 (2012), doi 10.4415/ANN_12_01_13, read abstract)."""

SHRINKING = 0.9
"""Factor on the edges of a crop that is still too large for the memory."""

LINE = 100
"""Width of the comments in the file [characters]."""

VALUE = 29
"""Column at which the comment of a value begins [characters]."""


class Course(NamedTuple):
    """Duration and interval of snapshots of a species, as texts of a run file."""

    duration: str
    snapshots: str


COURSES = {"mouse": Course("28 day", "7 day"), "human": Course("364 day", "91 day")}
"""Length of the bundled arthritis runs."""

EXAMPLE_DRUG = "anakinra"
"""Drug of the example, which blocks the receptor of the IL-1 of the example."""


class ScanRunFile(NamedTuple):
    """Run file of a scan.

    Attributes:
        text: its TOML.
        found: findings in the image and size of the run, one line each.
        warnings: sentences that the user should look at.
    """

    text: str
    found: tuple[str, ...]
    warnings: tuple[str, ...]


def scan_run_file(
    scan: Path, file: Path, values: Sequence[str] = (), species: str | None = None
) -> ScanRunFile:
    """Compose the run file of a scan, which `tissue check` accepts.

    The voxel size and the threshold are read from the image, the preset follows from the voxel
    size, and a scan too large for the memory is resampled or cropped.

    Args:
        scan: image, or folder of slices.
        file: place of the run file, which paths in it are relative to; it is not written.
        values: changes such as "geometry.threshold=128" of what is found.
        species: preset; None to choose it by the voxel size.

    Raises:
        InputError: the image or a value cannot be used.
        RunError: the memory is too small even for a small part of the scan.
    """

    def config_of(preset: str, geometry: Mapping[str, Any]) -> RunConfig:
        course = COURSES[preset]
        tables = {
            "run": {"preset": preset, "duration": course.duration},
            "geometry": {"file": f"{scan.resolve()}", **geometry},
            "disease": {"il1_excess": "3.5 pM"},
            "output": {"snapshots": course.snapshots},
        }
        return read_run_file(tables, values, folder=file.parent, name=file.stem)

    settings = _image(config_of("mouse", {}))
    part = extent(settings, Journal())
    preset = species or ("mouse" if min(part.voxel_size) <= MAX_MOUSE_VOXEL else "human")
    geometry: dict[str, Any] = {"voxel_size": _lengths(part.voxel_size)}
    geometry |= _fitting(config_of(preset, geometry), part)
    config = config_of(preset, geometry)
    settings, journal = _image(config), Journal()
    given = {value.partition("=")[0] for value in values}
    if settings.voxel_size is not None and "geometry.voxel_size" not in given:
        settings = replace(settings, voxel_size=None)  # so that the log names its source
    part = extent(settings, Journal())
    partial = part.memory > MAX_READ
    read = replace(settings, crop=middle_crop(part)) if partial else settings
    segmentation = segment(read, journal, allowed_memory())
    if settings.threshold == "otsu" and (segmentation.scanned is None or settings.region):
        geometry["threshold"] = float(f"{segmentation.threshold:.6g}")
        config = config_of(preset, geometry)
    binary = segmentation.binary
    del segmentation  # its gray values
    bone = simulated_bone(binary, read, journal)
    planned = plan(config, bone, full_grid=part.grid if partial else None, loading=part.memory)
    found = [*bone.log, *(line for line in planned.lines() if line.split()[0] in FOUND)]
    if partial:
        found.append(
            f"read only the middle of the {dims(part.shape)} voxels: its numbers are approximate"
        )
    text = "\n".join(_text(config, file, part, planned, found, species is None)) + "\n"
    return ScanRunFile(text, tuple(found), planned.warnings)


FOUND = ("grid", "load", "memory", "writes")
"""First words of the lines of a plan that the run file repeats."""


def _image(config: RunConfig) -> ImageSettings:
    assert isinstance(config.geometry, ImageSettings)
    return config.geometry


def _lengths(edges: VoxelSize) -> str | list[str]:
    texts = [f"{edge:.9g} um" for edge in edges]
    return texts[0] if len(set(texts)) == 1 else texts


def _fitting(config: RunConfig, part: Extent) -> dict[str, Any]:
    """Keys with which a run fits into the memory; none where it does as it is.

    Raises:
        RunError: it does not fit with the smallest crop.
    """
    if _forecast(config, part).surely_fits:
        return {}
    geometry: dict[str, Any] = {}
    settings = _image(config)
    factor = int(MAX_SPACING[config.run.preset] / min(part.voxel_size))
    if settings.resample is None and factor > 1:
        geometry["resample"] = f"{factor * min(part.voxel_size):.9g} um"
        settings = _image(config.changed({f"geometry.{key}": v for key, v in geometry.items()}))
        part = extent(settings, Journal())
    box = part.box
    while not _forecast(config, part).surely_fits:
        if settings.region is not None or settings.crop is not None:
            given = "crop" if settings.region is None else f"region {settings.region.name}"
            raise RunError(
                f"the {given} is too large for the memory: give a smaller one, or a coarser "
                "--resample"
            )
        crop = _smaller(part)
        if min(stop - start for start, stop in crop) < 2 * part.sampling.factor:
            raise RunError("the memory is too small for any part of this scan")
        part = extent(replace(settings, crop=crop), Journal())
    if part.box != box:
        geometry["crop"] = [[along.start, along.stop] for along in part.box]
    return geometry


def _forecast(config: RunConfig, part: Extent) -> MachineForecast:
    return forecast_here(config, part.grid.shape, None, part.memory, None)


def _smaller(part: Extent) -> Crop:
    """Middle of a box, with edges that are shorter by `SHRINKING`."""
    z, y, x = (
        (start, start + kept)
        for along, size in zip(part.box, part.shape, strict=True)
        for kept in [int(SHRINKING * size)]
        for start in [along.start + (size - kept) // 2]
    )
    return z, y, x


def _text(
    config: RunConfig,
    file: Path,
    part: Extent,
    planned: Plan,
    found: Sequence[str],
    chosen: bool,
) -> Iterator[str]:
    """Lines of the run file."""
    preset, course, settings = config.run.preset, COURSES[config.run.preset], _image(config)
    yield f"# {settings.file.name}: a first run of this bone, written by tissue new."
    yield f"# Check it with: tissue check {file.name}    and run it with: tissue run {file.name}"
    yield from ("#", "# Found in the scan, and the size of the run here:")
    yield from _comments(found)
    if planned.warnings:
        yield from ("#", "# Look at these before you trust a result:")
        yield from _comments(planned.warnings)
    why = (
        f"by the voxel size: up to {MAX_MOUSE_VOXEL:g} um a mouse, above a human; mouse | human"
        if chosen
        else "mouse | human"
    )
    yield from ("", "[run]", _key("preset", preset, why))
    yield _key("duration", course.duration, "simulated time")
    yield from ("", "[geometry]", *_geometry(config, file, part))
    yield from ("", "[disease]")
    yield _key("il1_excess", "3.5 pM", "IL-1 over the healthy level, everywhere: an example")
    yield from ("", "# [[therapy]]                # a drug: take the # away, and see tissue drugs")
    yield from (f"# {line}" for line in _example_therapy(preset, course))
    yield from ("", "[output]", _key("snapshots", course.snapshots, "interval of the 3-D fields"))
    yield f"fields = {toml_value(list(config.output.fields))}"


def _example_therapy(species: str, course: Course) -> Iterator[str]:
    """Lines of a table [[therapy]]: the usual regimen of the example, from the table of drugs."""
    dose, interval = DRUGS[EXAMPLE_DRUG].regimen[species]
    amount = f"{dose:g} mg/kg"
    if species == "human":
        amount = f"{dose * BODY_WEIGHT[species]:g} mg"
    yield f"drug = {toml_value(EXAMPLE_DRUG)}"
    yield _key("dose", amount, f"usual in a {species}")
    yield f'start = "{course.snapshots}"'
    yield f'every = "{interval:g} day"'


def _geometry(config: RunConfig, file: Path, part: Extent) -> Iterator[str]:
    """Lines of the table [geometry]: keys that are set, and comments for the others."""
    dumped = config.model_dump(
        mode="json", by_alias=True, exclude_none=True, context=file.parent.resolve()
    )["geometry"]
    source = "from the image" if part.image.voxel_size == part.voxel_size else "as given"
    unit = f" {part.image.unit}" if part.image.unit else ""
    spacing = f"{MAX_SPACING[config.run.preset]:g} um"
    coarser = 2 * min(part.voxel_size)
    comments = {
        "file": "relative to this file",
        "dataset": "dataset in the file",
        "series": "one of several in the folder",
        "voxel_size": f"{source}; {in_um(part.voxel_size)} um (z, y, x)",
        "crop": "voxels of the image that are kept [z, y, x]",
        "region": "mask: outside it is marrow",
        "smooth": "Gaussian, before the threshold; some voxels where noise makes specks",
        "threshold": f"gray value{unit} above which is bone; or 'otsu', which finds it",
        "resample": f"voxel of the simulation; up to {spacing} resolves {config.run.preset} bone",
    }
    examples: dict[str, Any] = {"crop": [[along.start, along.stop] for along in part.box]}
    if coarser <= MAX_SPACING[config.run.preset]:
        examples["resample"] = f"{coarser:.9g} um"
    for key, comment in comments.items():
        if key in dumped:
            yield _key(key, dumped[key], comment)
        elif key in examples:
            yield _key(f"# {key}", examples[key], comment)


def _key(key: str, value: Any, comment: str) -> str:
    return f"{f'{key} = {toml_value(value)}'.ljust(VALUE - 2)}  # {comment}"


def _comments(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield from textwrap.wrap(
            line,
            LINE,
            initial_indent="# - ",
            subsequent_indent="#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def refuse_existing(file: Path) -> None:
    """Refuse to write over a file.

    Raises:
        InputError: there is one of that name.
    """
    if file.exists() or file.is_symlink():
        raise InputError(f"{file} exists already; name another file with --out, or remove it")
