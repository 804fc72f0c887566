"""Place of this process among those of one run, as SLURM, Open MPI or the user names it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tissue.errors import InputError, shown

BY_HAND = "--coordinator HOST:PORT --processes N --process I"

FIRST_PORT = 61_440
PORTS = 4_096
"""Ports for coordinators that no user has chosen: the last ones of all, as JAX takes them too."""

GPU_LIST = "CUDA_VISIBLE_DEVICES"
GPUS = Path("/proc/driver/nvidia/gpus")
"""Folder in which the driver of NVIDIA has a folder for each GPU of the machine."""


class Place(NamedTuple):
    """Place of this process among those of one run.

    Attributes:
        host: of process 0, where the others report.
        port: there.
        process: number of this process, from 0.
        processes: number of all.
        local: number of this process among those on its host, from 0; None where unknown.
        on_host: number of processes on this host; None where unknown.
    """

    host: str
    port: int
    process: int
    processes: int
    local: int | None = None
    on_host: int | None = None


def place_of(
    variables: Mapping[str, str],
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
) -> Place:
    """Finds the place of this process.

    Args:
        variables: of the environment.
        coordinator: HOST:PORT, where the user gives it.
        processes: number of processes, where the user gives it.
        process: number of this one, where the user gives it.

    Raises:
        InputError: it cannot be found, or the user's numbers make no sense.
    """
    if processes is not None or process is not None:
        return _by_hand(coordinator, processes, process)
    if "OMPI_COMM_WORLD_RANK" in variables:  # first: mpirun may itself use srun
        return _open_mpi(variables, coordinator)
    if "SLURM_JOB_ID" in variables and "SLURM_PROCID" in variables:
        return _slurm(variables, coordinator)
    raise InputError(
        "--distributed finds neither SLURM nor Open MPI here; start the run with srun or mpirun, "
        f"or give each process its place with {BY_HAND}"
    )


def _by_hand(coordinator: str | None, processes: int | None, process: int | None) -> Place:
    if coordinator is None or processes is None or process is None:
        missing = [
            name
            for name, value in (
                ("--coordinator", coordinator),
                ("--processes", processes),
                ("--process", process),
            )
            if value is None
        ]
        raise InputError(f"{' and '.join(missing)} must be given too: {BY_HAND}")
    if processes < 1:
        raise InputError(f"--processes {processes}: it must be 1 or more")
    if not 0 <= process < processes:
        raise InputError(
            f"--process {process}: with --processes {processes} it must be from 0 to "
            f"{processes - 1}"
        )
    return Place(*_address(coordinator), process, processes)


def _open_mpi(variables: Mapping[str, str], coordinator: str | None) -> Place:
    rank, size = (_number(variables, f"OMPI_COMM_WORLD_{name}") for name in ("RANK", "SIZE"))
    if coordinator:
        host, port = _address(coordinator)
    else:
        # names the host of mpirun, on which it starts process 0; Open MPI 5 names none
        launcher = variables.get("OMPI_MCA_orte_hnp_uri", "")
        found = re.match(r"(\d+)\..*?(?:tcp://([^,:]+)|tcp6://\[([^,\]]+))", launcher)
        if not found:
            raise InputError(
                "this version of Open MPI does not name the host of process 0; add "
                "--coordinator HOST:PORT, with the host of process 0 and a free port"
            )
        # numbers of jobs are multiples of 2^12
        host, port = found[2] or found[3], _port(int(found[1]) // 2**12)
    local, on_host = (
        _number(variables, name) if name in variables else None
        for name in ("OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE")
    )
    return Place(host, port, rank, size, local, on_host)


def _slurm(variables: Mapping[str, str], coordinator: str | None) -> Place:
    rank, size = (_number(variables, name) for name in ("SLURM_PROCID", "SLURM_NTASKS"))
    nodes = variables.get("SLURM_STEP_NODELIST")
    if nodes is None:  # the script of a job has a SLURM_PROCID of its own
        raise InputError(
            "--distributed in the script of a SLURM job would start one process only; write srun "
            "before tissue"
        )
    if coordinator:
        host, port = _address(coordinator)
    else:
        job, step = (_number(variables, name, 0) for name in ("SLURM_JOB_ID", "SLURM_STEP_ID"))
        host, port = _first_host(nodes), _port(job + 7 * step)
    local = _number(variables, "SLURM_LOCALID", 0)
    node = _number(variables, "SLURM_NODEID", 0)
    counts = _per_node(variables.get("SLURM_STEP_TASKS_PER_NODE", ""))
    return Place(host, port, rank, size, local, counts[node] if node < len(counts) else None)


def _number(variables: Mapping[str, str], name: str, default: int | None = None) -> int:
    try:
        return int(variables[name])
    except KeyError:
        if default is not None:
            return default
        raise InputError(f"{name} is not set, which --distributed needs here") from None
    except ValueError:
        raise InputError(
            f"{name} = {shown(variables[name])} must be a whole number; start each process with "
            f"{BY_HAND} instead"
        ) from None


def _port(job: int) -> int:
    """Port that all processes of a job compute alike; other jobs of a host have others."""
    return FIRST_PORT + job % PORTS


def _address(coordinator: str) -> tuple[str, int]:
    """Host and port of HOST:PORT, or of [HOST]:PORT, as version 6 of IP needs it.

    Raises:
        InputError: it is neither.
    """
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:\[\]]+)):(\d{1,5})", coordinator)
    if not found or not 1 <= int(found[3]) <= 65_535:
        raise InputError(
            f"--coordinator {shown(coordinator)}: give HOST:PORT, such as node1:61000, with a "
            "port from 1 to 65535"
        )
    return found[1] or found[2], int(found[3])


def _first_host(nodes: str) -> str:
    """First host of a list as SLURM writes it, such as a[03-05,7],b2."""
    found = re.match(r"([^,\[]+)(?:\[(\w+)[^\]]*\])?([^,]*)", nodes)
    if not found:
        raise InputError(f"SLURM_STEP_NODELIST = {shown(nodes)} names no host")
    return f"{found[1]}{found[2] or ''}{found[3]}"


def _per_node(counts: str) -> list[int]:
    """Numbers of tasks on the nodes, of a text such as 4(x2),3."""
    found = re.findall(r"(\d+)(?:\(x(\d+)\))?", counts)
    return [int(tasks) for tasks, times in found for _ in range(int(times or 1))]


def own_gpus(place: Place, variables: Mapping[str, str], folder: Path = GPUS) -> str | None:
    """GPUs of this process, as CUDA_VISIBLE_DEVICES names them; None for all that it can see.

    Processes on one host that see the same GPUs take equal shares of them. SLURM gives each task
    its own with --gpus-per-task or --gpu-bind, and then nothing is left to share.

    Args:
        place: of this process.
        variables: of the environment.
        folder: with a folder for each GPU.
    """
    local, on_host = place.local, place.on_host
    own = any(name in variables for name in ("SLURM_GPUS_PER_TASK", "SLURM_GPU_BIND"))
    if local is None or on_host is None or on_host < 2 or own:
        return None
    if GPU_LIST in variables:
        seen = [name for name in variables[GPU_LIST].split(",") if name]
    else:
        seen = [f"{i}" for i in range(len(list(folder.iterdir())))] if folder.is_dir() else []
    share = len(seen) // on_host
    if not share:
        return None
    return ",".join(seen[local * share : (local + 1) * share])
