"""`tissue strength` beside ParOSol: stiffness and failure load, from the file of a scan on.

Ours are the numbers that the command prints. For ParOSol the scan is read with SimpleITK, cut at
the same threshold and averaged over the same blocks, all of it apart from the code of the command,
and the parts that do not reach both ends are taken out, which its equations have no solution for.
The failure load is that of its own criterion where every voxel is full or empty; where voxels are
full in part, that of its strains weighted with their bone.

usage: python benchmarks/strength.py [--quick] [--radius FILE]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import bones
import numpy as np
from compressions import EQUAL_RESIDUAL, Parosol, Row
from harness import machine, publish, record, table
from scipy import ndimage

AXES = ("x", "y", "z")
MODULUS = 10.0  # [GPa] of bone tissue
CRITICAL_STRAIN = 0.007
STIFFNESS_GOAL, LOAD_GOAL = 1e-3, 1e-2
TOLERANCE = EQUAL_RESIDUAL

HEADS = (
    *("scan", "voxel um", "BV/TV", "left out %", "axis", "stiffness N/mm", "ParOSol's"),
    *("difference", "failure load N", "ParOSol's", "difference", "within 0.1 % and 1 %"),
)


class Case(NamedTuple):
    """A scan as it is loaded.

    Attributes:
        name: of the bone.
        file: of the scan.
        threshold: bone is above it [gray value].
        spacing: edge of a voxel of the file [um].
        factor: number of them along the edge of a voxel of the grid.
    """

    name: str
    file: Path
    threshold: float
    spacing: float
    factor: int


def cases() -> Iterator[Case]:
    """Scans that are here."""
    yield Case("shrew", bones.SHREW, 128, 4.1, 2)
    if path := os.environ.get(bones.RADIUS):
        for factor in (1, 2):
            yield Case("radius", Path(path), bones.RADIUS_THRESHOLD, 60.7, factor)


def fraction(case: Case) -> np.ndarray:
    """Bone volume fraction [z, y, x] of a scan, without the code of the command."""
    solid = (bones.read(case.file) > case.threshold).astype(float)
    n, (nz, ny, nx) = case.factor, (size // case.factor for size in solid.shape)
    blocks = solid[: nz * n, : ny * n, : nx * n].reshape(nz, n, ny, n, nx, n)
    return np.asarray(blocks.mean((1, 3, 5)))


def bearing(bone: np.ndarray) -> np.ndarray:
    """Bone whose parts that do not reach both ends of the first axis are taken out."""
    parts, _ = ndimage.label(bone > 0)
    both = np.intersect1d(parts[0], parts[-1])
    return np.where(np.isin(parts, both[both > 0]), bone, 0)


def commanded(case: Case, axes: tuple[str, ...]) -> Row:
    """Numbers of `tissue strength` of a scan."""
    command = [sys.executable, "-m", "tissue", "strength", str(case.file), "--json"]
    command += ["--threshold", f"{case.threshold:g}", "--tissue-modulus", f"{MODULUS:g} GPa"]
    if case.factor > 1:
        command += ["--resample", f"{case.factor * case.spacing:g} um"]
    for axis in axes:
        command += ["--axis", axis]
    done = subprocess.run(command, capture_output=True, check=True)
    return dict(json.loads(done.stdout))


def compared(case: Case, axes: tuple[str, ...]) -> Iterator[Row]:
    """Stiffness and failure load along each axis, ours and ParOSol's."""
    found, whole = commanded(case, axes), fraction(case)
    (ours,) = found["results"]
    edge = case.factor * case.spacing / 1e3
    for axis in axes:
        along = 2 - AXES.index(axis)
        bone = bearing(np.moveaxis(whole, along, 0))
        row: Row = {
            "bone": case.name,
            "spacing": 1e3 * edge,
            "axis": axis,
            "bv_tv": ours["bv_tv"],
            "left_out": 100 * ours["left_out"][axis],
            "stiffness": ours["stiffness_N_per_mm"][axis],
            "load": ours["failure_load_N"][axis],
        }
        peer = Parosol(bone, TOLERANCE)
        peer.run()
        other = peer.end()
        if other:
            length, area = bone.shape[0] * edge, bone.shape[1] * bone.shape[2] * edge**2
            modulus = 1e3 * MODULUS * other["apparent_modulus"]
            strain = other["strain_98" if case.factor == 1 else "strain_98_of_volume"]
            row["their_bv_tv"] = float(whole.mean())
            row["their_stiffness"] = modulus * area / length
            row["their_load"] = CRITICAL_STRAIN / strain * modulus * area
            row["stiffness_error"] = abs(row["stiffness"] / row["their_stiffness"] - 1)
            row["load_error"] = abs(row["load"] / row["their_load"] - 1)
        row["failure"] = peer.failure
        yield row


def line(row: Row) -> tuple[object, ...]:
    """A line of the table."""
    theirs: tuple[object, ...] = (None,) * 2
    errors: tuple[object, ...] = (None,) * 3
    if "stiffness_error" in row:
        met = row["stiffness_error"] <= STIFFNESS_GOAL and row["load_error"] <= LOAD_GOAL
        theirs = f"{row['their_stiffness']:.6g}", f"{row['their_load']:.5g}"
        errors = *(f"{row[key]:.1e}" for key in ("stiffness_error", "load_error")), _word(met)
    return (
        *(row["bone"], f"{row['spacing']:g}", f"{row['bv_tv']:.4f}", f"{row['left_out']:.1f}"),
        *(row["axis"], f"{row['stiffness']:.6g}", theirs[0], errors[0]),
        *(f"{row['load']:.5g}", theirs[1], errors[1], errors[2]),
    )


def _word(met: bool) -> str:
    return "yes" if met else "no"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="along z only")
    parser.add_argument("--radius", help=f"file of the radius; else the variable {bones.RADIUS}")
    asked = parser.parse_args()
    if asked.radius:
        os.environ[bones.RADIUS] = asked.radius
    machine()
    start = time.perf_counter()
    axes = AXES[2:] if asked.quick else AXES
    rows = [row for case in cases() for row in compared(case, axes)]
    reasons = {row.pop("failure") for row in rows} - {""}
    if bones.RADIUS not in os.environ:
        reasons.add(f"radius left out: name its file by --radius FILE or in {bones.RADIUS}")
    parts = [table(HEADS, map(line, rows))]
    parts += [f"Left out: {reason}." for reason in sorted(reasons)]
    publish("strength", "\n\n".join(parts))
    record("strength", rows)
    print(f"\n{(time.perf_counter() - start) / 60:.1f} min")
    return 0


if __name__ == "__main__":
    sys.exit(main())
