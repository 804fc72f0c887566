"""Verdict on the processes of a run: when must all end, and why."""

import signal
from collections.abc import Mapping
from typing import NamedTuple

from tissue.machine.watched_process import Status

FAILED, INTERRUPTED_RUN = 1, 75
"""Exit codes of a run that failed, and of one that `--resume` continues."""

CRASHED = 70
"""Exit code of a process that ended by an error that nothing handles."""

SILENCE = 20.0
"""Time without word of a supervisor, or in which a process is held stopped [s], after which it is
given up (assumption): far above a pause of the network, and half of what users are promised."""

STUCK = 30.0
"""Time in which a process that others wait for does no work [s], after which it is given up
(assumption)."""

GRACE = 5.0
"""Time for the other processes to end in the same way [s] (assumption)."""

LONGEST_WRITE = 300.0
"""Time for the others to write a checkpoint when the run was stopped [s]: that of a queue."""

CASCADE = 1.5
"""Time in which processes may end because another one did [s] (assumption)."""

LEAST_PATIENCE, STEPS_OF_PATIENCE = 600.0, 10.0
"""Time without a step in which all are idle, after which they are given up [s], or as many of the
longest step so far (assumptions): a queue that holds the disks of a run may take minutes."""

LONGEST_STEP = 7200.0
"""Time without a step after which all are given up even if they work [s], or as many of the longest
as above (assumption): threads that wait for a GPU take a core, as if they worked."""


class Ending(NamedTuple):
    """End of all processes.

    Attributes:
        code: exit code.
        sentence: reason, without its end; None where process 0 has printed it.
        resumable: what is on disk can be resumed.
    """

    code: int
    sentence: str | None = None
    resumable: bool = False


class Verdict:
    """Verdict that waits as long as a process may yet end by itself."""

    def __init__(self) -> None:
        self._since_exit = self._since_step = self._longest = self._all_idle = 0.0
        self._step: int | None = None

    def on(self, statuses: Mapping[int, Status], seconds: float) -> Ending | None:
        """Reason to end all processes; None while they work.

        Args:
            statuses: of every process, by its number.
            seconds: since the last call.
        """
        codes = {rank: s.code for rank, s in statuses.items() if s.code is not None}
        all_over = len(codes) == len(statuses)
        if codes:
            self._since_exit += seconds
        failed = {rank: code for rank, code in codes.items() if code > 0 and code != CRASHED}
        dead = {
            rank: code
            for rank, code in codes.items()
            # JAX aborts the others when process 0 has ended
            if code == CRASHED or (code < 0 and not (failed and code == -signal.SIGABRT))
        }
        if dead:
            if self._since_exit < CASCADE and not all_over:
                return None
            return _death(statuses, dead)
        if failed and (all_over or self._enough(statuses, max(failed.values()))):
            rank = min(failed)
            said = None if rank == 0 else f"{_name(rank, statuses)}: {statuses[rank].text}"
            return Ending(failed[rank], said)
        if all_over or (0 in codes and self._since_exit >= GRACE):
            return Ending(0) if not failed else None
        return self._lost(statuses, codes) or self._waited(statuses, codes, seconds)

    def _enough(self, statuses: Mapping[int, Status], code: int) -> bool:
        """Whether the others have had time to end in the same way.

        Where the run was stopped, they may still write what all of them have computed.
        """
        alive = [status for status in statuses.values() if status.code is None]
        limit = GRACE if not any(map(_works, alive)) or code != INTERRUPTED_RUN else LONGEST_WRITE
        return self._since_exit >= limit

    def _lost(self, statuses: Mapping[int, Status], codes: Mapping[int, int]) -> Ending | None:
        most = max(status.agreements for status in statuses.values())
        # another one that works has not come either, and this one may wait for it
        late = [s for s in statuses.values() if s.code is None and s.agreements < most]
        all_wait = not any(map(_works, late))
        for rank, status in statuses.items():
            if rank in codes:
                continue
            reason = None
            if status.silent >= SILENCE:
                reason = f"has not been heard of for {SILENCE:g} s"
            elif status.stopped >= SILENCE:
                reason = f"has been held stopped for {SILENCE:g} s"
            elif status.idle >= STUCK and status.agreements < most and all_wait:
                reason = f"is stuck: the others have waited for it for {STUCK:g} s"
            if reason:
                return Ending(INTERRUPTED_RUN, f"{_name(rank, statuses)} {reason}", resumable=True)
        return None

    def _waited(
        self, statuses: Mapping[int, Status], codes: Mapping[int, int], seconds: float
    ) -> Ending | None:
        """Verdict on a run none of whose processes gets any further."""
        step = max((s.step for s in statuses.values() if s.step is not None), default=None)
        if codes:
            return None
        self._since_step += seconds
        if all(status.idle or status.waiting for status in statuses.values()):
            self._all_idle += seconds
        if step != self._step:
            if self._step is not None:
                self._longest = max(self._longest, self._since_step)
            self._step, self._since_step, self._all_idle = step, 0.0, 0.0
        patience = STEPS_OF_PATIENCE * self._longest
        idle, longest = max(LEAST_PATIENCE, patience), max(LONGEST_STEP, patience)
        if self._all_idle >= idle:
            reason = f"all processes have waited for {idle / 60:.0f} min, and none has"
            reason += " finished a step"
        elif step is not None and self._since_step >= longest:
            # before the first step programs are compiled, and the healthy tissue is computed
            reason = f"no process has finished a step for {longest / 60:.0f} min"
        else:
            return None
        return Ending(INTERRUPTED_RUN, reason, resumable=True)


def _works(status: Status) -> bool:
    """Whether a process works, and does not wait."""
    return status.idle < GRACE and not status.waiting


def _death(statuses: Mapping[int, Status], dead: Mapping[int, int]) -> Ending:
    """End after the process that died of itself; others abort when they lose it."""
    order = {-signal.SIGABRT: 2, CRASHED: 1}
    rank = min(dead, key=lambda each: (order.get(dead[each], 0), each))
    code, status = dead[rank], statuses[rank]
    if code == CRASHED:
        why = f": {status.text}" if status.text else ""
        return Ending(FAILED, f"{_name(rank, statuses)} ended by an unexpected error{why}")
    after = "" if status.step is None else f" after step {status.step}"
    how = f"was ended by {signal.Signals(-code).name}{after}"
    return Ending(INTERRUPTED_RUN, f"{_name(rank, statuses)} {how}", resumable=True)


def _name(rank: int, statuses: Mapping[int, Status]) -> str:
    return f"process {rank} of {len(statuses)} on {statuses[rank].host}"
