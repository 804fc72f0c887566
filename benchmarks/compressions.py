"""Compression of one bone by our solver and by ParOSol, measured in turns."""

import json
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import bones
import jax
import numpy as np
from harness import HERE

from tissue.bench.timing import clocked
from tissue.kernels import elasticity
from tissue.mechanics.compression import Compression, compress, held_ends
from tissue.mechanics.hierarchy import hierarchy

PEER = HERE.parent / ".venv-peers" / "parosol"
AXIS, LOADING = "z", "platens"
TOLERANCE, COARSE_TOLERANCE, EQUAL_RESIDUAL = 1e-5, 1e-4, 1e-6

Row = dict[str, Any]


class Parosol:
    """ParOSol on one bone, ready to repeat.

    Attributes:
        failure: why there is none; empty if it runs.
    """

    def __init__(self, bone: bones.Bone, tolerance: float) -> None:
        """Write the bone where its process finds it, and start the process."""
        self.failure = _missing_peer()
        if self.failure:
            return
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "bone.npy"
        np.save(file, bone.astype(np.float32))
        script = HERE / "peers" / "peer_parosol.py"
        self._process = subprocess.Popen(
            [str(PEER / "bin" / "python"), str(script), str(file), f"--tolerance={tolerance}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def run(self) -> float:
        """CPU time of one solve [s]; zero if there is none."""
        if self.failure:
            return 0.0
        assert self._process.stdin
        print("go", file=self._process.stdin, flush=True)
        return float(self._read().get("cpu", 0.0))

    def end(self) -> Row:
        """Results of the last solve."""
        if self.failure:
            return {}
        assert self._process.stdin
        self._process.stdin.close()
        found = self._read()
        self._process.wait()
        self._folder.cleanup()
        return found

    def _read(self) -> Row:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self.failure = f"ParOSol ended with exit code {self._process.wait()}"
        return dict(json.loads(line)) if line else {}


def _missing_peer() -> str:
    failed = PEER / "failed.txt"
    if failed.exists():
        return failed.read_text(encoding="utf-8").strip()
    return "" if (PEER / "bin" / "python").exists() else "ParOSol is not installed; make peers does"


def pressed(bone: bones.Bone, tolerance: float) -> Compression:
    return compress(bone, (AXIS,), LOADING, tolerance)[AXIS]


def set_up(bone: bones.Bone) -> elasticity.Hierarchy:
    return hierarchy(bone.astype(np.float32), held_ends(AXIS, LOADING))


def memory(bone: bones.Bone) -> tuple[float, float]:
    """Bytes a voxel of bone: of the levels, and of what the compiled solve needs besides."""
    levels = set_up(bone)
    kept = sum(leaf.nbytes for leaf in jax.tree.leaves(levels))
    force = jax.numpy.zeros((bone.shape[0] + 1, 3, bone.shape[1] + 1, bone.shape[2] + 1))
    compiled = elasticity.solve.lower(levels, force.astype("float32"), 1e-5).compile()
    needs: Any = compiled.memory_analysis()
    besides = needs.temp_size_in_bytes + needs.output_size_in_bytes + force.nbytes // 2
    return float(kept / bone.sum()), float(besides / bone.sum())


def percentile(compression: Compression, bone: bones.Bone) -> float:
    """Effective strain that a fiftieth of the bone exceeds, at the centroid, over the strain."""
    energy = np.asarray(compression.centroid_energy_density, float)[bone]
    return float(np.percentile(np.sqrt(2 * np.maximum(energy, 0)), 98))


def measured(name: str, edge: int, repeats: int) -> Row:
    """Everything of one bone, ours and ParOSol's repeats in turn."""
    bone = bones.MADE[name](edge)
    fine, coarse = pressed(bone, TOLERANCE), pressed(bone, COARSE_TOLERANCE)
    jax.block_until_ready(set_up(bone))
    peer = Parosol(bone, TOLERANCE)
    whole, levels, theirs = [], [], []
    for _ in range(repeats):
        whole.append(clocked(lambda: pressed(bone, TOLERANCE).energy_density)[2])
        levels.append(clocked(lambda: set_up(bone))[2])
        theirs.append(peer.run())
    other = peer.end()
    kept, besides = memory(bone)
    row = {
        "bone": name,
        "edge": edge,
        "bv_tv": float(bone.mean()),
        "iterations": fine.iterations,
        "coarse_iterations": coarse.iterations,
        "applications": fine.applications,
        "modulus": fine.apparent_modulus,
        "cpu": median(whole),
        "set_up": median(levels),
        "cpu_all": whole,
        "set_up_all": levels,
        "bytes": kept,
        "bytes_besides": besides,
        "failure": peer.failure,
    }
    if not peer.failure:
        history = np.array(other["history"])
        row |= {
            "their_iterations": other["iterations"],
            "their_coarse_iterations": int(np.argmax(history <= COARSE_TOLERANCE)),
            "their_each": other["applications_each"],
            "their_applications": other["applications"],
            "their_cpu": median(theirs),
            "their_cpu_all": theirs,
            "work": fine.applications / other["applications"],
            "time": median(whole) / median(theirs),
        }
    return row


def compared(name: str, edge: int) -> Row:
    """Modulus and strain beside ParOSol's at the same residual."""
    bone = bones.MADE[name](edge)
    ours, peer = pressed(bone, EQUAL_RESIDUAL), Parosol(bone, EQUAL_RESIDUAL)
    peer.run()
    other = peer.end()
    row = {"bone": name, "edge": edge, "modulus": ours.apparent_modulus}
    row |= {"strain": percentile(ours, bone)}
    if other:
        row |= {
            "their_modulus": other["apparent_modulus"],
            "their_strain": other["strain_98"],
            "modulus_error": abs(ours.apparent_modulus / other["apparent_modulus"] - 1),
            "strain_error": abs(row["strain"] / other["strain_98"] - 1),
        }
    return row
