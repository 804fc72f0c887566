"""The log that NRecon and CTAn of Bruker SkyScan scanners write beside reconstructed slices.

It is a text of lines `key=value` under headings such as [Reconstruction]; lengths are in um.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tissue.geometry.formats.numbering import Stack
from tissue.geometry.formats.place import Placed
from tissue.geometry.image import edges, guarded, refused, shortened

LONGEST = 2**20
"""Bytes of a log; real ones hold some thousands."""

PREVIEW = re.compile(r"_?spr$", re.IGNORECASE)
"""End of the name of the picture of the whole sample that NRecon puts beside the slices."""

SIZE, CAMERA_SIZE = "pixel size (um)", "image pixel size (um)"
WIDTH, HEIGHT = "result image width (pixels)", "result image height (pixels)"
COUNT, FIRST, LAST = "sections count", "first section", "last section"
STEP, PREFIX = "section to section step", "filename prefix"
LOWEST = ("minimum for cs to image conversion", "mininum for cs to image conversion")
"""Attenuation of gray value 0 [1/mm]; early versions of NRecon misspell it."""
HIGHEST = "maximum for cs to image conversion"
ROWS, COLUMNS = "number of rows", "number of columns"
SCALE_BAR, HOUNSFIELD = "draw scales", "hu calibration"


@dataclass(frozen=True)
class Log:
    """A log of reconstructed slices.

    Attributes:
        file: the log.
        reconstruction: values under [Reconstruction] by key, in lower case.
        acquisition: values under [Acquisition].
        prefix: beginning of the names of the slices; empty where it is not written.
    """

    file: Path
    reconstruction: dict[str, str]
    acquisition: dict[str, str]
    prefix: str

    def number(self, key: str) -> float | None:
        """Number under [Reconstruction]; None where it is none."""
        return _number(self.reconstruction.get(key))

    @property
    def size(self) -> float | None:
        """Edge of a voxel in a slice [um]; None where it is not written."""
        return edges([self.number(SIZE)] * 3)[0]

    @property
    def step(self) -> float:
        """Slices from one reconstructed slice to the next one."""
        step = self.number(STEP)
        return step if step is not None and step > 0 else 1.0


def log_beside(stack: Stack, others: Sequence[Path]) -> Log | None:
    """The log of a stack of slices; None where there is none.

    Args:
        stack: the slices.
        others: the other files of the folder.

    Raises:
        InputError: several logs may be meant, or the files are projections of the sample.
    """
    logs = [
        log for file in others if file.suffix.lower() == ".log" and (log := _read(file)) is not None
    ]
    made = [log for log in logs if log.reconstruction]
    if not made and logs:
        if "rec" not in f"{stack.stem}{logs[0].file.name}".lower():
            raise refused(
                stack.files[0].parent, _projections(logs[0], "describes no reconstruction")
            )
        return logs[0]
    named = [log for log in made if _fits(log, stack)]
    found = named or made
    if len(found) > 1:
        names = " and ".join(log.file.name for log in found[:3])
        raise refused(
            stack.files[0].parent,
            f"holds several logs ({names}); leave the one of these slices there",
        )
    return found[0] if found else None


def placed_by(log: Log, stack: Stack, rows: int, columns: int) -> Placed:
    """Read the voxel size of a stack of slices, with some rows and columns, from its log."""
    name = log.file.name
    doubts, agreed = _mismatch(log, stack, rows, columns)
    # NRecon adds what it reconstructed to the log of the scan, too
    camera = [_number(log.acquisition.get(key)) for key in (ROWS, COLUMNS)]
    raw = log.acquisition.get(PREFIX, "").lower()
    if camera == [rows, columns] and raw and _stem(stack) == raw.rstrip("_~ "):
        doubts = [_projections(log, f"gives them the name {shortened(raw)} and the camera's size")]
    assumed = []
    if not _fits(log, stack):
        words = f"names slices {shortened(log.prefix)}*, and these are {stack.stem}"
        if agreed and not doubts:
            assumed.append(f"{name} {words}: its sizes and number of slices fit them")
        else:
            doubts.append(f"has a log ({name}) that {words}; put the log of these slices there")
    size = log.size
    z = size
    if size is None:
        z = size = edges([_number(log.acquisition.get(CAMERA_SIZE))] * 3)[0]
        if size is not None:
            assumed.append(f"{name} gives no pixel size of the slices: that of the scan is taken")
    elif log.step != 1 and z is not None:
        z *= log.step
        assumed.append(f"{name}: one slice of every {log.step:g} was reconstructed")
    low = next((value for key in LOWEST if (value := log.number(key)) is not None), None)
    high = log.number(HIGHEST)
    if low is not None and high is not None:
        assumed.append(
            f"{name}: the range of gray values stands for attenuations of {low:g} to {high:g} 1/mm;"
            " gray values are left as stored"
        )
    if log.reconstruction.get(HOUNSFIELD, "").upper() == "ON":
        assumed.append(f"{name}: gray values were scaled to Hounsfield units; left as stored")
    if log.reconstruction.get(SCALE_BAR, "").upper() == "ON":
        assumed.append(f"{name}: scales may be drawn into the slices (Draw Scales=ON)")
    return Placed((z, size, size), None, tuple(assumed), tuple(doubts))


def _projections(log: Log, words: str) -> str:
    return (
        f"holds X-ray projections: {log.file.name} {words}; give the folder of the reconstructed"
        " slices"
    )


def _stem(stack: Stack) -> str:
    """Beginning of the names of slices, without what parts it from their numbers."""
    return stack.stem.partition("*")[0].lower().rstrip("_~ ")


def _mismatch(log: Log, stack: Stack, rows: int, columns: int) -> tuple[list[str], bool]:
    """List misfits of the sizes and the number of slices, and whether all three fit."""
    name = log.file.name
    remedy = (
        "copy all slices again; if they are meant as they are, take the log out of the folder and"
        " give geometry.voxel_size"
    )
    doubts = []
    width, height = log.number(WIDTH), log.number(HEIGHT)
    if width not in (None, columns) or height not in (None, rows):
        doubts.append(
            f"has slices of {columns} x {rows} pixels, and its log ({name}) states"
            f" {_shown(width)} x {_shown(height)}; {remedy}"
        )
    count, first, last = log.number(COUNT), log.number(FIRST), log.number(LAST)
    span = None if first is None or last is None else (last - first) / log.step + 1
    promised = span if count is None else count
    if promised is not None and promised != len(stack.files):
        ends = "" if span is None else f" (numbers {first:g} to {last:g})"
        doubts.append(
            f"has {len(stack.files)} slices, {stack.files[0].name} to {stack.files[-1].name}, and"
            f" its log ({name}) states {promised:g}{ends}; {remedy}"
        )
    return doubts, (width, height, promised) == (columns, rows, len(stack.files))


def _fits(log: Log, stack: Stack) -> bool:
    """Whether the names of the slices begin as the log, or its own name, says."""
    stem = _stem(stack)
    names = {log.prefix.lower().rstrip("_~ "), log.file.stem.lower().rstrip("_~ ")}
    return stem in names or not log.prefix


def _read(file: Path) -> Log | None:
    """The log in a file; None where the file is something else."""
    with guarded(file), file.open("rb") as stream:
        data = stream.read(LONGEST)
    coding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(coding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    sections: dict[str, dict[str, str]] = {}
    heading = ""
    for line in text.splitlines():
        if found := re.match(r"\s*\[(.+?)\]\s*$", line):
            heading = found[1].strip().lower()
        elif "=" in line:
            key, _, value = line.partition("=")
            section = sections.setdefault(heading, {})
            key, value = key.strip().lower(), value.strip()
            if section.setdefault(key, value) != value and key in (SIZE, COUNT, WIDTH, HEIGHT):
                raise refused(
                    file,
                    f"gives {shortened(key)} twice, as {shortened(section[key])} and"
                    f" {shortened(value)}; correct it",
                )
    # a log cut down to its lines has no headings, and a damaged one may have lost this one
    with_size = (section for section in sections.values() if SIZE in section)
    reconstruction = next(with_size, sections.get("reconstruction", sections.get("", {})))
    acquisition = sections.get("acquisition", {})
    if CAMERA_SIZE not in acquisition and SIZE not in reconstruction:
        return None
    prefix = sections.get("file name convention", {}).get(PREFIX, "")
    return Log(file, reconstruction, acquisition, prefix)


def _number(text: str | None) -> float | None:
    try:
        value = float((text or "").replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _shown(number: float | None) -> str:
    return "?" if number is None else f"{number:g}"
