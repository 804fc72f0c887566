"""A verdict ends all processes when none gets any further, and not while one works."""

from tissue.machine.verdict import (
    GRACE,
    LEAST_PATIENCE,
    LONGEST_STEP,
    LONGEST_WRITE,
    STUCK,
    Ending,
    Verdict,
)
from tissue.machine.watched_process import Status

AT_WORK = Status("here", step=5, agreements=5)


def verdict(seconds: float, *statuses: Status, verdict: Verdict | None = None) -> Ending | None:
    return (verdict or Verdict()).on(dict(enumerate(statuses)), seconds)


def test_all_end_when_all_wait_for_long() -> None:
    judge = Verdict()
    for step in range(1, 4):
        assert verdict(90.0, AT_WORK._replace(step=step), verdict=judge) is None
    here, idle = AT_WORK._replace(step=3), AT_WORK._replace(step=3, idle=1.0)
    assert verdict(6000.0, idle, here, verdict=judge) is None  # a long solve, or morphometry
    waiting = idle._replace(idle=0.0, waiting=True)
    # ten steps of 90 s are longer
    assert verdict(LEAST_PATIENCE, idle, waiting, verdict=judge) is None
    ending = verdict(301.0, idle, idle, verdict=judge)
    reason = "all processes have waited for {} min, and none has finished a step"
    assert ending == (75, reason.format(15), True)
    start = Verdict()
    assert verdict(1e5, AT_WORK._replace(step=None), verdict=start) is None  # it compiles
    ending = verdict(LEAST_PATIENCE, idle._replace(step=None), verdict=start)
    assert ending == (75, reason.format(10), True)


def test_no_step_for_very_long_ends_all() -> None:
    judge = Verdict()
    assert verdict(1.0, AT_WORK, verdict=judge) is None
    assert verdict(LONGEST_STEP - 1, AT_WORK, verdict=judge) is None
    ending = verdict(1.0, AT_WORK, verdict=judge)
    assert ending == (75, "no process has finished a step for 120 min", True)


def test_a_stopped_run_may_write_its_checkpoint() -> None:
    stopped = AT_WORK._replace(code=75, text="stopped by SIGTERM")
    assert verdict(GRACE, AT_WORK, stopped) is None
    assert verdict(LONGEST_WRITE - 1, AT_WORK, stopped) is None
    ended = (75, "process 1 of 2 on here: stopped by SIGTERM", False)
    assert verdict(LONGEST_WRITE, AT_WORK, stopped) == ended
    assert verdict(GRACE, AT_WORK._replace(idle=GRACE), stopped) == ended


def test_a_process_that_may_wait_is_not_stuck() -> None:
    here = AT_WORK._replace(agreements=6, idle=2 * STUCK)
    late, waiting = AT_WORK._replace(idle=STUCK), AT_WORK._replace(waiting=True)

    def stuck(number: int) -> Ending:
        reason = "is stuck: the others have waited for it for 30 s"
        return Ending(75, f"process {number} of 3 on here {reason}", resumable=True)

    assert verdict(1.0, late, here, here) == stuck(0)
    assert verdict(1.0, waiting, AT_WORK, here) is None  # for a shard that process 1 writes
    assert verdict(1.0, late, AT_WORK, here) is None  # for planes that process 1 computes
    assert verdict(1.0, waiting, late, here) == stuck(1)
