"""Agreement of the processes that compute a run on what only one of them may know."""

import dataclasses
import platform
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tissue.errors import InputError, RunError
from tissue.machine import processes
from tissue.simulation.provenance import PANNUS, bone_hash, images, input_hash
from tissue.simulation.signal_handling import SignalHandler
from tissue.simulation.simulation import Simulation
from tissue.storage.lock import LOCK

SHOWN_LATER = 60.0
"""Time after which every host shows a new file of a shared file system [s]: NFS keeps what it knows
of a folder for up to 60 s (acdirmax in nfs(5), remembered)."""


class Agreement:
    """Agreement on when to stop, and on when to write a checkpoint.

    Attributes:
        failed: the run has failed, which all processes have found out alike.
    """

    def __init__(self, signals: SignalHandler) -> None:
        """Prepares for the steps of a run.

        Args:
            signals: those that this process receives.
        """
        self.failed = False
        self._signals = signals
        self._stop: signal.Signals | None = None

    @property
    def stop(self) -> signal.Signals | None:
        """Signal that stops the run; with several processes, once all know of it."""
        return self._stop if processes.joined() else self._signals.stop

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Lets no process end before all have written their output, unless one fails alone."""
        try:
            yield
        except RunError:
            if self.failed:
                processes.leave()
            raise
        processes.leave()

    def after(
        self, simulation: Simulation, bv_tv: float, *, due: bool, failure: BaseException | None
    ) -> bool:
        """Agrees after a step.

        Args:
            simulation: after the step.
            bv_tv: metric of the step.
            due: a checkpoint is due by the clock of this process.
            failure: error of the output of this process.

        Returns:
            Whether a checkpoint is due, by the clock or a signal of any process.

        Raises:
            BaseException: the failure of this process.
            RunError: the output of another process failed, or they no longer compute the same.
        """
        if self._signals.checkpoint_requested:
            self._signals.checkpoint_requested, due = False, True
        if processes.joined():
            due = self._together(simulation, bv_tv, due, failure)
        if failure is not None:
            raise failure
        return due

    def _together(
        self, simulation: Simulation, bv_tv: float, due: bool, failure: BaseException | None
    ) -> bool:
        processes.note_step(simulation.step)
        clock = map(float, dataclasses.astuple(simulation.controller_state))
        stop = float(self._signals.stop or 0)
        own = [stop, float(due), float(failure is not None), bv_tv, *clock]
        rows = processes.gathered(own)
        if failure is None and rows[:, 2].any():
            processes.wait_for_the_end()  # the other one gives the reason
            raise RunError(f"process {int(rows[:, 2].argmax())} could not write its output")
        for process, row in enumerate(rows):
            # bit for bit: each process chooses the length of the next step from these
            if row[3:].tobytes() != rows[0, 3:].tobytes():
                self.failed = True
                raise RunError(
                    f"stopped after step {simulation.step}: process {process} has found another "
                    "length of the step or another BV/TV than process 0; use hosts and GPUs of "
                    "one kind"
                )
        stops = [int(number) for number in rows[:, 0] if number]
        if stops:
            self._stop = signal.Signals(stops[0])
        return bool(rows[:, 1].any())


def refuse_other_folder(folder: Path) -> None:
    """Refuses a folder that is not the one in which process 0 has just locked the run.

    Raises:
        InputError: naming the host.
    """
    processes.wait_for_all()
    if processes.first():
        return
    deadline = time.monotonic() + SHOWN_LATER
    while not (folder / LOCK).is_file():
        if time.monotonic() > deadline:
            raise InputError(
                f"{folder} on {platform.node()} is not the folder of process 0: all processes need "
                "one folder, on a file system that their hosts share"
            )
        processes.note_waiting()
        time.sleep(0.1)


def refuse_other_start(simulation: Simulation | None) -> None:
    """Refuses processes that start from other checkpoints, bones or masks than process 0.

    Raises:
        InputError: naming the first of them, on all processes.
    """
    if not processes.joined():
        return
    numbers = [-1.0, 0.0, 0.0, 0.0]
    if simulation:
        bone = bone_hash(simulation.geometry.bone_volume_fraction)
        mask = images(simulation.config).get(PANNUS)  # other images are in the bone
        hashes = bone, input_hash(mask) if mask else "0"
        exact = (int(each[:12], 16) for each in hashes)
        numbers = [simulation.step, simulation.time, *exact]
    different = processes.different(numbers)
    if different is not None:
        raise InputError(
            f"process {different} starts from another checkpoint, another bone or another mask of "
            "a pannus than process 0; give all processes the same files"
        )
