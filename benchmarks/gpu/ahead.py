"""Compilation for a GPU that this machine lacks.

Needs XLA_FLAGS with --xla_dump_to, so that the PTX can be read; `gate.py` starts it so.
"""

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from devices import Device
from hlo import Module
from jax.experimental import topologies
from jax.sharding import Mesh, Sharding, SingleDeviceSharding

WORD = 4  # bytes of a float32


@dataclass(frozen=True)
class Built:
    """Compiled program.

    Attributes:
        name: name of the program.
        voxels: of the grid, of the part of one device.
        module: its scheduled HLO.
        ptx: files of its PTX.
        thunks: kernels and copies that the runtime will issue, loops counted once; None if the
            compiler left no list.
        graphs: CUDA graphs the runtime captures them into.
        temporary: memory beyond arguments and results [B].
        seconds: to trace, lower and compile it.
    """

    name: str
    voxels: int
    module: Module
    ptx: tuple[Path, ...]
    thunks: int | None
    graphs: int
    temporary: int
    seconds: float


def dump_folder() -> Path:
    """Folder into which XLA writes what it compiled."""
    found = re.search(r"--xla_dump_to=(\S+)", os.environ.get("XLA_FLAGS", ""))
    if not found:
        raise RuntimeError("XLA_FLAGS has no --xla_dump_to: run gate.py, which sets it")
    return Path(found[1])


class Target:
    """Device to compile for.

    Attributes:
        devices: those that share a grid.
        mesh: of them, where they do; else None.
    """

    mesh: Mesh | None = None

    def __init__(self, device: Device, count: int = 1) -> None:
        """Describe the device to JAX.

        Args:
            device: GPU.
            count: number of them in one computer.

        Raises:
            RuntimeError: JAX takes it for another device than a GPU, or the dump folder is in use.
        """
        if any(dump_folder().glob("*")):
            raise RuntimeError("the dump folder must be empty, so that each PTX has its program")
        topology: Any = topologies.get_topology_desc(
            platform="cuda", target_config=device.target, topology=f"1x1x{count}"
        )
        self.devices: list[Any] = topology.devices
        platforms = {gpu.platform for gpu in self.devices}
        if len(self.devices) != count or not platforms <= {"gpu", "cuda"}:
            raise RuntimeError(f"asked for {count} GPUs, got {self.devices}")

    def sharding(self, leaf: Any) -> Sharding:
        """Place of an array: the first device."""
        return SingleDeviceSharding(self.devices[0])

    def placed(self, tree: Any) -> Any:
        """Shapes on this device of shapes, arrays and numbers."""

        def place(leaf: Any) -> jax.ShapeDtypeStruct:
            if isinstance(leaf, int | float):
                kind = jax.dtypes.canonicalize_dtype(type(leaf))
                return jax.ShapeDtypeStruct((), kind, sharding=self.sharding(leaf), weak_type=True)
            weak = getattr(leaf, "weak_type", False)
            return jax.ShapeDtypeStruct(
                leaf.shape, leaf.dtype, sharding=self.sharding(leaf), weak_type=weak
            )

        return jax.tree.map(place, tree)

    def built(self, name: str, voxels: int, function: Any, *arguments: Any) -> Built:
        """Jitted function compiled for this device.

        Args:
            name: for the reports.
            voxels: of its grid, of the part of one device.
            function: made by jax.jit.
            arguments: shapes.
        """
        start = time.perf_counter()
        return compiled(name, voxels, function.lower(*self.placed(arguments)).compile, start)


def compiled(name: str, voxels: int, compile_it: Any, start: float) -> Built:
    """Results of a compilation, in memory and on disk."""
    folder = dump_folder()
    before = set(folder.glob("*"))
    program = compile_it()
    seconds = time.perf_counter() - start
    fresh = sorted(set(folder.glob("*")) - before)
    memory = program.memory_analysis()
    return Built(
        name=name,
        voxels=voxels,
        module=Module(program.as_text()),
        ptx=tuple(p for p in fresh if p.suffix == ".ptx" and p.stat().st_size),
        thunks=_listed(fresh, "thunk_sequence.txt", r"k\w*Kernel|kCopy|kMemset\w*"),
        graphs=_listed(fresh, "thunk_sequence_after_thunk_passes.txt", "kCommandBuffer") or 0,
        temporary=int(memory.temp_size_in_bytes) if memory else 0,
        seconds=seconds,
    )


def _listed(files: list[Path], ending: str, kinds: str) -> int | None:
    """Number of lines in the list of thunks that begin with one of the kinds."""
    for path in files:
        if path.name.endswith(f".{ending}"):
            text = path.read_text(encoding="utf-8")
            return len(re.findall(rf"^\s*\d+: (?:{kinds})\b", text, re.M))
    return None
