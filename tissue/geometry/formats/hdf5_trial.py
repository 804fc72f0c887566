"""A trial of an HDF5 file in a process of its own.

One wrong byte can make HDF5 loop for ever, ask for all memory there is, or end the program. A file
is therefore opened by another process first, whose time and memory are bounded.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tissue.errors import InputError
from tissue.geometry.image import unreadable

CPU_SECONDS = 3.0
"""Time of the processor that may pass between two links or files: a thousand times the usual."""

MEMORY = 2 * 2**30
"""Address space of the process [bytes]: twenty times what Python, numpy and HDF5 need."""

TIMEOUT = 600.0
"""Time that a process may wait for a slow disk [s]."""

PROGRAM = "from tissue.geometry.formats.hdf5_trial import main; main()"


def tried(file: Path, dataset: str | None) -> str | None:
    """Path of the volume to read, by a process of its own.

    Args:
        file: an HDF5 file.
        dataset: path of the volume; None where the file holds one only.

    Returns:
        The path; None where no such process could be run.

    Raises:
        InputError: the file is refused, or HDF5 does not come to an end with it.
    """
    lost = unreadable(
        file, "HDF5 does not come to an end with it, as with a file that was changed or damaged"
    )
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    try:
        made = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(file.absolute()), json.dumps(dataset)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=False,
            env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise lost from None
    except (OSError, ValueError):
        return None
    if made.returncode < 0:  # ended by a signal: out of time, or a fault of HDF5
        raise lost
    try:
        answer = json.loads(made.stdout)
    except ValueError:
        return None
    if "refused" in answer:
        raise InputError(answer["refused"], key=answer["key"])
    return str(answer["path"])


def main() -> None:
    """Open the file that the arguments name, and write the path or the refusal as JSON."""
    from tissue.geometry.formats import hdf5
    from tissue.geometry.formats.hdf5_links import Tree

    file, dataset = Path(sys.argv[1]), json.loads(sys.argv[2])
    with suppress(ImportError, OSError, ValueError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        Tree.watchers.append(lambda: signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS))
    try:
        path = hdf5.choose(file, dataset)
        image = hdf5.volume_at(file, path)
        with suppress(InputError):  # one voxel, for which HDF5 goes through its table of blocks
            image.voxels((slice(0, 1), slice(0, 1), slice(0, 1)))
        answer: dict[str, str | None] = {"path": path}
    except (InputError, MemoryError) as error:
        if isinstance(error, MemoryError):
            error = unreadable(file, "it asks for more memory than a header needs")
        answer = {"refused": error.reason, "key": error.key}
    os.write(1, json.dumps(answer).encode())  # the pipe to the process that asks
