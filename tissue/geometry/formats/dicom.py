"""DICOM: a folder with the slices of a series, or one file with all frames of a volume."""

import re
from pathlib import Path

from tissue.errors import InputError
from tissue.geometry.formats.dicom_headers import HEAD, Header, is_dicom, may_be_dicom, read_header
from tissue.geometry.formats.dicom_volume import volume_of
from tissue.geometry.image import Image, guarded, listed, refused, shortened

__all__ = ["files_in", "is_dicom", "read_file", "read_series"]

SUFFIXES = (".dcm", ".dicom", ".ima")
"""Endings of names that promise DICOM."""

Series = list[Header]


def files_in(folder: Path) -> list[Path]:
    """The DICOM files that lie in a folder itself, by what they hold."""
    return [file for file in _files(folder) if _holds_dicom(file)]


def _files(folder: Path) -> list[Path]:
    """The files of a folder in the order of their names, without hidden ones."""
    return [
        file
        for file in sorted(folder.iterdir())
        if file.is_file() and not file.name.startswith(".")
    ]


def _holds_dicom(file: Path) -> bool:
    with guarded(file), file.open("rb") as stream:
        head = stream.read(HEAD)
    return is_dicom(head) or (may_be_dicom(head) and read_header(file) is not None)


def read_file(file: Path) -> Image:
    """The volume in one file with several frames.

    Raises:
        InputError: the file holds one slice, or no image.
    """
    header = read_header(file)
    if header is None or not header.rows:
        what = header.kind if header else "no DICOM"
        raise refused(file, f"holds no image ({what}); give the folder with the slices of a series")
    if len(header.slices) < 2:
        raise refused(
            file, "holds one slice of a DICOM series; give the folder that holds all slices of it"
        )
    return volume_of(file, [header], ())


def read_series(folder: Path, series: str | None) -> Image:
    """The slices of one series in a folder, in the order of their positions.

    Args:
        folder: the folder; folders in it are not searched.
        series: SeriesInstanceUID or SeriesNumber; needed where there are several.

    Raises:
        InputError: there is no image or no such series, there are several, or the slices do not
            make one volume.
    """
    files = _files(folder)
    headers = {file: header for file in files if (header := read_header(file))}
    _refuse_links(folder, list(headers))
    images = [header for header in headers.values() if header.rows]
    others = [file for file in files if file not in headers]
    _refuse_damaged(folder, images, others)
    inside = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    ignored = [f"{each.file.name} ({each.kind})" for each in headers.values() if not each.rows]
    ignored += [file.name for file in others]
    ignored += [f"folder {name}" for name in inside]
    if not images:
        where = f"; give the folder of a series ({listed(inside)})" if inside else ""
        raise refused(folder, f"holds DICOM files without an image: {listed(ignored)}{where}")
    chosen, left = _chosen(folder, images, series)
    return volume_of(folder, chosen, (*(f"series {_summary(each)}" for each in left), *ignored))


def _chosen(folder: Path, images: list[Header], wanted: str | None) -> tuple[Series, list[Series]]:
    """The headers of one series, and those of the others."""
    found: dict[str, Series] = {}
    for header in images:
        found.setdefault(header.series, []).append(header)
    groups = list(found.values())
    names = listed([_summary(group) for group in groups], most=10)
    if wanted is None:
        if len(groups) == 1:
            return groups[0], []
        raise refused(
            folder,
            f"holds {len(groups)} DICOM series: {names}; choose one with"
            f' series = "{groups[0][0].series}"',
        )
    named = [group for group in groups if wanted == group[0].series]
    named = named or [group for group in groups if wanted == group[0].number]
    if len(named) != 1:
        several = "names several of" if named else "is not one of"
        raise InputError(
            f"= {shortened(wanted)!r} {several} the DICOM series of {folder.name}:"
            f" {names}; give the identifier or the number of one of them",
            key="geometry.series",
        )
    return named[0], [group for group in groups if group is not named[0]]


def _summary(group: Series) -> str:
    first = group[0]
    facts = [f"number {first.number}"] if first.number else []
    facts += [repr(first.description)] if first.description else []
    count = sum(len(each.slices) for each in group)
    return f"{first.series or 'without identifier'} ({', '.join([*facts, f'{count} slices'])})"


def _refuse_links(folder: Path, files: list[Path]) -> None:
    root = folder.resolve()
    out = [file.name for file in files if not file.resolve().is_relative_to(root)]
    if out:
        raise refused(
            folder,
            f"holds links that lead out of it: {listed(out)}; put the slices themselves there",
        )


def _refuse_damaged(folder: Path, images: list[Header], others: list[Path]) -> None:
    """Refuses files that are called like the slices and hold no DICOM."""
    patterns = {_pattern(header.file) for header in images}
    strange = [
        file.name
        for file in others
        if file.suffix.lower() in SUFFIXES or _pattern(file) in patterns
    ]
    if strange:
        raise refused(
            folder,
            f"holds files that are called like slices and are no DICOM: {listed(strange)}; they may"
            " be damaged: copy them again from the source, or move them away",
        )


def _pattern(file: Path) -> str:
    return re.sub(r"\d+", "#", file.name.lower())
