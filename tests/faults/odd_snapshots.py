"""Snapshots that are valid HDF5 but odd, and odd texts beside them, before every command.

Each kind is the middle one of three snapshots of a run, edited with h5py. Every command must answer
or refuse it in one sentence: numbers that cannot be are refused by all that read them, and the same
numbers as another program may store them are read as these numbers.

usage: python tests/faults/odd_snapshots.py [KIND ...]
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import nibabel
import numpy as np
from faults.command_result import call_command
from numpy.typing import ArrayLike, NDArray
from storage.conftest import GRID, field, write_run
from storage.test_edited import FIELDS, HEADERS, POINTS, Edit, attribute, put

from tissue.model.observables import METRICS
from tissue.simulation.ledger import LEDGER
from tissue.storage.snapshot import list_snapshots

IL1 = field("il1", 1)
WHOLE = np.floor(IL1)
EXTREME = np.where(np.indices(GRID.shape).sum(0) % 2, -3e38, 3e38).astype("f4")
FIVE = np.full(GRID.shape, 5, "f4")
ONE = np.ones((1, 1, 1), "f4")
UNIT = f"{POINTS}/il1"

FIELD = ("info", "export", "report")
"""Commands that read il1."""

ALL = (*FIELD, "index")
"""Commands that read the header of a snapshot."""

Values = NDArray[np.float32]


class Kind(NamedTuple):
    """An odd snapshot.

    Attributes:
        edit: makes it of a whole one.
        refused: commands that refuse it.
        values: that il1 is read as.
    """

    edit: Edit
    refused: tuple[str, ...] = ()
    values: Values = IL1


def stored(values: ArrayLike = IL1, **how: Any) -> Edit:
    """Stores il1 in another way."""

    def edit(file: h5py.File) -> None:
        del file[UNIT]
        file[POINTS].create_dataset("il1", data=values, **how).attrs["units"] = "pM"

    return edit


def without(*names: str) -> Edit:
    """Removes groups and datasets."""

    def edit(file: h5py.File) -> None:
        for name in names:
            del file[name]

    return edit


def without_attribute(place: str, name: str) -> Edit:
    """Removes an attribute."""

    def edit(file: h5py.File) -> None:
        del file[place].attrs[name]

    return edit


def instead(name: str, value: object) -> Edit:
    """Puts something in the place of a group or dataset; a group where it is None."""

    def edit(file: h5py.File) -> None:
        del file[name]
        if value is None:
            file.create_group(name)
        else:
            file[name] = value

    return edit


def many_fields(file: h5py.File) -> None:
    for number in range(1000):
        file[POINTS][f"\x1b[31m field {number}\n"] = number


def odd_provenance(file: h5py.File) -> None:
    file["provenance"].attrs["created"] = "a\x1b[2J\n" * 9000
    file["provenance"].attrs["jax"] = h5py.Empty("f4")
    file["provenance"].attrs["device"] = np.arange(9)


def one_voxel(file: h5py.File) -> None:
    for name in ("bone_volume_fraction", "il1"):
        put(name, ONE)(file)


OWN: dict[str, Kind] = {
    # numbers as another program may store them
    "big-endian": Kind(stored(IL1.astype(">f4"))),
    "double": Kind(stored(IL1.astype("f8"))),
    "half": Kind(stored(WHOLE.astype("f2")), values=WHOLE),
    "whole numbers": Kind(stored(WHOLE.astype("i8")), values=WHOLE),
    "contiguous": Kind(stored()),
    "gzip": Kind(stored(chunks=(1, 4, 3), compression="gzip", shuffle=True)),
    "lzf": Kind(stored(chunks=(5, 1, 1), compression="lzf", fletcher32=True)),
    "room to grow": Kind(stored(chunks=(8, 8, 8), maxshape=(None, None, None))),
    "extremes": Kind(stored(EXTREME), values=EXTREME),
    "one value": Kind(stored(FIVE), values=FIVE),
    "bone beyond 1": Kind(put("bone_volume_fraction", np.full(GRID.shape, 1.5))),
    # parts that this program does not need
    "unit in bytes": Kind(attribute(UNIT, "units", np.bytes_("pM"))),
    "no long name": Kind(without_attribute(UNIT, "long_name")),
    "no NeXus": Kind(without("entry")),
    "no ITK": Kind(without("ITKImage", "ITKVersion")),
    "no scales": Kind(without("z", "y", "x")),
    "time in words": Kind(instead("time", "seven days")),
    "odd provenance": Kind(odd_provenance),
    # numbers that cannot be
    "true and false": Kind(stored(IL1 > 1010), FIELD),
    "records": Kind(stored(np.zeros(GRID.shape, [("a", "f4"), ("b", "f4")])), FIELD),
    "texts": Kind(stored(np.full(GRID.shape, b"one")), FIELD),
    "a group": Kind(instead(UNIT, None), ALL),
    "a link within": Kind(instead(UNIT, h5py.SoftLink("/z")), ALL),
    "no unit": Kind(without_attribute(UNIT, "units"), ALL),
    "many units": Kind(attribute(UNIT, "units", ["pM"] * 9), FIELD),
    "another shape": Kind(one_voxel, ("index", "report"), ONE),
    # what is result of the file
    "no time": Kind(without_attribute("/", "time"), ALL),
    "time of many": Kind(attribute("/", "time", [1.0, 2.0]), ALL),
    "time as text": Kind(attribute("/", "time", "seven"), ALL),
    "time before": Kind(attribute("/", "time", -1.0), ALL),
    "time far away": Kind(attribute("/", "time", 1e300), ALL),
    "no step": Kind(without_attribute("/", "step"), ALL),
    "step of many": Kind(attribute("/", "step", np.arange(3)), ALL),
    "step of another": Kind(attribute("/", "step", np.int64(2**62))),
    "format": Kind(attribute("/", "format", np.arange(3)), ALL),
    "version": Kind(attribute("/", "format_version", h5py.Empty("f4")), ALL),
    "no size": Kind(without_attribute("VTKHDF", "Spacing"), ALL),
    "size as text": Kind(attribute("VTKHDF", "Spacing", "8 um"), ALL),
    "size of none": Kind(attribute("VTKHDF", "Spacing", np.zeros(0)), ALL),
    "place of two": Kind(attribute("/", "origin", [0.0, 0.0]), ALL),
    "direction": Kind(attribute("/", "frame_direction", np.zeros(4)), ALL),
    "direction of zeros": Kind(attribute("/", "frame_direction", np.zeros(9)), ALL),
    "long directions": Kind(attribute("/", "frame_direction", 2 * np.eye(3).ravel()), ALL),
    "flat directions": Kind(attribute("/", "frame_direction", [0.6, 0.8, 0] * 3), ALL),
    "no fields": Kind(instead(POINTS, None), ALL),
    "a number for fields": Kind(instead(POINTS, 3.0), ALL),
    "no image": Kind(without("VTKHDF"), ALL),
}
"""Kinds that tests/storage/test_edited.py does not look at one by one."""

KINDS = (
    {f"header: {name}": Kind(edit, ALL) for name, (edit, _) in HEADERS.items()}
    | {f"field: {name}": Kind(edit, FIELD) for name, (edit, _) in FIELDS.items()}
    | OWN
)


TEXTS: dict[str, tuple[str, bytes]] = {
    "run file of bytes": ("run.toml", bytes(range(256))),
    "run file cut": ("run.toml", b"[run\n"),
    "run file of no times": ("run.toml", b"[[therapy]]\ndrug = 'il4'\n"),
    "run file of a number": ("run.toml", b"therapy = 3\n"),
    "deep run file": ("run.toml", b"x = " + b"[" * 5000),
    "log of bytes": ("run.log", bytes(range(256))),
    "log that steers": ("run.log", b"2020-01-01 WARNING \x1b[2J<script>\n"),
    "metrics of bytes": ("metrics.csv", bytes(range(256))),
    "metrics of words": ("metrics.csv", b"time_day,bv_tv\nx,y\n"),
    "metrics of one column": ("metrics.csv", b"time_day\n0\n"),
    "metrics without times": ("metrics.csv", b"bv_tv\n0\n"),
    "empty metrics": ("metrics.csv", b""),
    "ledger of bytes": ("ledger.csv", bytes(range(256))),
    "ledger without times": ("ledger.csv", b"il1_residual\nnan\n"),
    "morphometry of bytes": ("morphometry.csv", bytes(range(256))),
    "morphometry of one column": ("morphometry.csv", b"time_day\n0\n"),
    "morphometry without times": ("morphometry.csv", b"bv_tv\n0\n"),
}
"""Texts beside the snapshots: name of the file and what it holds."""


def run_of_three(folder: Path) -> Path:
    """The folder of a run with three snapshots and complete tables."""
    folder.mkdir()
    write_run(folder)
    for name, columns in (("metrics.csv", METRICS), ("ledger.csv", LEDGER)):
        rows = [",".join([day] * len(columns)) for day in ("0", "7", "21")]
        (folder / name).write_text("\n".join((",".join(columns), *rows, "")))
    return folder


def tried(kind: Kind, folder: Path) -> Iterator[tuple[str, str]]:
    """Every command and what is wrong with its answer to an odd snapshot; "" if nothing is.

    Args:
        kind: what is odd.
        folder: of a run of three snapshots; it is changed.
    """
    path = list_snapshots(folder)[1]
    with h5py.File(path, "r+") as file:
        kind.edit(file)
    for name, words in {
        "info": (path,),
        "export npy": (folder, "--to", "npy", "--fields", "il1", "--out", folder / "npy"),
        "export nifti": (folder, "--to", "nifti", "--fields", "il1", "--out", folder / "nifti"),
        "index": (folder,),
        "report": (folder,),
    }.items():
        command, *form = name.split()
        result = call_command(command, *words)
        trouble = result.trouble
        if not trouble and (result.code == 2) != (command in kind.refused):
            trouble = f"exit {result.code}: {result.err or result.out}"
        if form and not trouble and not result.code:
            trouble = "" if is_exported(kind.values, folder / form[0]) else "other numbers"
        yield name, trouble


def is_exported(values: Values, folder: Path) -> bool:
    """Whether a field is that of one of the three files in a folder."""
    files = sorted(folder.iterdir())
    found = [np.load(each) if each.suffix == ".npy" else _nifti(each) for each in files]
    return len(found) == 3 and any(np.array_equal(each, values) for each in found)


def _nifti(path: Path) -> Values:
    return np.asarray(nibabel.load(path).dataobj).T


def tried_texts(name: str, content: bytes, folder: Path) -> Iterator[tuple[str, str]]:
    """Every command and what is wrong with its answer to an odd text; "" if nothing is.

    Args:
        name: of the file.
        content: of the file.
        folder: of a run of three snapshots; it is changed.
    """
    (folder / name).write_bytes(content)
    for words in (("info",), ("report",), ("plot", "--kind", "curves"), ("metrics",)):
        if words[0] in ("plot", "metrics") and name not in ("metrics.csv", "morphometry.csv"):
            continue  # they read no other
        yield words[0], call_command(*words, folder).trouble


def main() -> None:
    """Tries all that was named, prints what went wrong and how many were tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", default=[*KINDS, *TEXTS])
    start, count, failed = time.perf_counter(), 0, 0
    with tempfile.TemporaryDirectory() as name:
        whole = run_of_three(Path(name) / "whole")
        for number, kind in enumerate(parser.parse_args().kinds):
            folder = shutil.copytree(whole, Path(name) / f"{number}")
            tries = (
                tried_texts(*TEXTS[kind], folder) if kind in TEXTS else tried(KINDS[kind], folder)
            )
            for command, trouble in tries:
                count += 1
                failed += bool(trouble)
                if trouble:
                    print(f"{kind}: {command}: {trouble}", flush=True)
            shutil.rmtree(folder)
    print(f"odd files: {count} tried, {failed} failed, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
