"""Folders: the slices of a DICOM series, or a stack of TIFF, BMP, PNG or JPEG slices."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tissue.errors import InputError
from tissue.geometry.formats import dicom, skyscan, slices, tiff
from tissue.geometry.formats.numbering import COPY, Stack, base_of, is_minus_unclear, stacks_of
from tissue.geometry.formats.slices import TOLERANCE, Slices
from tissue.geometry.image import Image, Inventory, Parts, Spacing, guarded, listed, refused

SUFFIXES = (".tif", ".tiff", ".bmp", ".png", ".jpg", ".jpeg")
"""Endings of the names of slices, in lower case."""
HIDDEN = ("thumbs.db", "desktop.ini")
"""Files that Windows keeps in folders; those of other systems begin with a dot."""
OTHER_AXIS = re.compile(
    r"(?:^|[^a-z])(t|tp|time|timepoint|frame|c|ch|channel)[ _=-]*$", re.IGNORECASE
)
"""Words before a number that name another axis than z."""
SETS = 5
"""Stacks in whose first file a set of OME-TIFF files is looked for."""
OVERVIEWS, SHARE = 3, 4
"""Pictures beside slices that may be overviews: at most 3, and no more than a quarter of them."""


@dataclass(frozen=True)
class Entries:
    """Contents of a folder by kind.

    Attributes:
        folder: the folder.
        pictures: files that may be slices.
        dicom: DICOM files.
        others: other files.
        names: names of entries that cannot be slices: hidden files, previews, folders.
    """

    folder: Path
    pictures: tuple[Path, ...]
    dicom: tuple[Path, ...]
    others: tuple[Path, ...]
    names: tuple[str, ...]


def read(folder: Path, series: str | None) -> Image:
    """The volume whose slices lie in a folder; folders in it are not searched.

    Args:
        folder: the folder.
        series: identifier of a DICOM series, or the beginning of the names of a stack; needed
            where the folder holds several.

    Raises:
        InputError: the folder holds no slices, slices of several volumes, or not all slices.
    """
    entries = _entries(folder)
    if entries.dicom:
        return _dicom(entries, series)
    if not entries.pictures:
        raise refused(
            folder,
            "holds neither TIFF, BMP, PNG or JPEG slices nor DICOM; it holds:"
            f" {listed([file.name for file in entries.others] + list(entries.names)) or 'nothing'};"
            " give the folder of the slices, or the image file itself",
        )
    stacks = stacks_of(entries.pictures)
    if series is None:
        for stack in stacks[:SETS]:
            if (found := _set(entries, stack, ())) is not None:
                return found
    stack, left = _chosen(entries, stacks, series)
    if series is not None and (found := _set(entries, stack, left)) is not None:
        return found
    _refuse_trouble(folder, stack)
    return _image(entries, stack, left)


def _entries(folder: Path) -> Entries:
    with guarded(folder):
        inside = sorted(folder.iterdir())
        dicom_files = dict.fromkeys(dicom.files_in(folder))
    pictures: list[Path] = []
    others: list[Path] = []
    names: list[str] = []
    empty: list[str] = []
    gone: list[str] = []
    for entry in inside:
        if entry.name.startswith(".") or entry.name.lower() in HIDDEN:
            names.append(entry.name)
        elif entry.is_symlink() and not entry.exists() and entry.suffix.lower() in SUFFIXES:
            gone.append(entry.name)
        elif not entry.is_file():
            names.append(f"folder {entry.name}" if entry.is_dir() else entry.name)
        elif entry in dicom_files:
            continue
        elif slices.format_of(entry):
            if skyscan.PREVIEW.search(base_of(entry)):
                names.append(entry.name)
            else:
                pictures.append(entry)
        elif entry.suffix.lower() in SUFFIXES:
            empty.append(entry.name)
        else:
            others.append(entry)
    if gone:
        raise refused(
            folder,
            f"holds links to slices that are not there: {listed(gone)}; fetch or copy the slices",
        )
    if empty:
        raise refused(
            folder,
            f"holds files that are called like slices and do not begin like them: {listed(empty)};"
            " copy them again from their source, or move them away",
        )
    root = folder.resolve()
    out = [file.name for file in pictures if not file.resolve().is_relative_to(root)]
    if out:
        raise refused(
            folder,
            f"holds links that lead out of it: {listed(out)}; put the slices themselves there",
        )
    return Entries(folder, tuple(pictures), tuple(dicom_files), tuple(others), tuple(names))


def _dicom(entries: Entries, series: str | None) -> Image:
    """The series of a folder of DICOM files, which may hold a few pictures beside them."""
    count = len(entries.pictures)
    if count > OVERVIEWS or count * SHARE > len(entries.dicom):
        raise refused(
            entries.folder,
            f"holds {len(entries.dicom)} DICOM files ({entries.dicom[0].name}, ...) and"
            f" {count} pictures ({listed([file.name for file in entries.pictures], 3)}); put the"
            " slices you mean into a folder of their own",
        )
    return dicom.read_series(entries.folder, series)


def _set(entries: Entries, stack: Stack, left: Sequence[Path]) -> Image | None:
    """The image of the set of OME-TIFF files that a stack belongs to; None where it is none."""
    first = stack.files[0]
    files = tiff.files_of(first) if slices.format_of(first) == "TIFF" else (first,)
    if len(files) == 1:
        return None
    image = tiff.read(first)
    others = [file for file in entries.pictures if file not in files and file not in left]
    found = Parts(
        "pictures", len(files) + len(others), len(files), tuple(file.name for file in others)
    )
    inventory = replace(
        image.inventory,
        parts=(*image.inventory.parts, found),
        ignored=(*image.inventory.ignored, *_left_alone(entries, left)),
    )
    return replace(image, file=entries.folder, inventory=inventory)


def _chosen(
    entries: Entries, stacks: Sequence[Stack], series: str | None
) -> tuple[Stack, list[Path]]:
    """Choose a stack; return it with the other pictures, which may be ignored."""
    if series is not None:
        return _named(entries.folder, stacks, series)
    first = stacks[0]
    if len(stacks) == 1:
        return first, []
    if set(first.files) == set(stacks[1].files):
        raise refused(
            entries.folder,
            "holds slices whose names can be read as whole numbers and as decimal ones"
            f" ({first.files[0].name}, ...), in two orders; number them with whole numbers alone",
        )
    rest = [file for stack in stacks[1:] for file in stack.files]
    if copies := [file.name for file in rest if COPY.search(base_of(file))]:
        raise refused(
            entries.folder,
            f"holds copies of slices that a file manager made: {listed(copies)}; move them away",
        )
    few = len(rest) <= OVERVIEWS and len(rest) * SHARE <= len(first.files)
    if few and all(_is_overview(file, first) for file in rest):
        return first, rest
    names = [f"{stack.stem} ({len(stack.files)} files)" for stack in stacks]
    raise refused(
        entries.folder,
        f"holds several stacks of slices: {listed(names)}; choose one with"
        f' series = "{first.stem}", or put its slices into a folder of their own',
    )


def _named(folder: Path, stacks: Sequence[Stack], series: str) -> tuple[Stack, list[Path]]:
    wanted = series.lower().strip("*")
    fits = [
        stack
        for stack in stacks
        if wanted in (stack.stem.lower().strip("*"), stack.stem.lower().partition("*")[0])
        or series.lower() == stack.stem.lower()
    ]
    if len(fits) != 1:
        names = [f"{stack.stem} ({len(stack.files)} files)" for stack in stacks]
        raise InputError(
            f"= {series!r} names {len(fits)} of the stacks of slices in"
            f" {folder.name}: {listed(names)}; give the name of one of them as it stands here",
            key="geometry.series",
        )
    return fits[0], [file for stack in stacks if stack is not fits[0] for file in stack.files]


def _is_overview(file: Path, stack: Stack) -> bool:
    """Whether a picture beside a stack is not part of it: it has no number, or another shape."""
    if not any(sign.isdigit() for sign in base_of(file)):
        return True
    try:
        return slices.opened([file]).shape != slices.opened(stack.files[:1]).shape
    except InputError:
        return False


def _refuse_trouble(folder: Path, stack: Stack) -> None:
    if len(stack.files) < 2:
        raise refused(
            folder,
            f"holds one image file ({stack.files[0].name}); give that file itself, or a folder of"
            " all slices",
        )
    if trouble := stack.trouble():
        raise refused(folder, trouble)
    if is_minus_unclear(stack):
        raise refused(
            folder,
            f"holds slices that are all numbered with a minus ({stack.files[0].name}, ...), so that"
            " their order is not clear; number them without",
        )


def _image(entries: Entries, stack: Stack, left: Sequence[Path]) -> Image:
    found = slices.opened(stack.files)
    rows, columns = found.shape[1:]
    inventory = found.first.inventory
    log = skyscan.log_beside(stack, entries.others)
    spacing, assumed, doubts = found.spacing, list(found.assumed), []
    program = f"folder of {' and '.join(found.kinds)} slices"
    if log is not None:
        said = skyscan.placed_by(log, stack, rows, columns)
        program = f"SkyScan {program} with {log.file.name}"
        assumed += said.assumed
        doubts += [*said.doubts, *_conflict(found, log, said.spacing)]
        spacing = said.spacing if said.spacing[0] is not None else spacing
    assumed += _on_numbers(stack)
    used = None if log is None else log.file
    return Image(
        file=entries.folder,
        shape=found.shape,
        dtype=found.first.dtype,
        reader=found.voxels,
        inventory=Inventory(
            f"{program}, {stack.files[0].name} to {stack.files[-1].name}",
            parts=(Parts("slices", len(stack.files), len(stack.files)),),
            spacing_unit="um" if log is not None else inventory.spacing_unit,
            calibration=inventory.calibration,
            ignored=(*found.ignored, *_left_alone(entries, left, used)),
            assumed=tuple(assumed),
            doubts=tuple(doubts),
        ),
        spacing=spacing,
        unit=found.first.unit,
        labels=found.first.labels,
    )


def _left_alone(entries: Entries, left: Sequence[Path], used: Path | None = None) -> list[str]:
    """List the names of all entries of the folder that are not part of the volume."""
    others = [file.name for file in entries.others if file != used]
    return [*(file.name for file in left), *others, *entries.names]


def _conflict(found: Slices, log: skyscan.Log, spacing: Spacing) -> list[str]:
    """List a doubt where slices and their log state different edges."""
    for axis, one, other in zip("zyx", found.spacing, spacing, strict=True):
        if one is not None and other is not None and abs(one - other) > TOLERANCE * other:
            return [
                f"has slices that write an edge of {one:g} um along {axis}, and its log"
                f" ({log.file.name}) {other:g} um; correct the one that is wrong"
            ]
    return []


def _on_numbers(stack: Stack) -> list[str]:
    """List notes on numbers that are not simply consecutive."""
    step = stack.steps[0]
    notes = []
    if found := OTHER_AXIS.search(stack.stem.partition("*")[0]):
        notes = [
            f"the numbers in the names follow {found[1]!r}, which may stand for time or a channel:"
            " they are taken as slices"
        ]
    if step == 1:
        return notes
    if step.denominator > 1 or any(number < 0 for number in stack.numbers):
        return [
            *notes,
            f"the names of the slices hold positions {float(step):g} apart: they give the order,"
            " and no voxel size",
        ]
    return [
        *notes,
        f"the numbers of the slices are {float(step):g} apart: none is taken as missing",
    ]
