"""ParOSol, the voxel finite elements of the field, through the wheel parosol-py.

It presses bone along z by 1/128 between platens that fix all displacements (nu = 0.3). At the start
it writes ParOSol's input and prints its versions; every line on standard input then runs the solver
once, one process of its own, and prints the time; at the end of the input it prints the results.
Time is that of the whole process: ParOSol has no separate set-up, and reads and writes files.

usage: python peer_parosol.py BONE.npy [--tolerance 1e-5]   (BONE: fraction or mask, [z, y, x])
"""

import argparse
import json
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from parosol_py.boundary_conditions import axial_compression
from parosol_py.hdf5_io import write_parosol_input
from parosol_py.load_history import pistoia_from_sed
from parosol_py.runner import (
    build_parosol_command,
    mpi_runtime_environment,
    packaged_executable,
)

STRAIN, POISSON = -1 / 128, 0.3  # exact in single precision, in which its file holds displacements
MODULUS = 1000.0  # [MPa] of full bone: its file holds GPa

DEGREE = 10  # of the Chebyshev smoother: main.cpp
SMOOTHINGS = (DEGREE - 1) + 2 * (1 + DEGREE)
"""Applications of a level's operator in a visit: MlCycle.h smooths from zero, then twice computes
the residual, visits the next level, and smooths again."""


def applications(bone: np.ndarray, levels: int) -> float:
    """Applications of the finest operator in one iteration of ParOSol, counted from its source.

    A level is visited twice at each visit of the one above it, and costs its share of the elements:
    the cells of 2^l voxels that hold bone. The coarsest level, of a few cells, is left out.
    """
    total, cells = 1.0, np.argwhere(bone)
    for level in range(levels - 1):
        here = len(np.unique(cells >> level, axis=0))
        total += 2**level * SMOOTHINGS * here / len(cells)
    return total


def element_matrix() -> np.ndarray:
    """Stiffness of a unit voxel of modulus 1, corners in the order of `product`, [24, 24]."""
    corners = np.array(list(product((0, 1), repeat=3)))
    lame, shear = POISSON / ((1 + POISSON) * (1 - 2 * POISSON)), 1 / (2 * (1 + POISSON))
    total = np.zeros((24, 24))
    for point in product((-1, 1), repeat=3):
        at = np.array(point) / np.sqrt(3)
        values = (1 + at * (2 * corners - 1)) / 2
        slopes = [(2 * corners[:, d] - 1) * np.delete(values, d, 1).prod(1) for d in range(3)]
        # gradient of component c along d, over the displacements
        gradient = np.zeros((3, 3, 8, 3))
        for c, d in product(range(3), repeat=2):
            gradient[c, d, :, c] = slopes[d]
        gradient = gradient.reshape(3, 3, 24)
        strain = (gradient + gradient.swapaxes(0, 1)) / 2
        divergence = np.einsum("ddi->i", gradient)
        total += lame * np.outer(divergence, divergence)
        total += 2 * shear * np.einsum("cdi,cdj->ij", strain, strain)
    return total / 8


def results(file: Path, bone: np.ndarray, output: str) -> dict[str, Any]:
    """Iterations, modulus and strain of a solve."""
    with h5py.File(file) as h5:
        elements, moduli = h5["Mesh/Elements"][:], h5["Mesh/Emoduli"][:, 0]
        places, moved = h5["Mesh/Coordinates"][:], h5["Solution/disp"][:]
        central = h5["Solution/SED"][:, 0]
    # corners in the order of the matrix, whatever theirs is
    offset = places[elements] - places[elements].min(1, keepdims=True)
    order = np.argsort(offset @ [4, 2, 1], axis=1)
    corners = moved[np.take_along_axis(elements, order, 1)].reshape(-1, 24)
    energy = np.einsum("ei,ij,ej,e->", corners, element_matrix(), corners, moduli / MODULUS) / 2
    # some runs print them as hexadecimal, or with blanks between sign and number
    printed = ["".join(r.split()) for r in re.findall(r"\tRel res:\s+(\+?\s*[^\s+]\S*)", output)]
    history = [float.fromhex(r) if "x" in r.lower() else float(r) for r in printed]
    iterations = len(history) - 1
    levels = len(re.findall("used Grid Size", output))
    each = applications(bone, levels)
    strain = pistoia_from_sed(central, moduli / 1000)
    effective = np.sqrt(2 * np.maximum(central, 0) / moduli) / abs(STRAIN)
    return {
        "iterations": iterations,
        "residual": history[-1],
        "history": history,
        "levels": levels,
        "applications_each": each,
        "applications": each * iterations,
        "apparent_modulus": 2 * energy / bone.size / STRAIN**2,
        "strain_98": strain["ees_at_critical_volume"] / abs(STRAIN),
        "strain_98_of_volume": float(
            np.quantile(effective, 0.98, weights=moduli, method="inverted_cdf")
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bone", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-5)
    asked = parser.parse_args()
    bone = np.load(asked.bone).astype(np.float32)
    stiffness = bone.transpose(2, 1, 0)
    coordinates, values = axial_compression(stiffness, axis="z", strain=STRAIN)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bone.h5"
        command = build_parosol_command(
            executable=packaged_executable(),
            input_file=file.name,
            outputs=("sed",),
            tolerance=asked.tolerance,
        )
        environment = mpi_runtime_environment(command)
        about = {"versions": {n: version(n) for n in ("parosol-py", "numpy", "h5py")}}
        about["versions"]["python"] = platform.python_version()
        print(json.dumps(about), flush=True)
        done = None
        for _ in sys.stdin:
            # a file that holds a solution would be started from
            write_parosol_input(
                file,
                stiffness_gpa_xyz=stiffness,
                fixed_displacement_coordinates=coordinates,
                fixed_displacement_values=values,
                voxel_size_mm=1.0,
                poisson_ratio=POISSON,
            )
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=True
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(json.dumps({"wall": time.perf_counter() - start, "cpu": cpu}), flush=True)
        if done:
            print(json.dumps(results(file, bone, done.stdout)), flush=True)


if __name__ == "__main__":
    main()
