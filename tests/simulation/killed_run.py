"""Process of a run; process 1 is killed at the end of a step."""

import os
import signal
import sys
import time

from tissue import cli
from tissue.machine import processes
from tissue.simulation.simulation import Simulation
from tissue.simulation.step_report import Record

LAST = 3
"""Step whose end process 1 does not see."""

advance = Simulation.advance


def advance_and_die(self: Simulation) -> Record:
    """A step; the last one of process 1."""
    record = advance(self)
    if processes.own()[0] == 1 and self.step == LAST:
        time.sleep(2.0)  # until the checkpoint of the step before is on disk
        os.kill(os.getpid(), signal.SIGKILL)
    return record


if __name__ == "__main__":
    Simulation.advance = advance_and_die  # type: ignore[method-assign]
    sys.exit(cli.main())
