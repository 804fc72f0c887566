"""Processes that compute one run together: joining, and agreeing on what each of them knows."""

import functools
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as Spec

import tissue.kernels  # noqa: F401 - the same 64-bit mode as in a run
from tissue.errors import InputError, RunError
from tissue.machine.host import share_memory
from tissue.machine.verdict import CRASHED, GRACE, INTERRUPTED_RUN
from tissue.machine.watched_process import Role

HEARTBEAT_LIMIT, LEAVING_LIMIT = 100, 60
"""Times after which JAX ends the process of a run that lost another one [s]. Supervisors are
faster, and say why."""

_role: Role | None = None


def join(role: Role) -> None:
    """Joins the other processes; waits for them. Nothing may have been computed yet."""
    global _role
    threading.Thread(target=_end_with_supervisor, args=[role.lifeline], daemon=True).start()
    os.set_blocking(role.reports, False)
    sys.excepthook = _crash
    jax.distributed.initialize(
        role.address,
        role.processes,
        role.process,
        cluster_detection_method="deactivate",
        heartbeat_timeout_seconds=HEARTBEAT_LIMIT,
        shutdown_timeout_seconds=LEAVING_LIMIT,
    )
    _keep_programs()
    # JAX has taken SIGTERM, of which its own service of preemption would learn
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if callable(handler):
            signal.signal(number, handler)
    share_memory(role.on_host)
    _role = role


def _keep_programs() -> None:
    """Lets this process keep its compiled programs on disk.

    JAX keeps those of process 0 alone (0.8 to 0.12), and on a CPU gives each process other names
    for the same programs, so that all others would compile in each run. JAX has no setting for
    this; where it is not as expected, it stays as it is.
    """
    jax.devices()  # takes the number of the process
    try:
        from jax._src.distributed import global_state
    except ImportError:
        return
    state: Any = global_state
    state.process_id = 0


def leave() -> None:
    """Leaves the others; all must do so at the same point of the run, and it waits for them."""
    if _role:
        wait_for_all()
        jax.distributed.shutdown()


def joined() -> bool:
    """Whether this process is one of several."""
    return _role is not None


def first() -> bool:
    """Whether this process is the one that prints and writes: the only one, or the first."""
    return _role is None or _role.process == 0


def gathered(numbers: Sequence[float]) -> np.ndarray:
    """Numbers of all processes, the same on each of them [process, number].

    All must call this at the same point of the run, in their main thread, with equally many
    numbers.
    """
    own = np.asarray([numbers], np.float64)
    if _role is None:
        return own
    _report("agreeing")
    of_each, gather = _gathering(_role.processes)
    return np.asarray(gather(jax.make_array_from_process_local_data(of_each, own)))


@functools.cache
def _gathering(processes: int) -> tuple[NamedSharding, Callable[[jax.Array], jax.Array]]:
    """Placement of the rows of processes, each on a device of its own, and what joins them."""
    firsts = {device.process_index: device for device in reversed(jax.devices())}
    devices = np.asarray([firsts[i] for i in range(processes)])
    mesh = Mesh(devices, ("process",), axis_types=(AxisType.Auto,))

    def same(rows: jax.Array) -> jax.Array:
        return rows

    of_all = jax.jit(same, out_shardings=NamedSharding(mesh, Spec()))
    return NamedSharding(mesh, Spec("process")), of_all


def different(numbers: Sequence[float]) -> int | None:
    """First process whose numbers are not exactly those of process 0; None where all are alike."""
    rows = gathered(numbers)
    for process, row in enumerate(rows):
        if not np.array_equal(row, rows[0], equal_nan=True):
            return process
    return None


def wait_for_all() -> None:
    """Waits until all processes are here."""
    gathered([0.0])


def own() -> tuple[int, int]:
    """Number of this process, and of all."""
    return (_role.process, _role.processes) if _role else (0, 1)


@contextmanager
def failing_last() -> Iterator[None]:
    """Delays an unexpected error: when another process is gone, the supervisor ends this one.

    What JAX raises then names an address and no process.
    """
    try:
        yield
    except (InputError, RunError):
        raise
    except Exception:
        wait_for_the_end()
        raise


def wait_for_the_end() -> None:
    """Waits for the supervisor to end this process, because another one has failed."""
    if _role:
        time.sleep(2 * GRACE)


def note_step(number: int) -> None:
    """Notes for the supervisor that a step is done."""
    if _role:
        _report(f"{number}")


def note_waiting() -> None:
    """Notes for the supervisor that this process waits for files of the others, as it may.

    To be repeated while it waits: its supervisor looks each half second.
    """
    if _role:
        _report("waiting")


def _report(word: str) -> None:
    assert _role
    try:
        os.write(_role.reports, f"{word}\n".encode("ascii"))
    except OSError:  # the supervisor does not read: it is held stopped, or gone
        return


def _end_with_supervisor(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when the other end is closed
    os._exit(INTERRUPTED_RUN)


def _crash(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """Ends at once, without the other processes, for which JAX would wait."""
    traceback.print_exception(kind, error, where)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(CRASHED)
