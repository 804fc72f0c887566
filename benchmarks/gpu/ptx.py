"""Registers and spills of every kernel, from NVIDIA's own assembler."""

import importlib.util
import re
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

WORKERS = 2
_TARGET = re.compile(r"^\.target (\S+?),?\s*$", re.M)
_ENTRY = re.compile(r"\.entry\s+([\w$.]+)")
_COMPILED = re.compile(r"Compiling entry function '([^']+)'")
_SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
_REGISTERS = re.compile(r"Used (\d+) registers")


class NoData(RuntimeError):
    """Data of a check are missing, so the check fails."""


@dataclass(frozen=True)
class Kernel:
    """Kernel with its registers and spilled bytes a thread."""

    name: str
    registers: int
    spilled: int


def assembler() -> Path:
    """Path of ptxas of the package nvidia-cuda-nvcc-cu12 in this environment.

    Raises:
        NoData: it is not installed.
    """
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "cuda_nvcc" / "bin" / "ptxas"
        if path.is_file():
            return path
    raise NoData("ptxas is missing: make gpu-gate installs it")


def assembled(files: Iterable[Path], ptxas: Path) -> tuple[Kernel, ...]:
    """Kernels of the files.

    Args:
        files: PTX, as XLA dumps it.
        ptxas: the assembler.

    Raises:
        NoData: no PTX, or the assembler does not report each of its kernels.
    """
    paths = list(files)
    if not paths:
        raise NoData("no PTX: this was not compiled for an NVIDIA GPU")
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(lambda path: _kernels(path, ptxas), paths)
        return tuple(kernel for kernels in found for kernel in kernels)


def _kernels(path: Path, ptxas: Path) -> list[Kernel]:
    text = path.read_text(encoding="utf-8")
    target, entries = _TARGET.search(text), _ENTRY.findall(text)
    if not target:
        raise NoData(f"{path.name} names no target")
    command = [str(ptxas), "-v", f"-arch={target[1]}", str(path), "-o", "/dev/null"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    if done.returncode:
        raise NoData(f"ptxas failed on {path.name}: {output.strip()[:200]}")
    # it reports functions in the order it compiles them, each with spills before registers
    parts = _COMPILED.split(output)[1:]
    kernels = []
    for name, about in zip(parts[::2], parts[1::2], strict=True):
        spills, registers = _SPILLS.search(about), _REGISTERS.search(about)
        if not (spills and registers):
            raise NoData(f"ptxas reports no registers or spills of {name}")
        kernels.append(Kernel(name, int(registers[1]), int(spills[1]) + int(spills[2])))
    if sorted(kernel.name for kernel in kernels) != sorted(entries):
        raise NoData(f"ptxas reports {len(kernels)} of {len(entries)} kernels of {path.name}")
    return kernels
